"""What the kernel knows about a relay: its CPU time, its memory, its listening socket."""

import fcntl
import os
import re
import struct
import termios
import time
from pathlib import Path

TICKS_PER_SECOND = os.sysconf("SC_CLK_TCK")
PAGE_KIB = os.sysconf("SC_PAGE_SIZE") // 1024
LISTEN_STATE = "0A"
ACCEPTS = "00010000"  # a unix socket that listens
ATTEMPTS = 10


def _stat_fields(pid):
    """The fields of /proc/PID/stat after the command's name; index 0 is the state."""
    return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()


def _parents():
    parents = {}
    for entry in os.listdir("/proc"):
        if entry.isdigit():
            try:
                parents[int(entry)] = int(_stat_fields(entry)[1])
            except (FileNotFoundError, ProcessLookupError):
                pass  # ended meanwhile
    return parents


def tree(root):
    """The processes that descend from root, root first."""
    parents = _parents()
    found = [root]
    for pid in found:
        found += [child for child, parent in parents.items() if parent == pid]
    return found


def _own_ns(pid):
    """
    CPU time of all its threads, including those that have ended. The number is what clock_getcpuclockid(3) gives
    for the process.
    """
    return time.clock_gettime_ns((~pid << 3) | 2)


def _reaped_ns(pid):
    """CPU time of children that have been reaped, which is counted in ticks."""
    fields = _stat_fields(pid)
    return (int(fields[13]) + int(fields[14])) * 1_000_000_000 // TICKS_PER_SECOND


def cpu_ns(root):
    """CPU time in ns of root and all its descendants, including those already reaped."""
    for _ in range(ATTEMPTS):
        before = tree(root)
        try:
            total = sum(_own_ns(pid) + _reaped_ns(pid) for pid in before)
        except OSError:
            continue  # one ended between the listing and the reading
        if tree(root) == before:
            return total
    raise RuntimeError("the relay's processes change too fast to be measured")


def resident_kib(root):
    """Proportional set size, so that pages shared by several processes count once."""
    total = 0
    for pid in tree(root):
        try:
            text = Path(f"/proc/{pid}/smaps_rollup").read_text()
        except (FileNotFoundError, ProcessLookupError):
            continue
        total += int(re.search(r"^Pss:\s+(\d+) kB", text, re.MULTILINE).group(1))
    return total


def descriptors(pid, kind):
    """The process's descriptors of one kind, as in pipe: and socket: - the name of each, with a path to it."""
    found = {}
    for path in Path(f"/proc/{pid}/fd").iterdir():
        try:
            name = os.readlink(path)
        except FileNotFoundError:
            continue  # closed meanwhile
        if name.startswith(kind):
            found[name] = path
    return found


def _unread_bytes(path):
    try:
        fd = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
    except FileNotFoundError:
        return 0  # closed meanwhile
    try:
        return struct.unpack("i", fcntl.ioctl(fd, termios.FIONREAD, b"\0" * 4))[0]
    finally:
        os.close(fd)


def piped_kib(root):
    """KiB that wait in pipes, which no process's memory includes."""
    pipes = {}
    for pid in tree(root):
        try:
            pipes.update(descriptors(pid, "pipe:"))
        except (FileNotFoundError, ProcessLookupError):
            continue
    return sum(map(_unread_bytes, pipes.values())) / 1024


def tcp_memory_kib():
    """KiB in the buffers of all TCP sockets of the machine."""
    text = Path("/proc/net/sockstat").read_text()
    return int(re.search(r"^TCP:.* mem (\d+)", text, re.MULTILINE).group(1)) * PAGE_KIB


def _sockets(pid, kind):
    """The fields of each line in a table of the process's network."""
    try:
        return [line.split() for line in Path(f"/proc/{pid}/net/{kind}").read_text().splitlines()[1:]]
    except OSError:
        return []  # the process has ended


def is_listening(pid, address):
    """
    Whether any socket in the process's network listens there, at HOST:PORT or unix:PATH. It does not connect, as
    that would open a first pair.
    """
    if address.startswith("unix:"):
        path = address.removeprefix("unix:")
        # HAProxy binds to a longer name and renames the file.
        return os.path.exists(path) and any(
            fields[3] == ACCEPTS and fields[-1].startswith(path) for fields in _sockets(pid, "unix"))
    suffix = f":{int(address.rpartition(':')[2]):04X}"
    return any(fields[1].endswith(suffix) and fields[3] == LISTEN_STATE for fields in _sockets(pid, "tcp"))
