"""What is measured. Every case has one function that takes an arena and returns figures."""

import time
from dataclasses import dataclass
from typing import Callable, Optional

GIB = 1 << 30


@dataclass(frozen=True)
class Metric:
    key: str
    title: str
    lower_is_better: bool = True
    of_relay: bool = False  # read from the relay's process, so there is none without a relay


@dataclass(frozen=True)
class Case:
    section: str
    name: str
    title: str
    metrics: tuple
    run: Callable
    workers: Optional[int] = 1  # None: each relay's own default
    pairs: int = 1  # how many are open at the same time
    rounds: Optional[int] = None  # at most this many; None: as many as asked for
    paths: tuple = ("loopback",)  # where it is measured unless it is named
    only_named: bool = False  # measured only if it is named, and then on its own paths
    is_unix: bool = False  # over unix sockets on both sides
    asks_spread: bool = False  # how many pairs each worker has
    relays: tuple = ("*",)  # patterns of the relays it makes sense for
    options: tuple = ()  # of weir
    targets: int = 1  # addresses of one target program
    programs: int = 1  # target programs, with an address each


CPU_PER_GIB = Metric("cpu_s_per_gib", "relay CPU, s per GiB", of_relay=True)
GBIT = Metric("gbit_per_s", "throughput, Gbit/s", lower_is_better=False)
CPU_PER_TRIP = Metric("cpu_us_per_trip", "relay CPU, µs per round trip", of_relay=True)
TRIPS = Metric("trips_per_s", "round trips per second", lower_is_better=False)
CPU_PER_CONNECTION = Metric("cpu_us_per_connection", "relay CPU, µs per connection", of_relay=True)
FIRST_TENTH = Metric("first_tenth_us", "relay CPU in the first tenth, µs per connection", of_relay=True)
LAST_TENTH = Metric("last_tenth_us", "relay CPU in the last tenth, µs per connection", of_relay=True)
LAST_OVER_FIRST = Metric("last_over_first", "the last tenth's CPU over the first's", of_relay=True)
FAILED_CONNECTIONS = Metric("failed_connections", "connections that failed")
LATE_CONNECTIONS = Metric("late_connections", "connections that were not made in time")
BUSIEST = Metric("busiest_over_mean", "the busiest worker's pairs over the mean", of_relay=True)
NOTICED = Metric("noticed", "clients that noticed")
LONGEST = Metric("longest_ms", "the longest wait for an answer, ms")
CONNECTIONS = Metric("connections_per_s", "connections per second", lower_is_better=False)
HELD_PER_PAIR = Metric("held_kib_per_pair", "relay memory, KiB per pair", of_relay=True)
KERNEL_PER_PAIR = Metric("kernel_kib_per_pair", "kernel TCP buffers, KiB per pair")
HELD = Metric("held_mib", "relay memory, MiB more than before", of_relay=True)
KERNEL = Metric("kernel_mib", "kernel TCP buffers, MiB more than before")
OF_LIMIT = Metric("percent_of_limit", "throughput, % of the limit", lower_is_better=False)
CPU_PERCENT = Metric("cpu_percent", "relay CPU meanwhile, %", of_relay=True)
NEWCOMER = Metric("newcomer_open_us", "a newcomer's connect and first answer, µs")
P50 = Metric("p50_us", "median round trip, µs")
P99 = Metric("p99_us", "99th percentile, µs")
P999 = Metric("p999_us", "99.9th percentile, µs")
VERIFIED = Metric("verified_mib", "bytes compared, MiB", lower_is_better=False)

FLAGS = {"up": ("-u",), "down": ("-d",), "both": ("-u", "-d")}


def _bulk_figures(result):
    return {
        CPU_PER_GIB.key: result["cpu_ns"] / 1e9 / (result["bytes"] / GIB),
        GBIT.key: result["bytes"] * 8 / result["seconds"] / 1e9,
    }


def bulk(direction, connections, size):
    def run(arena):
        return _bulk_figures(arena.run("bulk", *FLAGS[direction], "-n", connections, "-b", size))

    return run


def verified(connections):
    def run(arena):
        result = arena.run("bulk", "-u", "-d", "-v", "-n", connections, "-b", "256M")
        return {VERIFIED.key: result["bytes"] / (1 << 20)}

    return run


def _echo_figures(result):
    return {
        CPU_PER_TRIP.key: result["cpu_ns"] / 1e3 / result["round_trips"],
        TRIPS.key: result["round_trips"] / result["seconds"],
        P50.key: result["p50_us"],
        P99.key: result["p99_us"],
        P999.key: result["p999_us"],
    }


def echo(connections, size, duration):
    def run(arena):
        return _echo_figures(arena.run("echo", "-n", connections, "-s", size, "-t", duration))

    return run


def connect(count):
    def run(arena):
        result = arena.run("connect", "-n", 16, "-c", count)
        return {
            CPU_PER_CONNECTION.key: result["cpu_ns"] / 1e3 / result["connections"],
            CONNECTIONS.key: result["connections"] / result["seconds"],
        }

    return run


def target_lost(count, after):
    """
    The first of three targets stops listening under load. It still serves whom it has accepted, so that no client
    has a reason to notice.
    """

    def run(arena):
        client = arena.client("connect", "-n", 16, "-c", count)
        client.start()
        time.sleep(after)
        arena.servers[0].start()
        result = client.result(failures=True)
        return {NOTICED.key: result["failed"], LONGEST.key: result["longest_ms"]}

    return run


def _tenths(arena, count, seconds):
    """Results of one tenth after the other, until the time is over."""
    end = time.monotonic() + seconds
    for _ in range(10):
        milliseconds = int((end - time.monotonic()) * 1000)
        if milliseconds <= 0:
            return
        result = arena.run("connect", "-f", "-n", 16, "-c", count // 10, "-T", f"{milliseconds}ms", failures=True)
        result["failed"] -= result["connections"] < count // 10  # it counts "not complete in time" as one more
        if result["connections"] > 0:
            yield result


def connect_fin(count, seconds):
    """
    Clients that end first, which leaves the relay's own port in TIME_WAIT. A relay that takes too long is cut
    off, and its last tenth is the last that it has begun.
    """

    def run(arena):
        tenths = list(_tenths(arena, count, seconds))
        done = sum(tenth["connections"] for tenth in tenths)
        each = [tenth["cpu_ns"] / 1e3 / tenth["connections"] for tenth in tenths]
        figures = {
            CPU_PER_CONNECTION.key: sum(tenth["cpu_ns"] for tenth in tenths) / 1e3 / done,
            FIRST_TENTH.key: each[0],
            LAST_TENTH.key: each[-1],
            LAST_OVER_FIRST.key: each[-1] / each[0] if each[0] > 0 else 0,
            FAILED_CONNECTIONS.key: sum(tenth["failed"] for tenth in tenths),
            LATE_CONNECTIONS.key: count - done,
        }
        if done < count:
            figures["note"] = f"cut off after {seconds} s and {done} connections"
        return figures

    return run


def balance(pairs, workers):
    def run(arena):
        arena.client("hold", "-n", pairs)
        counts = arena.spread()
        return {BUSIEST.key: max(counts) / (sum(counts) / workers)}

    return run


def idle(pairs):
    def run(arena):
        held, kernel = arena.settled_memory()
        arena.client("hold", "-n", pairs)
        held_now, kernel_now = arena.settled_memory()
        return {
            HELD_PER_PAIR.key: (held_now - held) / pairs,
            KERNEL_PER_PAIR.key: (kernel_now - kernel) / pairs,
        }

    return run


def _cpu_percent(arena, seconds):
    before, start = arena.cpu_ns(), time.monotonic_ns()
    time.sleep(seconds)
    return (arena.cpu_ns() - before) / (time.monotonic_ns() - start) * 100


def stopped(readers, *options):
    """Readers that read nothing while the server gives without end."""

    def run(arena):
        held, kernel = arena.settled_memory()
        arena.client("hold", "-d", "-n", readers, *options)
        held_now, kernel_now = arena.settled_memory()
        percent = _cpu_percent(arena, 2)
        newcomer = arena.run("echo", "-t", "200ms")
        return {
            HELD.key: (held_now - held) / 1024,
            KERNEL.key: (kernel_now - kernel) / 1024,
            CPU_PERCENT.key: percent,
            NEWCOMER.key: newcomer["open_us"],
            P50.key: newcomer["p50_us"],
            P99.key: newcomer["p99_us"],
        }

    return run


def latency_under_bulk(arena):
    """Small round trips on their own connections, beside bulk data both ways through the same relay."""
    bulk_client = arena.client("bulk", *FLAGS["both"], "-n", 16, "-t", "1800ms")
    echo_client = arena.client("echo", "-n", 8, "-t", "1300ms")
    bulk_client.start()
    time.sleep(0.3)
    echo_client.start()
    trips, transfer = echo_client.result(), bulk_client.result()
    return {
        P50.key: trips["p50_us"],
        P99.key: trips["p99_us"],
        P999.key: trips["p999_us"],
        GBIT.key: transfer["bytes"] * 8 / transfer["seconds"] / 1e9,
    }


def slow_reader(arena):
    """Eight fast downloads beside one that takes 64 KiB per second."""
    arena.client("hold", "-d", "-n", 1, "-r", "64K")
    return _bulk_figures(arena.run("bulk", "-d", "-n", 8, "-b", "1G"))


def paced(readers, *arguments):
    """Downloads whose clients take less than the server gives, all measured over the same two seconds."""

    def run(arena):
        arena.client("hold", "-d", "-n", readers, "-r", "32M", *arguments)
        return {CPU_PERCENT.key: _cpu_percent(arena, 2)}

    return run


def limited(limit, connections):
    """Downloads over ten seconds that may be so many bytes a second together."""

    def run(arena):
        result = arena.run("bulk", "-d", "-n", connections, "-t", "10s")
        return {
            OF_LIMIT.key: result["bytes"] / result["seconds"] / limit * 100,
            CPU_PERCENT.key: result["cpu_ns"] / 1e9 / result["seconds"] * 100,
        }

    return run


def crowd(connections):
    """Downloads with a limit that all want more, while nearly all of them wait."""

    def run(arena):
        client = arena.client("bulk", "-d", "-n", connections, "-t", "20s")
        client.start()
        time.sleep(8)
        percent = _cpu_percent(arena, 10)
        client.result()
        return {CPU_PERCENT.key: percent}

    return run


def growth(pairs, active):
    """Round trips on a few connections while all others are idle."""

    def run(arena):
        if pairs > active:
            arena.client("hold", "-n", pairs - active)
        return _echo_figures(arena.run("echo", "-n", active, "-t", "700ms"))

    return run


EVERYWHERE = ("loopback", "veth")
BULK = (CPU_PER_GIB, GBIT)
CONNECT = (CPU_PER_CONNECTION, CONNECTIONS)
CONNECT_FIN = (CPU_PER_CONNECTION, FIRST_TENTH, LAST_TENTH, LAST_OVER_FIRST, FAILED_CONNECTIONS,
               LATE_CONNECTIONS)
ECHO = (CPU_PER_TRIP, TRIPS, P50, P99)
STOPPED = (HELD, KERNEL, CPU_PERCENT, NEWCOMER, P50, P99)


def _bulk_cases():
    for connections in (1, 4, 16, 64, 200):
        for direction in FLAGS:
            yield Case("Bulk data, one worker", f"bulk-{direction}-{connections}", f"{direction}, {connections}", BULK,
                       bulk(direction, connections, "1G"), pairs=connections,
                       paths=("loopback",) if connections == 4 else EVERYWHERE)


def _echo_cases():
    for size in ("64", "4K"):
        for connections in (1, 64):
            yield Case("Round trips, one worker", f"echo-{size}-{connections}", f"{size} bytes, {connections}", ECHO,
                       echo(connections, size, "1s"), pairs=connections,
                       paths=EVERYWHERE if (size, connections) == ("64", 64) else ("loopback",))


def _connect_cases():
    yield Case("Short connections, one worker", "connect", "16 at a time", CONNECT, connect(5000), pairs=16,
               paths=EVERYWHERE)
    section = "Clients that end first, one worker"
    yield Case(section, "connect-fin", "60,000, at most 30 s", CONNECT_FIN, connect_fin(60000, 30), pairs=16, rounds=1,
               paths=EVERYWHERE)
    yield Case(section, "connect-fin-100000", "100,000", CONNECT_FIN, connect_fin(100000, 60), pairs=16, rounds=1,
               paths=("veth",), relays=("direct", "weir*", "before"))


FAILOVER = ("haproxy", "nginx-16k", "weir*", "before")  # relays that choose among targets


def _target_cases():
    for targets in (1, 10, 100, 1000):
        yield Case("Short connections to targets in turn, one worker", f"targets-{targets}",
                   f"{targets} target{'s' if targets > 1 else ''}, 16 at a time", CONNECT, connect(5000), pairs=16,
                   targets=targets, relays=FAILOVER)
    yield Case("One of three targets is lost under load", "target-lost", "20,000 clients, 16 at a time",
               (NOTICED, LONGEST), target_lost(20000, 0.3), pairs=16, programs=3, relays=FAILOVER)


def _unix_cases():
    section = "Unix sockets"
    yield Case(section, "unix-connect", "16 at a time", CONNECT, connect(5000), pairs=16, is_unix=True)
    yield Case(section, "unix-connect-8", "16 at a time, 8 workers", CONNECT, connect(5000), workers=8, pairs=16,
               is_unix=True)
    for direction in FLAGS:
        yield Case(section, f"unix-bulk-{direction}-16", f"{direction}, 16", BULK, bulk(direction, 16, "1G"), pairs=16,
                   is_unix=True)


def _balance_cases():
    for pairs in (8, 32, 200):
        yield Case("Long-lived pairs on 4 workers", f"balance-{pairs}", f"{pairs}", (BUSIEST,), balance(pairs, 4),
                   workers=4, pairs=pairs, asks_spread=True)


def _growth_cases():
    for pairs in (10, 100, 1000, 8000):
        yield Case("Cost of a round trip as idle pairs grow, 10 active", f"growth-{pairs}", f"{pairs} pairs",
                   (CPU_PER_TRIP, P50), growth(pairs, 10), pairs=pairs)


def _rate_cases():
    for name, limit, connections in (("10K", 10**4, 1), ("1M", 10**6, 1), ("100M", 10**8, 1), ("1G", 10**9, 16)):
        key = "download_rate" if connections == 1 else "relay_download_rate"
        for splice in ("auto", "off"):
            yield Case("Limits on rates", f"rate-{name}-{splice}", f"{name}B/s, {connections}, splice {splice}",
                       (OF_LIMIT, CPU_PERCENT), limited(limit, connections), pairs=connections, rounds=1,
                       only_named=True, relays=("weir*",), options=(f"{key}={limit}", f"splice={splice}"))
    for connections in (100, 8000):
        yield Case("Limits on rates", f"rate-crowd-{connections}", f"1MB/s, {connections}, all want more",
                   (CPU_PERCENT,), crowd(connections), pairs=connections, rounds=1, only_named=True,
                   relays=("weir*",), options=("relay_download_rate=1000000",))


def _default_cases():
    section = "Workers as each relay chooses by itself"
    yield Case(section, "auto-bulk-both-16", "both, 16", BULK, bulk("both", 16, "1G"), workers=None, pairs=16)
    yield Case(section, "auto-echo-64-64", "64 bytes, 64", (CPU_PER_TRIP, TRIPS), echo(64, "64", "1s"), workers=None,
               pairs=64)
    yield Case(section, "auto-connect", "16 at a time", CONNECT, connect(5000), workers=None, pairs=16)


def all_cases():
    stopped_section = "Stopped readers"
    return [
        Case("Every byte compared", "verify", "both, 16", (VERIFIED,), verified(16), pairs=16, rounds=1),
        *_bulk_cases(),
        *_echo_cases(),
        *_connect_cases(),
        *_target_cases(),
        *_unix_cases(),
        *_balance_cases(),
        *(Case("Idle pairs", f"idle-{pairs}", f"{pairs}", (HELD_PER_PAIR, KERNEL_PER_PAIR), idle(pairs),
               pairs=pairs, rounds=1) for pairs in (1000, 8000)),
        Case(stopped_section, "stopped-80", "80", STOPPED, stopped(80), pairs=80, rounds=1),
        Case(stopped_section, "stopped-1000", "1000, with 64 KiB at the ends", STOPPED,
             stopped(1000, "-B", "64K"), pairs=1000, rounds=1),
        Case("Round trips beside bulk data", "latency", "8 beside 16", (P50, P99, P999, GBIT), latency_under_bulk,
             pairs=24, paths=EVERYWHERE),
        Case("Fast readers beside a slow one", "slow-reader", "8 beside 1", BULK, slow_reader, pairs=9),
        *(Case("Slow readers of 32 MiB/s each", f"paced-{readers}", f"{readers}", (CPU_PERCENT,), paced(readers),
               pairs=readers) for readers in (1, 16)),
        *(Case("Slow readers of 32 MiB/s each", f"paced-{readers}-{piece}", f"{readers}, given {piece} bytes at once",
               (CPU_PERCENT,), paced(readers, "-p", piece), pairs=readers) for readers, piece in ((16, "8K"), (4, "1448"))),
        *_growth_cases(),
        *_rate_cases(),
        *_default_cases(),
    ]
