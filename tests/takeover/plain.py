"""A few pairs by hand: a weir, a target, and clients whose bytes are asked for one by one."""

import os
import socket
import struct
import time

from carriage import PATIENCE, Failed, Relay, Weir, expect


class Target:
    """Listens; connections are accepted by whoever asks."""

    def __init__(self):
        self.socket = socket.create_server(("127.0.0.1", 0), backlog=128)
        self.socket.settimeout(PATIENCE)
        self.address = f"127.0.0.1:{self.socket.getsockname()[1]}"

    def accept(self):
        connection, _ = self.socket.accept()
        connection.settimeout(PATIENCE)
        return connection

    def nobody_comes(self, seconds=0.3):
        self.socket.settimeout(seconds)
        try:
            self.socket.accept()
        except TimeoutError:
            self.socket.settimeout(PATIENCE)
            return True
        return False

    def close(self):
        self.socket.close()


class Pair:
    """A client and what its target sees."""

    def __init__(self, client, target):
        self.client, self.target = client, target
        self.said = 0

    def say(self):
        """A question and an answer, whose bytes are of this pair and this moment."""
        self.said += 1
        for source, sink in ((self.client, self.target), (self.target, self.client)):
            text = f"{id(self)} {self.said} {source.fileno()}\n".encode()
            source.sendall(text)
            got = receive(sink, len(text))
            expect(got == text, f"{got} in place of {text}")

    def end(self):
        for source, sink in ((self.client, self.target), (self.target, self.client)):
            source.shutdown(socket.SHUT_WR)
            expect(sink.recv(1) == b"", "bytes in place of an end")
        self.client.close()
        self.target.close()

    def was_reset(self):
        """Both sides see a reset."""
        return is_reset(self.client) and is_reset(self.target)


def receive(connection, size):
    got = b""
    while len(got) < size:
        try:
            piece = connection.recv(size - len(got))
        except OSError as error:
            raise Failed(f"{error} after {len(got)} of {size} bytes") from error
        expect(piece, f"an end after {len(got)} of {size} bytes")
        got += piece
    return got


def is_reset(connection):
    try:
        while connection.recv(65536):
            pass
        return False
    except (ConnectionResetError, BrokenPipeError):
        return True
    except TimeoutError:
        return False


def reset(connection):
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    connection.close()


class Stage:
    """A weir with relays to targets of its own; all ends with it."""

    FIRST_PORT = 11000

    def __init__(self, folder, program=None):
        self.weir = Weir(folder, program) if program else Weir(folder)
        self.relays, self.targets, self.open = {}, {}, []

    def relay(self, name, *keys, targets=1):
        """Adds one, or gives it other keys."""
        mine = self.targets.setdefault(name, [Target() for _ in range(targets)])
        listen = self.relays[name].listen if name in self.relays else [f"127.0.0.1:{self.FIRST_PORT + len(self.relays)}"]
        more = [f"target = {target.address}" for target in mine[1:]]
        self.relays[name] = Relay(name, mine[0].address, listen, [*more, *keys])

    def configure(self, *settings):
        self.weir.configure(self.relays.values(), settings)

    def start(self, *settings):
        self.configure(*settings)
        self.weir.start()

    def connect(self, name):
        host, port = self.relays[name].listen[0].split(":")
        client = socket.create_connection((host, int(port)), PATIENCE)
        self.open.append(client)
        return client

    def pair(self, name):
        client = self.connect(name)
        target = self.targets[name][0].accept()
        self.open.append(target)
        return Pair(client, target)

    def record(self, name):
        return next(relay for relay in self.weir.dump()["relay"] if relay["name"] == name)

    def close(self):
        self.weir.close()
        for one in self.open:
            one.close()
        for targets in self.targets.values():
            for target in targets:
                target.close()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()


class Manager:
    """A service manager, which remembers what it is told."""

    def __init__(self, weir):
        name = f"\0weir-takeover-{os.getpid()}-{time.monotonic_ns()}"
        self.socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_NONBLOCK)
        self.socket.bind(name)
        weir.environment["NOTIFY_SOCKET"] = "@" + name[1:]
        self.messages = []

    def told(self):
        while True:
            try:
                self.messages.append(self.socket.recv(65536).decode())
            except BlockingIOError:
                return self.messages
