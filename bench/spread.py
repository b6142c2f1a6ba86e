"""How many pairs each of a relay's workers has, for relays that can be asked."""

import json
import os
import re
import signal
import socket
import time
from collections import Counter

import processes

DUMP_TIMEOUT = 5.0


def of_weir(pid, folder):
    """From the pairs in a dump, which appears as a whole."""
    dump = folder / "dump"
    dump.unlink(missing_ok=True)
    os.kill(pid, signal.SIGUSR1)
    deadline = time.monotonic() + DUMP_TIMEOUT
    while not dump.exists() and time.monotonic() < deadline:
        time.sleep(0.01)
    return list(Counter(pair["worker"] for pair in json.loads(dump.read_text())["pair"]).values())


def of_nginx(pid, _folder):
    """From the sockets of each process. Those that several have are no connections."""
    owned = [processes.descriptors(child, "socket:") for child in processes.tree(pid)]
    owners = Counter(name for sockets in owned for name in sockets)
    return [sum(owners[name] == 1 for name in sockets) // 2 for sockets in owned]


def of_haproxy(_pid, folder):
    """From the thread that each client's descriptor belongs to."""
    with socket.socket(socket.AF_UNIX) as stats:
        stats.connect(str(folder / "stats"))
        stats.sendall(b"show fd\n")
        text = b"".join(iter(lambda: stats.recv(65536), b"")).decode()
    return list(Counter(re.findall(r"tmask=(\w+) .* back=0 .* fe=relay ", text)).values())
