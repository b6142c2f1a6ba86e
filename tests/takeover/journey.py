"""Passengers through many takeovers in a row, and what must hold before, between and after them."""

import re
import time
from dataclasses import dataclass, field
from statistics import median

from carriage import KINDS, Passengers, Relay, Weir, expect, wait_for

FIRST_PORT = 10000      # of entrances; below those that the kernel gives to connections
TIMER_TOLERANCE = 1.0   # seconds
AGE_TOLERANCE_MS = 500
SETTLED = 10            # takeovers after which nothing may grow any more
GROWTH_KIB = 4096
SPARE_PIPES = 2 * 16    # descriptors that a worker may keep
LIVE = ("flow", "bulk", "ping", "idle", "paused", "heavy", "half")
# Counters of a relay that only grow, as whatever is counted there.
GROWING = ("accepted", "refused", "denied", "connect_failed", "upload_bytes", "download_bytes", "pauses",
           "paused_ms", "shortages")


def entrances(folder):
    """Where each kind comes in. Flows come by all sorts of them."""
    all_kinds = {kind: [f"127.0.0.1:{FIRST_PORT + number}"] for number, kind in enumerate(KINDS)}
    ports = range(FIRST_PORT + 100, FIRST_PORT + 104)
    all_kinds["flow"] += [f"unix:{folder}/flow.socket", "unix:@weir-takeover", *(f"127.0.0.1:{port}" for port in ports)]
    return all_kinds


def listens(addresses):
    """As relay.ini has it: the ports of a range are one line."""
    ports = [address for address in addresses if address.startswith(f"127.0.0.1:{FIRST_PORT + 100 // 100}")
             and int(address.rsplit(":", 1)[1]) >= FIRST_PORT + 100]
    rest = [address for address in addresses if address not in ports]
    return rest + ([f"{ports[0]}-{ports[-1].rsplit(':', 1)[1]}"] if ports else [])


@dataclass
class Look:
    """Weir at one moment: that of the report is between since and until."""

    since: float
    report: dict
    until: float
    descriptors: dict
    resident_kib: int
    threads: int

    def relay(self, name):
        return next(relay for relay in self.report["relay"] if relay["name"] == name)

    def pairs(self, relay):
        return {pair["id"]: pair for pair in self.report["pair"] if pair["relay"] == relay}


@dataclass
class Journey:
    """One weir and its passengers."""

    folder: object
    pairs: int
    settings: list = field(default_factory=list)
    defaults: list = field(default_factory=list)
    left_out: tuple = ()     # kinds
    looks: list = field(default_factory=list)
    marks: list = field(default_factory=list)
    lines: list = field(default_factory=list)  # of the log, one of each takeover

    def begin(self):
        self.weir, self.passengers = Weir(self.folder), Passengers(self.folder)
        self.entrances = {kind: where for kind, where in entrances(self.folder).items() if kind not in self.left_out}
        self.weir.configure(self.relays(), self.settings, self.defaults)
        self.weir.start()
        self.passengers.board(self.entrances, self.pairs)
        wait_for("flows that are paused", self._has_paused)
        self.passengers.mark()
        self.look()

    def relays(self):
        return [Relay(kind, self.passengers.targets[kind], listens(where), KINDS[kind])
                for kind, where in self.entrances.items()]

    def _has_paused(self):
        pairs = [pair for pair in self.weir.dump()["pair"] if pair["relay"] == "paused"]
        paused = sum(any(flow["reading"] == "paused" for flow in pair["flow"]) for pair in pairs)
        return paused >= len(pairs) / 3

    # ---- between takeovers ----

    def look(self, live=LIVE):
        """Compares with the last look. live: kinds whose pairs are all still there."""
        weir = self.weir
        look = Look(time.monotonic(), weir.dump(), time.monotonic(), weir.descriptors(), weir.resident_kib(),
                    weir.threads())
        if self.looks:
            compare(self.looks[-1], look, live)
        self.looks.append(look)
        handed_over = [kind for kind in look.descriptors if kind.startswith("memfd:")]
        expect(not handed_over, f"memory files that nobody needs any more: {handed_over}")
        expect(not self.passengers.complaints(), f"passengers complain:\n{self.passengers.complaints()[:2000]}")
        return look

    def take_over(self, order=None):
        """One takeover. Without an order: what is measured without any."""
        began = time.monotonic()
        if order:
            self.lines.append(order())
        else:
            time.sleep(0.05)
        took = time.monotonic() - began
        self.look()
        self.marks.append({**self.passengers.mark(), "took_ms": round(1000 * took)})

    # ---- the end ----

    def end(self):
        moved = self.passengers.finish()
        wait_for("no pairs", lambda: not self.weir.dump()["pair"])
        look = self.look(live=())
        expect_flat(self.looks)
        for kind, sums in moved.items():
            expect_sums(kind, sums, look.relay(kind))
            expect_in_time(kind, sums, self.passengers.own_delay, max(pauses_ms(self.lines), default=0) / 1e3)
        self.weir.stop()
        expect_clean_log(self.weir)
        return moved

    def close(self):
        self.weir.close()
        self.passengers.close()


def compare(before, after, live=LIVE):
    """Nothing that is counted goes back, and no pair begins anew."""
    elapsed_ms = [1000 * (after.since - before.until), 1000 * (after.until - before.since)]
    for key in ("pid", "version"):
        expect(before.report["weir"][key] == after.report["weir"][key], f"another {key}")
    expect(after.report["weir"]["uptime_ms"] >= before.report["weir"]["uptime_ms"], "uptime_ms goes back")
    for relay in before.report["relay"]:
        now = next((other for other in after.report["relay"] if other["name"] == relay["name"]), None)
        if now:
            compare_counters(relay, now)
    old = {pair["id"]: pair for pair in before.report["pair"]}
    ids = {pair["id"] for pair in after.report["pair"]}
    expect(len(ids) == len(after.report["pair"]), "an id twice")
    for pair in after.report["pair"]:
        if pair["id"] in old:
            compare_pairs(old[pair["id"]], pair, elapsed_ms)
    for pair in old.values():
        if pair["relay"] in live:
            expect(pair["id"] in ids, f"pair {pair['id']} of {pair['relay']} is not there any more")


def compare_counters(before, after):
    for key in GROWING:
        expect(after.get(key, 0) >= before.get(key, 0),
               f"{key} of relay {before['name']} went back from {before.get(key)} to {after.get(key)}")


def compare_pairs(before, after, elapsed_ms):
    name = f"pair {before['id']} of {before['relay']}"
    expect(before["relay"] == after["relay"], f"{name} is another one")
    if before["relay"] != "header":  # which says who the client is, once it is there
        expect(before["client"] == after["client"], f"{name} has another client")
    grown = after["age_ms"] - before["age_ms"]
    least, most = elapsed_ms
    expect(least - AGE_TOLERANCE_MS < grown < most + AGE_TOLERANCE_MS,
           f"{name} is {grown} ms older after {least:.0f} to {most:.0f} ms")
    for flow, now in zip(before["flow"], after["flow"]):
        for key in ("bytes", "pauses", "paused_ms", "dropped"):
            if key in flow:
                expect(now[key] >= flow[key], f"{key} of {name} went back from {flow[key]} to {now[key]}")


def expect_flat(looks):
    """Descriptors, threads and memory, from the tenth takeover on. The last look is without pairs."""
    looks = looks[SETTLED:-1]
    if len(looks) < 3:
        return
    first, last = looks[0], looks[-1]
    workers = last.report["weir"]["workers"]
    grown = sum(last.descriptors.values()) - sum(first.descriptors.values())
    pairs = len(last.report["pair"]) - len(first.report["pair"])
    expect(grown <= SPARE_PIPES * workers + 2 * abs(pairs) + 20,
           f"{grown} descriptors more: {first.descriptors} before, {last.descriptors} now")
    for kind in ("eventfd", "eventpoll"):
        expect(last.descriptors.get(kind, 0) <= first.descriptors.get(kind, 0),
               f"more of {kind}: {first.descriptors} before, {last.descriptors} now")
    expect(last.threads <= first.threads + 1, f"{last.threads} threads, and {first.threads} before")
    most = max(look.resident_kib for look in looks[:3])
    expect(last.resident_kib <= most + GROWTH_KIB, f"resident {last.resident_kib} KiB, and {most} before")


def expect_sums(kind, sums, relay):
    """What weir has counted is what the passengers have."""
    expect(relay["accepted"] == sums["begun"], f"{relay['accepted']} accepted of {kind}, and {sums['begun']} came")
    for mine, key in (("up", "upload_bytes"), ("down", "download_bytes")):
        least, most = sums[f"{mine}_received"], sums[f"{mine}_sent"]
        expect(least <= relay[key] <= most, f"{key} of {kind} are {relay[key]}, should be {least} to {most}")
    if kind in LIVE:
        expect(sums["well"] == sums["begun"], f"not all of {kind} have ended well: {sums}")


def expect_in_time(kind, sums, own_delay, longest_pause):
    """
    A second off at most, and what the passengers were late themselves. A pair may begin within one pause, and be due
    within another.
    """
    if not kind.startswith("t_") or not sums["timed"]:
        return
    early, late = sums["earliest_us"] / 1e6, sums["latest_us"] / 1e6
    tolerance = TIMER_TOLERANCE + own_delay
    expect(-tolerance <= early and late <= tolerance + 2 * longest_pause,
           f"{kind}: the deadline came {early:.2f} to {late:.2f} s off; own delay {own_delay:.2f} s, "
           f"longest pause {longest_pause:.2f} s")


def pauses_ms(lines):
    return [int(re.search(r"paused for (\d+) ms", line)[1]) for line in lines]


def expect_clean_log(weir):
    wrong = [line for line in weir.log.read_text(errors="replace").splitlines()
             if not any(f" {level} " in line for level in ("notice", "info", "debug", "warning"))]
    expect(not wrong, "lines of the log:\n" + "\n".join(wrong[:20]))


def summary(journey):
    """Figures of all takeovers of a journey."""
    worst = {key: max(mark[key] for mark in journey.marks) for key in
             ("longest_silence_us", "worst_trip_us", "own_delay_us", "took_ms")}
    pauses = pauses_ms(journey.lines)
    ends = [look.resident_kib for look in journey.looks]
    return {"takeovers": len(journey.lines), "pause_ms": f"{median(pauses):.0f}", "longest_pause_ms": max(pauses),
            **worst, "trips": sum(mark["trips"] for mark in journey.marks),
            "pairs": max(len(look.report["pair"]) for look in journey.looks),
            "resident_kib": f"{ends[1]}-{ends[-2]}"} if pauses else worst
