"""What dumps and scrapes cost, and what traffic notices of them."""

import fcntl
import os
import signal
import time
from contextlib import contextmanager
from statistics import median

from cases import Case, Metric
from relays import Failed

DUMP_TIMEOUT_S = 5
TIMES = 7  # so often each is measured in one round; the figures are medians
FRESH_S = 1.1  # a report is served again to whoever asks for one sooner
WINDOW_MS = 150  # of the round trips beside one report

TRIP = Metric("p50_us", "median round trip without any, µs")
BESIDE_NOTHING = Metric("worst_quiet_ms", "worst round trip without any, ms")
BESIDE_DUMP = Metric("worst_dump_ms", "beside a dump, ms")
BESIDE_SCRAPE = Metric("worst_scrape_ms", "beside a scrape, ms")
DUMP_WALL = Metric("dump_ms", "a dump takes, ms", of_relay=True)
DUMP_CPU = Metric("dump_cpu_ms", "its CPU time, ms", of_relay=True)
QUIET_CPU = Metric("cpu_quiet", "relay CPU without any, %", of_relay=True)
SCRAPE_CPU = Metric("cpu_scrape_1", "with one scrape a second, %", of_relay=True)
SCRAPES_CPU = Metric("cpu_scrape_10", "with ten, %", of_relay=True)
METRICS = (TRIP, BESIDE_NOTHING, BESIDE_DUMP, BESIDE_SCRAPE, DUMP_WALL, DUMP_CPU, QUIET_CPU, SCRAPE_CPU, SCRAPES_CPU)


@contextmanager
def _renames(folder):
    """In it, the kernel sends SIGIO when a file there gets its final name, so that nobody has to look for it."""
    before = signal.pthread_sigmask(signal.SIG_BLOCK, [signal.SIGIO])
    fd = os.open(folder, os.O_RDONLY)
    try:
        fcntl.fcntl(fd, fcntl.F_NOTIFY, fcntl.DN_RENAME | fcntl.DN_MULTISHOT)
        yield
    finally:
        os.close(fd)
        while signal.sigtimedwait([signal.SIGIO], 0):
            pass
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


def _dump(arena):
    """Seconds from the signal to the finished file."""
    with _renames(arena.folder):
        start = time.monotonic()
        os.kill(arena.running.process.pid, signal.SIGUSR1)
        if not signal.sigtimedwait([signal.SIGIO], DUMP_TIMEOUT_S):
            raise Failed("no dump in time")
        return time.monotonic() - start


def _scrapes(arena, count, rate):
    """A client that asks for the metrics so often."""
    return arena.visitor("scrape", "-c", count, "-r", rate, f"unix:{arena.folder}/http")


def _trips(arena, meanwhile):
    """Round trips on one connection, while something is done once."""
    client = arena.client("echo", "-n", 1, "-t", f"{WINDOW_MS}ms")
    client.start()
    time.sleep(WINDOW_MS / 5000)
    meanwhile()
    return client.result()


def _scrape_once(arena):
    client = _scrapes(arena, 1, 1000)

    def meanwhile():
        client.start()
        client.result()

    return meanwhile


def _latency_figures(arena):
    quiet, dump, scrape = [], [], []
    for _ in range(TIMES):
        end = time.monotonic() + FRESH_S
        quiet.append(_trips(arena, lambda: None))
        dump.append(_trips(arena, lambda: _dump(arena)))
        scrape.append(_trips(arena, _scrape_once(arena)))
        time.sleep(max(0.0, end - time.monotonic()))
    worst = {metric.key: median(trips["max_us"] for trips in measured) / 1e3
             for metric, measured in ((BESIDE_NOTHING, quiet), (BESIDE_DUMP, dump), (BESIDE_SCRAPE, scrape))}
    return {TRIP.key: median(trips["p50_us"] for trips in quiet), **worst}


def _cpu_ns(arena, function):
    before = arena.cpu_ns()
    function()
    return arena.cpu_ns() - before


def _dump_figures(arena):
    walls = []
    used = _cpu_ns(arena, lambda: walls.extend(_dump(arena) for _ in range(TIMES)))
    return {DUMP_WALL.key: median(walls) * 1e3, DUMP_CPU.key: used / TIMES / 1e6}


def _cpu_percent(arena, rate, seconds):
    client = _scrapes(arena, rate * seconds, rate)

    def run():
        client.start()
        client.result()

    return _cpu_ns(arena, run) / 1e9 / seconds * 100


def reports(pairs):
    """Of idle pairs. CPU time is measured without round trips beside it, which would be most of it."""

    def run(arena):
        arena.client("hold", "-n", pairs)
        time.sleep(1)
        quiet = _cpu_ns(arena, lambda: time.sleep(2)) / 1e9 / 2 * 100
        return {
            **_latency_figures(arena),
            **_dump_figures(arena),
            QUIET_CPU.key: quiet,
            SCRAPE_CPU.key: _cpu_percent(arena, 1, 4),
            SCRAPES_CPU.key: _cpu_percent(arena, 10, 3),
        }

    return run


def all_cases():
    for pairs in (2000, 8000):
        yield Case("Reports of idle pairs, one worker", f"reports-{pairs}", f"{pairs}", METRICS, reports(pairs),
                   pairs=pairs, relays=("weir*", "before"),
                   options=("dump_format=text", "http_listen=unix:{folder}/http"))
