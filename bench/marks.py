"""
What watermarks give and cost: one download through queues of different lengths. Its source writes time stamps into
it, so that its sink knows how old each byte is.
"""

from dataclasses import dataclass
from typing import Optional

from cases import CPU_PER_GIB, GIB, Case, Metric
from relays import Failed

MIB = 1 << 20

RATE = Metric("mib_per_s", "throughput, MiB/s", lower_is_better=False)
AGE = Metric("age_p50_ms", "age of a byte when it is read, ms: median")
AGE_P99 = Metric("age_p99_ms", "age of a byte when it is read, ms: 99th percentile")
HELD = Metric("held_percent", "source held up, % of the time")
PAUSES = Metric("pauses_per_s", "pauses per second", of_relay=True)

# A time stamp every SIZE bytes (-s), SIZE bytes at once (-p), bytes per second (-R).
SOURCES = {
    "bulk": ("-s", "64K", "-p", "256K"),
    "steady": ("-s", "4K", "-p", "64K", "-R", "32M"),
    "bursty": ("-s", "4K", "-p", "256K", "-R", "24M"),
}
# The last option of a kind counts.
READERS = {
    "fast": (),
    "slow": ("-r", "32M", "-R", "128M", "-w", "1s"),  # a quarter of what this source gives; queues fill meanwhile
    "even": ("-r", "32M"),  # a third more than a bursty source gives in the mean
    "jerky": ("-j", "50ms"),  # reads for so long, rests for so long
}
# Before what is measured (-w), and how long that is (-t). On a long path the congestion window grows for seconds.
TIMES = {
    "near": ("-w", "600ms", "-t", "700ms"),
    "client": ("-w", "3s", "-t", "1s"),
    "target": ("-w", "3s", "-t", "1s"),
}


@dataclass(frozen=True)
class Kernel:
    """Kernel buffers: of the relay's four sockets and of the two at the ends; None: the kernel's own tuning."""

    title: str
    relay: Optional[str] = None
    ends: Optional[str] = None

    def relay_options(self):
        return tuple(f"{buffer}={self.relay}" for buffer in BUFFERS) if self.relay else ()

    def load_options(self):
        return ("-B", self.ends) if self.ends else ()


BUFFERS = ("client_rcvbuf", "client_sndbuf", "target_rcvbuf", "target_sndbuf")
KERNELS = {
    "auto": Kernel("auto"),
    "64K": Kernel("64K", relay="64K"),
    "1M": Kernel("1M", relay="1M"),
    "all64K": Kernel("64K, the ends' too", relay="64K", ends="64K"),
}
PATHS = {"near": "loopback", "client": "far-client", "target": "far-target"}

# Left out is what another row says already. A fast reader leaves no queue, so it needs no second source and no other
# buffers. A bound of the relay's own buffers shows as little with a bursty or a jerky reader as none does, because the
# ends have buffers too; so there all are bounded. On the long path 64 KiB allow 3 to 6 MiB/s, whatever the queue: one
# row. Where the long path is beyond a queue that is never full, it makes no difference.
ROWS = {
    "near": (
        ("bulk", "fast", ("auto", "64K")),
        ("steady", "slow", ("auto", "64K", "1M", "all64K")),
        ("steady", "jerky", ("auto", "all64K")),
        ("bursty", "even", ("auto", "all64K")),
    ),
    "client": (
        ("steady", "fast", ("auto",)),
        ("bulk", "fast", ("auto", "1M")),
        ("steady", "slow", ("auto",)),
        ("steady", "jerky", ("1M",)),
    ),
    "target": (
        ("bulk", "jerky", ("auto", "1M", "all64K")),
    ),
}


def live(path, source, reader, kernel):
    def run(arena):
        client = arena.client("live", *TIMES[path], *SOURCES[source], *READERS[reader], *kernel.load_options())
        before = arena.cpu_ns()
        client.start()
        result = client.result()
        cpu_ns = arena.cpu_ns() - before
        client.close()
        return {
            RATE.key: result["bytes"] / MIB / result["seconds"],
            AGE.key: result["p50_us"] / 1e3,
            AGE_P99.key: result["p99_us"] / 1e3,
            HELD.key: result["held"] * 100,
            CPU_PER_GIB.key: cpu_ns / 1e9 / (result["all_bytes"] / GIB),
            PAUSES.key: _pauses(arena) / result["all_seconds"],
        }

    return run


def _pauses(arena):
    if not arena.relay.executable:
        return 0
    line = arena.running.close_line()
    if arena.relay.crowd and line["download_peak"] != "0":
        raise Failed(f"it had a queue of {line['download_peak']} bytes")
    return int(line["download_pauses"])


def _case(path, source, reader, kernel):
    # Without a relay there is no path to a far client, and no buffers to bound.
    relays = ("queue-*",) if path == "client" or KERNELS[kernel].relay else ("direct", "queue-*")
    return Case("What the marks give and cost", f"marks-{path}-{source}-{reader}-{kernel}",
                f"{source} to {reader}, {KERNELS[kernel].title}", (RATE, CPU_PER_GIB, PAUSES, HELD, AGE, AGE_P99),
                live(path, source, reader, KERNELS[kernel]), paths=(PATHS[path],), only_named=True, relays=relays,
                options=KERNELS[kernel].relay_options())


def all_cases():
    return [_case(path, source, reader, kernel)
            for path, rows in ROWS.items() for source, reader, kernels in rows for kernel in kernels]
