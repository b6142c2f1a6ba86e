"""A weir that is told to take over, and the passengers that it carries. In the network of the calling process."""

import json
import os
import re
import signal
import subprocess
import time
from dataclasses import dataclass, field
from pathlib import Path

WEIR = os.environ.get("WEIR", "./weir")
WEIR_ARGS = os.environ.get("WEIR_ARGS", "").split()
PASSENGERS = os.environ.get("PASSENGERS", "tests/takeover/passengers")
PATIENCE = float(os.environ.get("PATIENCE_S", "30"))

TAKEN_OVER = re.compile(r" notice weir \S+ has taken over from ")
NOT_TAKEN_OVER = re.compile(r" error takeover failed, nothing has changed: ")
RELOADED = re.compile(r" notice reloaded: ")
READY = re.compile(r" notice weir .* is ready")

# Of the kinds of tests/takeover/kinds.c: the keys of the relay that each needs.
BUFFERS = ["client_rcvbuf = 16K", "client_sndbuf = 16K", "target_rcvbuf = 16K", "target_sndbuf = 16K"]
NARROW = ["high_watermark = 64K", "low_watermark = 16K", *BUFFERS]
WIDE = ["high_watermark = 3M", *BUFFERS]  # more than a pipe has room for
KINDS = {
    "flow": [], "bulk": [], "ping": [], "idle": [], "brief": [], "resetting": [], "half": [],
    "paused": NARROW, "heavy": WIDE, "ending": NARROW,
    "silent": ["connect_on = data"],
    "header": ["accept_proxy = any", "proxy_header_timeout = 1m"],
    "late": ["connect_timeout = 2m", "fail_limit = 0"],
    "held": ["retry_time = 2m", "fail_limit = 0"],
    "t_idle": ["idle_timeout = 4s"],
    "t_half": ["half_close_timeout = 4s"],
    "t_max": ["max_duration = 5s"],
    "t_stall": ["stall_timeout = 4s", *NARROW],
    "t_header": ["accept_proxy = any", "proxy_header_timeout = 4s"],
    "t_connect": ["connect_timeout = 4s", "connect_attempts = 1", "fail_limit = 0"],
    "t_retry": ["retry_time = 4s", "fail_limit = 0"],
}


class Failed(Exception):
    """Something that must hold does not."""


def expect(holds, what):
    if not holds:
        raise Failed(what)


def wait_for(what, condition, patience=PATIENCE, step=0.01):
    """Polls until the condition gives something true, which is returned."""
    end = time.monotonic() + patience
    while True:
        got = condition()
        if got:
            return got
        if time.monotonic() > end:
            raise Failed(f"{what} did not come about within {patience:.0f} s")
        time.sleep(step)


def parse_fields(line):
    """key=value words; numbers as numbers."""
    fields = dict(word.split("=", 1) for word in line.split() if "=" in word)
    return {key: int(value) if re.fullmatch(r"-?\d+", value) else value for key, value in fields.items()}


def kind_of(link):
    """Of a descriptor: socket:[123], pipe:[123], anon_inode:[eventfd], /memfd:weir-state (deleted), or a file."""
    name = link.rsplit("/", 1)[-1].removesuffix(" (deleted)").removeprefix("anon_inode:")
    return re.sub(r":\[\d+\]$", "", name).strip("[]")


class Passengers:
    """The load; see passengers.c."""

    def __init__(self, folder):
        self.errors = folder / "passengers.err"
        with open(self.errors, "wb") as errors:
            self.process = subprocess.Popen([PASSENGERS], stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                                            stderr=errors, text=True)
        self.targets = {}
        self.own_delay = 0.0  # seconds that they were late themselves, at most; known in the end
        while (line := self._line()) != "targets listen":
            _, kind, address = line.split()
            self.targets[kind] = address

    def _line(self):
        line = self.process.stdout.readline()
        expect(line, f"the passengers have died: {self.errors.read_text()[-2000:]}")
        return line.strip()

    def tell(self, order):
        self.process.stdin.write(order + "\n")
        self.process.stdin.flush()

    def board(self, entrances, pairs):
        """They connect there; returns once all are in who live until the end."""
        for kind, addresses in entrances.items():
            self.tell(f"relay {kind} {' '.join(addresses)}")
        self.tell(f"begin {pairs}")
        expect(self._line().startswith("ready"), "passengers that are not ready")

    def mark(self):
        """What was measured since the last mark."""
        self.tell("mark")
        return parse_fields(self._line())

    def complaints(self):
        return self.errors.read_text().strip()

    def finish(self):
        """Lets all end. Returns what each kind has moved."""
        self.tell("finish")
        kinds = {}
        while not (line := self._line()).startswith("over"):
            fields = parse_fields(line)
            kinds[fields.pop("kind")] = fields
        self.process.wait()
        self.own_delay = parse_fields(line)["own_delay_us"] / 1e6
        expect(parse_fields(line)["failures"] == 0, f"passengers complain:\n{self.complaints()[:4000]}")
        return kinds

    def close(self):
        if self.process.poll() is None:
            self.process.kill()
        self.process.wait()


@dataclass
class Relay:
    """A section of relay.ini."""

    name: str
    target: str
    listen: list
    keys: list = field(default_factory=list)

    def text(self):
        lines = [f"[relay {self.name}]", f"target = {self.target}"]
        return "\n".join([*lines, *(f"listen = {address}" for address in self.listen), *self.keys]) + "\n"


class Weir:
    """The daemon, in a folder."""

    def __init__(self, folder, program=WEIR):
        self.folder = folder
        self.program = str(program)
        self.ini, self.log, self.dump_file = folder / "relay.ini", folder / "weir.log", folder / "dump"
        self.process = None
        self.environment = dict(os.environ)
        self.prefix = []

    def configure(self, relays, settings=(), defaults=()):
        text = "\n".join(["[global]", *settings, f"dump_file = {self.dump_file}", "dump_format = json",
                          "[defaults]", *defaults, ""])
        new = self.ini.with_suffix(".new")
        new.write_text(text + "".join(relay.text() for relay in relays))
        new.rename(self.ini)

    def start(self):
        ready = len(self.lines(READY)) + 1 if self.log.exists() else 1
        with open(self.log, "ab") as log:
            self.process = subprocess.Popen([*self.prefix, self.program, "-c", str(self.ini), *WEIR_ARGS], stderr=log,
                                            stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
                                            env=self.environment)
        self.wait_log(READY, ready)

    # ---- the log ----

    def lines(self, pattern):
        return [line for line in self.log.read_text(errors="replace").splitlines() if pattern.search(line)]

    def wait_log(self, pattern, count=1):
        """So many lines of the log; the last of them."""
        def found():
            expect(self.alive(), self.obituary())
            lines = self.lines(pattern)
            return lines[count - 1] if len(lines) >= count else None
        return wait_for(f"{count} lines of the log with '{pattern.pattern}'", found)

    def obituary(self):
        """Words about a weir that is no more."""
        return f"weir has died: {self.process.returncode}\n{self.tail()}"

    def tail(self):
        return "\n".join(self.log.read_text(errors="replace").splitlines()[-25:])

    # ---- orders ----

    def alive(self):
        return self.process.poll() is None

    def send(self, number):
        expect(self.alive(), self.obituary())
        self.process.send_signal(number)

    def take_over(self, number=signal.SIGUSR2):
        """Orders it, and waits for the end. The line of the log."""
        done = len(self.lines(TAKEN_OVER)) + 1
        failed = len(self.lines(NOT_TAKEN_OVER))
        self.send(number)

        def ended():
            expect(self.alive(), self.obituary())
            expect(len(self.lines(NOT_TAKEN_OVER)) == failed, f"no takeover:\n{self.tail()}")
            lines = self.lines(TAKEN_OVER)
            return lines[done - 1] if len(lines) >= done else None
        return wait_for("a takeover", ended)

    def fail_to_take_over(self, number=signal.SIGUSR2, patience=PATIENCE):
        """Orders it, and waits until weir says that it is none. The line of the log."""
        failed = len(self.lines(NOT_TAKEN_OVER)) + 1
        done = len(self.lines(TAKEN_OVER))
        self.send(number)

        def ended():
            expect(self.alive(), self.obituary())
            expect(len(self.lines(TAKEN_OVER)) == done, "a takeover that should have failed")
            lines = self.lines(NOT_TAKEN_OVER)
            return lines[failed - 1] if len(lines) >= failed else None
        return wait_for("word of a failed takeover", ended, patience)

    def reload(self):
        done = len(self.lines(RELOADED)) + 1
        self.send(signal.SIGHUP)
        return self.wait_log(RELOADED, done)

    def dump(self):
        """The report, as JSON has it."""
        self.dump_file.unlink(missing_ok=True)
        self.send(signal.SIGUSR1)
        wait_for("a dump", self.dump_file.exists)
        return json.loads(self.dump_file.read_text())

    def stop(self):
        """Once its pairs have ended. TERM has to end it well."""
        self.send(signal.SIGTERM)
        status = wait_for("the end of weir", lambda: None if self.alive() else [self.process.returncode])
        expect(status == [0], f"weir has ended with status {status[0]}:\n{self.tail()}")

    def close(self):
        if self.process and self.alive():
            self.process.kill()
            self.process.wait()

    # ---- what the kernel says of it ----

    def proc(self, name):
        return Path(f"/proc/{self.process.pid}/{name}")

    def descriptors(self):
        """How many of each kind."""
        kinds = {}
        for entry in self.proc("fd").iterdir():
            try:
                kind = kind_of(os.readlink(entry))
            except OSError:
                continue
            kinds[kind] = kinds.get(kind, 0) + 1
        return kinds

    def resident_kib(self):
        return int(re.search(r"VmRSS:\s*(\d+)", self.proc("status").read_text())[1])

    def threads(self):
        return len(list(self.proc("task").iterdir()))
