"""Entrances through takeovers: whoever comes is served, whoever must not is not."""

import errno
import os
import signal
import socket
import stat
import subprocess
import threading
import time
import urllib.request

from carriage import READY, expect, wait_for
from carried import refuses, take_over
from plain import Pair, Stage

COUNTS = (4, 1, 3, 2)  # of workers, one after the other


def change_workers(stage, count, *settings):
    stage.configure(f"workers = {count}", *settings)
    stage.weir.take_over(signal.SIGHUP)


def unix_client(path):
    client = socket.socket(socket.AF_UNIX)
    client.settimeout(15)
    client.connect(str(path))
    return client


def unix_pair(stage, name, path):
    client = unix_client(path)
    target = stage.targets[name][0].accept()
    stage.open += [client, target]
    return Pair(client, target)


class Visitor(threading.Thread):
    """Comes again and again until the end; none of its visits may fail."""

    def __init__(self, visit):
        super().__init__(daemon=True)
        self.visit, self.visits, self.wrong, self.over = visit, 0, [], False

    def run(self):
        while not self.over and len(self.wrong) < 5:
            try:
                self.visit()
                self.visits += 1
            except OSError as error:
                self.wrong.append(repr(error))

    def end(self):
        self.over = True
        self.join()
        expect(not self.wrong, f"{self.visits} visits went well, and these did not: {self.wrong}")
        expect(self.visits > 20, f"only {self.visits} visits")
        return self.visits


def serve_echo(listener):
    """A target that gives one byte back."""
    while True:
        try:
            connection, _ = listener.accept()
        except OSError:
            return
        with connection:
            connection.settimeout(15)
            connection.sendall(connection.recv(1))


def come_and_go(address, path):
    """A client of each kind, which must be served."""
    for client in (socket.create_connection(address, 15), unix_client(path)):
        with client:
            client.sendall(b"x")
            if client.recv(1) != b"x":
                raise OSError("an end in place of a byte")


def newcomers(folder, _):
    """Clients come without a break while workers become more and fewer: nobody is refused, reset or left alone."""
    with Stage(folder) as stage:
        stage.relay("any")
        path = folder / "socket"
        stage.relays["any"].listen.append(f"unix:{path}")
        target = stage.targets["any"][0].socket
        target.settimeout(None)
        for _ in range(4):
            threading.Thread(target=serve_echo, args=[target], daemon=True).start()
        stage.start("workers = 2")
        host, port = stage.relays["any"].listen[0].split(":")
        visitors = [Visitor(lambda: come_and_go((host, int(port)), path)) for _ in range(3)]
        for visitor in visitors:
            visitor.start()
        for count in COUNTS * 2:
            change_workers(stage, count)
            stage.weir.take_over()
        visits = sum(visitor.end() for visitor in visitors)
        wait_for("no pairs", lambda: not stage.weir.dump()["pair"])
        return {"visits": visits}


def scraped(folder, _):
    """HTTP is answered whenever somebody asks: who comes during a takeover waits."""
    with Stage(folder) as stage:
        stage.relay("any")
        path = folder / "http"
        stage.start("http_listen = 127.0.0.1:9348")

        def scrape():
            with urllib.request.urlopen("http://127.0.0.1:9348/metrics", timeout=15) as answer:
                expect(b"weir_build_info" in answer.read(), "no metrics")

        visitor = Visitor(scrape)
        visitor.start()
        take_over(stage, 10)
        visits = visitor.end()
        stage.configure(f"http_listen = unix:{path} mode=600 owner={os.getuid()}")
        stage.weir.reload()
        take_over(stage)
        expect(stat.S_IMODE(path.stat().st_mode) == 0o600, "another mode")
        unix_client(path).close()
        stage.weir.stop()
        expect(not path.exists(), "the path of HTTP is left behind")
        return {"visits": visits}


def can_bind(port):
    with socket.socket() as other:
        other.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            other.bind(("127.0.0.1", port))
        except OSError as error:
            expect(error.errno == errno.EADDRINUSE, f"{error}")
            return False
        return True


def turns_away(path):
    try:
        unix_client(path).close()
        return False
    except OSError:
        return True


def refusing(folder, _):
    """A relay whose targets are down refuses clients through takeovers, keeps its port, and lets clients in again."""
    with Stage(folder) as stage:
        stage.relay("down", "when_down = refuse", "check_interval = 100ms", "check_fall = 1", "check_rise = 1")
        path = folder / "socket"
        stage.relays["down"].listen.append(f"unix:{path}")
        address = stage.relays["down"].listen[0]
        port = int(address.split(":")[1])
        gone = stage.targets["down"][0].socket
        where = gone.getsockname()
        gone.close()
        stage.start("workers = 2")
        wait_for("clients are refused", lambda: refuses(address) and turns_away(path))
        for count in COUNTS:
            change_workers(stage, count)
            expect(refuses(address) and turns_away(path), "clients come in where no target is up")
            expect(not can_bind(port), "somebody else can have the port")
        gone = stage.targets["down"][0].socket = socket.create_server(where, backlog=128)
        gone.settimeout(0.5)

        def served():
            """Checks connect as well, and say nothing."""
            with socket.create_connection(("127.0.0.1", port), 15) as client:
                client.sendall(b"x")
                return take_one(gone)

        wait_for("clients come in again", lambda: not refuses(address) and not turns_away(path))
        take_over(stage)
        expect(served(), "a client that is not served")


def first_byte(listener):
    try:
        connection, _ = listener.accept()
        with connection:
            connection.settimeout(15)
            return connection.recv(1)
    except (TimeoutError, ConnectionResetError):
        return b""


def take_one(listener):
    end = time.monotonic() + 15
    while time.monotonic() < end:
        if first_byte(listener) == b"x":
            return True
    return False


def paths(folder, _):
    """The file of a unix socket is the same one after takeovers, and goes with weir unless it is another's by then."""
    with Stage(folder) as stage:
        stage.relay("mine")
        stage.relay("theirs")
        mine, theirs = folder / "mine", folder / "theirs"
        stage.relays["mine"].listen.append(f"unix:{mine} mode=640")
        stage.relays["theirs"].listen.append(f"unix:{theirs}")
        stage.start("workers = 2")
        inode = mine.stat().st_ino
        pair = unix_pair(stage, "mine", mine)
        for count in COUNTS:
            change_workers(stage, count)
            pair.say()
            unix_pair(stage, "mine", mine).say()
        expect(mine.stat().st_ino == inode, "the socket is another one")
        expect(stat.S_IMODE(mine.stat().st_mode) == 0o640, "another mode")
        stage.relays["mine"].listen[1] = f"unix:{mine} mode=600"
        stage.configure("workers = 2")
        stage.weir.reload()
        expect((mine.stat().st_ino, stat.S_IMODE(mine.stat().st_mode)) == (inode, 0o600), "no other mode by a reload")
        take_over(stage)
        (folder / "new").touch()
        (folder / "new").rename(theirs)
        pair.say()
        for each in stage.open:
            each.close()
        wait_for("no pairs", lambda: not stage.weir.dump()["pair"])
        stage.weir.stop()
        expect(not mine.exists(), "the path is left behind")
        expect(theirs.exists(), "what is another's is removed")


def start_with(weir, passed):
    """As a service manager does."""
    words = f'exec 3<&{passed}; LISTEN_PID=$$ LISTEN_FDS=1 LISTEN_FDNAMES=web exec "$@"'
    with open(weir.log, "ab") as log:
        weir.process = subprocess.Popen(["bash", "-c", words, "bash", weir.program, "-c", str(weir.ini)],
                                        stderr=log, pass_fds=[passed])
    weir.wait_log(READY)


def passed_sockets(folder, _):
    """Sockets of the service manager stay its own, and are found by their names."""
    with Stage(folder) as stage, socket.create_server(("127.0.0.1", 0)) as passed:
        stage.relay("web")
        stage.relays["web"].listen.append("systemd:web")
        stage.configure("workers = 2")
        start_with(stage.weir, passed.fileno())
        address = passed.getsockname()
        for count in COUNTS:
            with socket.create_connection(address, 15) as client:
                target = stage.targets["web"][0].accept()
                pair = Pair(client, target)
                pair.say()
                change_workers(stage, count)
                pair.say()
                target.close()
        stage.relays["web"].listen.pop()
        stage.configure("workers = 2")
        stage.weir.reload()
        take_over(stage)
        stage.relays["web"].listen.append("systemd:web")
        stage.configure("workers = 2")
        stage.weir.reload()
        with socket.create_connection(address, 15) as client:
            client.sendall(b"x")
            expect(stage.targets["web"][0].accept().recv(1) == b"x", "a socket that is wanted again")
