"""Places that a wire joins (tests/world/wire.c): slow, lossy and long paths on either side of the relay."""

import os
import subprocess
import tempfile
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass

import paths

LINKS = {"client": 2, "target": 3}  # of the wire: the last byte of their addresses
NEAR = f"{paths.WIRE_NETWORK}.1"
WIRE_MADE = "ip tuntap add dev wire mode tun\nip link set wire txqueuelen 10000\n"


@dataclass(frozen=True)
class WiredPlaces(paths.Places):
    orders: str = ""  # what the wire obeys

    def order(self, side, *lines):
        with open(self.orders, "r+b", buffering=0) as fifo:
            for line in lines:
                fifo.write(f"{LINKS[side]} {line}\n".encode())


def _start(stack, pid, orders):
    os.mkfifo(orders)
    program = subprocess.Popen([*paths.prefix(pid), paths.WIRE, "wire", orders])
    stack.callback(program.wait)
    stack.callback(program.terminate)
    return program


def _far_address(side, links):
    return f"{paths.WIRE_NETWORK}.{LINKS[side]}" if side in links else ""


@contextmanager
def wired(control, links):
    """Links are orders by the side that is behind that link. Without any, a side is near."""
    with ExitStack() as stack:
        pid = stack.enter_context(paths.namespace())
        paths.configure(pid, WIRE_MADE + paths.attach("wire", paths.WIRE_NETWORK, 1, control=control))
        orders = os.path.join(stack.enter_context(tempfile.TemporaryDirectory(prefix="weir-wire-")), "orders")
        program = _start(stack, pid, orders)
        paths.wait_for_wire(pid, program)
        there = paths.prefix(pid)
        places = WiredPlaces(paths.Place(NEAR, there),
                             paths.Place(NEAR, there, _far_address("client", links)),
                             paths.Place(NEAR, there, _far_address("target", links)), orders)
        for side, lines in links.items():
            places.order(side, *lines)
        yield places
