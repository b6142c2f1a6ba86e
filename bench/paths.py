"""How client, relay and target reach one another: over loopback, or in network namespaces of their own."""

import os
import subprocess
import tempfile
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from typing import Callable, ContextManager

from relays import LOAD_CPUS

CONGESTION_CONTROL = "cubic"
FAR_MS = 20  # the round trip on a long path
WIRE = os.environ.get("WIRE", "wire")  # the program, tests/world/wire.c
WIRE_NETWORK = "203.0.113"
CLIENT_NETWORK, TARGET_NETWORK = "192.0.2", "198.51.100"  # documentation addresses: they clash with nothing


class Unavailable(Exception):
    """This machine cannot have that path."""


@dataclass(frozen=True)
class Place:
    """Where one role runs: its address, and what comes before the command of a process there."""

    address: str
    prefix: tuple = ()
    far_address: str = ""  # how the others reach it, if not at its address

    def reached(self, address):
        """What the others connect to for what listens here at that address."""
        return address.replace(self.address, self.far_address) if self.far_address else address


@dataclass(frozen=True)
class Places:
    client: Place
    relay: Place
    target: Place


@dataclass(frozen=True)
class Path:
    name: str
    about: str
    places: Callable[[], ContextManager[Places]]  # made for one measurement, gone after it
    needs_root: bool = False


@contextmanager
def _loopback():
    here = Place("127.0.0.1")
    yield Places(here, here, here)


@contextmanager
def namespace():
    """
    A new network namespace, as the pid of a process in it. It has no name: it ends with its last process, and
    that one ends when its standard input does, so nothing is left behind even if we are killed.
    """
    holder = subprocess.Popen(["unshare", "--net", "sh", "-c", "echo; exec cat"], stdin=subprocess.PIPE,
                              stdout=subprocess.PIPE, start_new_session=True)
    try:
        if holder.stdout.readline() != b"\n":
            raise Unavailable("unshare(1) cannot make a network namespace")
        yield holder.pid
    finally:
        holder.stdin.close()
        holder.wait()
        holder.stdout.close()


def prefix(pid):
    """What runs a command in the namespace of that process. It execs, so the pid stays that of the command."""
    return ("nsenter", f"--net=/proc/{pid}/ns/net")


def configure(pid, script):
    """Runs lines of sh in the namespace of that process."""
    done = subprocess.run([*prefix(pid), "sh", "-e"], input="ip link set lo up\n" + script, capture_output=True,
                          text=True, check=False)
    if done.returncode != 0:
        raise Unavailable(done.stderr.strip())


def attach(device, network, host, gateway=None, control=CONGESTION_CONTROL):
    """
    Lines of sh that give a device its address. Routes name the congestion control: setting the namespace's
    default would need it in the first namespace's tcp_allowed_congestion_control.
    """
    lines = [
        f"ip address add {network}.{host}/24 dev {device} noprefixroute",
        f"ip link set {device} up",
        f"ip route add {network}.0/24 dev {device} congctl {control}",
    ]
    if gateway:
        lines.append(f"ip route add default via {network}.{gateway} congctl {control}")
    return "\n".join(lines) + "\n"


# A client that ends first keeps its port for a minute. It must not run out of them before a relay does, whose
# own namespace stays as the kernel makes it.
MANY_PORTS = """
echo 1024 65535 >/proc/sys/net/ipv4/ip_local_port_range
echo 1 >/proc/sys/net/ipv4/tcp_tw_reuse
"""
FORWARD = "echo 1 >/proc/sys/net/ipv4/ip_forward\n"  # for clients without a relay


@contextmanager
def _veth():
    with ExitStack() as stack:
        client, relay, target = (stack.enter_context(namespace()) for _ in range(3))
        configure(relay, f"ip link add name client type veth peer name relay netns {client}\n"
                         f"ip link add name target type veth peer name relay netns {target}\n"
                         + attach("client", CLIENT_NETWORK, 1) + attach("target", TARGET_NETWORK, 1) + FORWARD)
        configure(client, attach("relay", CLIENT_NETWORK, 2, gateway=1) + MANY_PORTS)
        configure(target, attach("relay", TARGET_NETWORK, 2, gateway=1))
        yield Places(
            Place(f"{CLIENT_NETWORK}.2", prefix(client)),
            Place(f"{CLIENT_NETWORK}.1", prefix(relay)),
            Place(f"{TARGET_NETWORK}.2", prefix(target)),
        )


def _wire(stack, pid):
    """
    Joins link 2 of a wire to that namespace: whoever connects to .2 reaches .1 later. The wire stays off the
    relay's CPU.
    """
    configure(pid, "ip tuntap add dev wire mode tun vnet_hdr\nip link set wire txqueuelen 10000\n"
                   + attach("wire", WIRE_NETWORK, 1))
    orders = os.path.join(stack.enter_context(tempfile.TemporaryDirectory(prefix="weir-wire-")), "orders")
    os.mkfifo(orders)
    placed = ("taskset", "-c", ",".join(map(str, LOAD_CPUS))) if LOAD_CPUS else ()
    program = subprocess.Popen([*prefix(pid), *placed, WIRE, "wire", orders, "large"])
    stack.callback(program.wait)
    stack.callback(program.terminate)
    with open(orders, "r+b", buffering=0) as fifo:
        fifo.write(f"2 delay {FAR_MS // 2}\n".encode())
        wait_for_wire(pid, program)


def wait_for_wire(pid, program):
    """Waits until a packet has come back over link 2: the wire is there and has read its order."""
    probe = ("import socket; s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM); "
             f"s.bind(('{WIRE_NETWORK}.1', 0)); s.settimeout(0.1)\n"
             "for _ in range(50):\n"
             f" s.sendto(b'x', ('{WIRE_NETWORK}.2', s.getsockname()[1]))\n"
             " try: s.recv(1); break\n"
             " except TimeoutError: pass\n"
             "else: raise SystemExit(1)\n")
    if subprocess.run([*prefix(pid), "python3", "-c", probe], check=False).returncode != 0:
        raise Unavailable(f"the wire carries nothing; {WIRE} has ended with {program.poll()}")


@contextmanager
def _far(arrange):
    """One namespace for all. arrange makes places of a near one and one that is reached over the wire."""
    with ExitStack() as stack:
        pid = stack.enter_context(namespace())
        _wire(stack, pid)
        there = prefix(pid)
        yield arrange(Place("127.0.0.1", there), Place(f"{WIRE_NETWORK}.1", there, f"{WIRE_NETWORK}.2"))


PATHS = {
    path.name: path
    for path in (
        Path("loopback", "everything on 127.0.0.1", _loopback),
        Path("veth", f"a network namespace each, veth pairs between them, {CONGESTION_CONTROL}", _veth, needs_root=True),
        Path("far-client", f"{FAR_MS} ms round trip between client and relay, {CONGESTION_CONTROL}; the target near",
             lambda: _far(lambda near, far: Places(near, far, near)), needs_root=True),
        Path("far-target", f"{FAR_MS} ms round trip between relay and target, {CONGESTION_CONTROL}; the client near",
             lambda: _far(lambda near, far: Places(near, near, far)), needs_root=True),
    )
}


def check(path):
    """Raises Unavailable unless this machine can have the path."""
    if path.needs_root and os.geteuid() != 0:
        raise Unavailable("network namespaces need root")
    with path.places():
        pass
