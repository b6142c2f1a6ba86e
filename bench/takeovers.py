"""What it costs the pairs when another program takes over."""

import os
import re
import signal
import time
from statistics import median

from cases import Case, Metric
from relays import Failed

TIMES = 5  # takeovers in one round; the figures are medians
TIMEOUT_S = 20
WINDOW_MS = 1500  # of the round trips beside one takeover
TAKEN_OVER = re.compile(r"has taken over from .* (\d+) pairs, paused for (\d+) ms")

QUIET = Metric("worst_quiet_ms", "worst round trip without any, ms")
TRIP = Metric("worst_trip_ms", "beside a takeover, ms")
PAUSE = Metric("pause_ms", "pause that weir reports, ms", of_relay=True)
WALL = Metric("takeover_ms", "from the signal to the end, ms", of_relay=True)
CUT = Metric("cut", "pairs cut", of_relay=True)

TRIPPING = 10  # pairs of each client that trips; they stay until the end


def _said(arena):
    return TAKEN_OVER.findall((arena.folder / "relay.log").read_text(errors="replace"))


def _take_over(arena):
    """Milliseconds from the signal to the line of the log, and what that says: pairs, milliseconds."""
    before = len(_said(arena))
    start = time.monotonic()
    os.kill(arena.running.process.pid, signal.SIGUSR2)
    while len(said := _said(arena)) == before:
        if time.monotonic() - start > TIMEOUT_S:
            raise Failed("no takeover in time")
        time.sleep(0.002)
    return (time.monotonic() - start) * 1e3, *map(int, said[-1])


def _worst_ms(arena, meanwhile):
    """The worst round trip on ten connections, while something is done once."""
    client = arena.client("echo", "-n", TRIPPING, "-t", f"{WINDOW_MS}ms")
    client.start()
    time.sleep(WINDOW_MS / 5000)
    meanwhile()
    return client.result()["max_us"] / 1e3


def takeover(pairs):
    def run(arena):
        arena.client("hold", "-n", pairs - TRIPPING)
        quiet = median(_worst_ms(arena, lambda: None) for _ in range(TIMES))
        done = []
        worst = [_worst_ms(arena, lambda: done.append(_take_over(arena))) for _ in range(TIMES)]
        walls, carried, pauses = zip(*done)
        cut = max(pairs + TRIPPING * (TIMES + turn) - count for turn, count in enumerate(carried))
        return {QUIET.key: quiet, TRIP.key: median(worst), PAUSE.key: median(pauses), WALL.key: median(walls),
                CUT.key: cut}

    return run


def all_cases():
    for pairs in (100, 1000, 8000):
        yield Case("Another program takes over, idle pairs and ten that trip", f"takeover-{pairs}", f"{pairs}",
                   (QUIET, TRIP, PAUSE, WALL, CUT), takeover(pairs), pairs=pairs, rounds=1, relays=("weir",))
