"""How client, relay and target reach one another: over loopback, or in network namespaces of their own."""

import os
import subprocess
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from typing import Callable, ContextManager

CONGESTION_CONTROL = "cubic"
CLIENT_NETWORK, TARGET_NETWORK = "192.0.2", "198.51.100"  # documentation addresses: they clash with nothing


class Unavailable(Exception):
    """This machine cannot have that path."""


@dataclass(frozen=True)
class Place:
    """Where one role runs: its address, and what comes before the command of a process there."""

    address: str
    prefix: tuple = ()


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


def attach(device, network, host, gateway=None):
    """
    Lines of sh that give a device its address. Routes name the congestion control: setting the namespace's
    default would need it in the first namespace's tcp_allowed_congestion_control.
    """
    lines = [
        f"ip address add {network}.{host}/24 dev {device} noprefixroute",
        f"ip link set {device} up",
        f"ip route add {network}.0/24 dev {device} congctl {CONGESTION_CONTROL}",
    ]
    if gateway:
        lines.append(f"ip route add default via {network}.{gateway} congctl {CONGESTION_CONTROL}")
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


PATHS = {
    path.name: path
    for path in (
        Path("loopback", "everything on 127.0.0.1", _loopback),
        Path("veth", f"a network namespace each, veth pairs between them, {CONGESTION_CONTROL}", _veth, needs_root=True),
    )
}


def check(path):
    """Raises Unavailable unless this machine can have the path."""
    if path.needs_root and os.geteuid() != 0:
        raise Unavailable("network namespaces need root")
    with path.places():
        pass
