"""Stages one situation: actors on both sides of a weir, dumps in the steady state, and what the actors measured."""

import json
import os
import re
import select
import signal
import subprocess
import tempfile
import threading
import time
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Callable, ContextManager, Optional

from paths import Place, Places

WEIR = os.environ.get("WEIR", "./weir")
WEIR_ARGS = os.environ.get("WEIR_ARGS", "").split()
ACTOR = os.environ.get("ACTOR", "tests/verdict/actor")
DUMPS = 3
BETWEEN_DUMPS = 1.05  # seconds
WINDOW = 3.0          # seconds: the most that a verdict is about
PATIENCE = 20.0
MAIN = "stage"        # the relay of the pair that is judged


class Failed(Exception):
    """The situation did not come about."""


@contextmanager
def loopback():
    here = Place("127.0.0.1")
    yield Places(here, here, here)


@dataclass(frozen=True)
class Pair:
    """Two actors and the relay between them. Keys of the relay are lines of relay.ini."""

    client: str = ""
    target: str = ""
    relay: tuple = ()
    is_unix: tuple = ()  # "client", "target": the sides that are unix sockets
    clients: int = 1     # actors of that kind


@dataclass(frozen=True)
class Situation:
    """Made to be true is truth, as "client/reading". There are several if any of them would do."""

    kind: str
    name: str
    truth: tuple
    pair: Pair
    settings: tuple = ()                 # of [global]
    others: tuple = ()                   # pairs that are there as well
    later: tuple = ()                    # pairs whose clients come when during lets them in
    settle: float = 3.5                  # seconds until the first dump: a window of the steady state
    lasts: float = 0.0                   # seconds from the last dump to the end
    alone: bool = False                  # needs all CPUs
    part: bool = False                   # of what continuous integration has time for
    places: Callable[[], ContextManager[Places]] = loopback
    during: Optional[Callable] = None    # called with the Stage once all are connected
    measured: Optional[Callable] = None  # judges the truth instead of truth.measure


@dataclass
class Take:
    """One dump of the pair, and what the actors did in the windows before it."""

    record: dict
    client: list = field(default_factory=list)  # shares: of the last second, and of the longest window
    target: list = field(default_factory=list)
    cpu: list = field(default_factory=list)     # what part of one weir's busiest thread had, and wanted
    # The same of the actors, where they need all CPUs.
    client_cpu: list = field(default_factory=list)
    target_cpu: list = field(default_factory=list)


@dataclass
class Life:
    """The close line of the pair, and what the actors did from its beginning to its end."""

    record: dict
    client: dict
    target: dict


class Cpu:
    """How busy the busiest thread of a process is. It is looked at from making one to close()."""

    STEP = 0.1  # seconds

    def __init__(self, pid):
        self.folder = Path(f"/proc/{pid}/task")
        self.samples = []  # (us, by thread: (ns on a CPU, ns waiting for one))
        self.over = threading.Event()
        self.thread = threading.Thread(target=self._look, daemon=True)
        self.thread.start()

    def _look(self):
        while not self.over.wait(self.STEP):
            try:
                spent = {task.name: tuple(map(int, (task / "schedstat").read_text().split()[:2]))
                         for task in self.folder.iterdir()}
            except OSError:
                return  # it has ended
            self.samples.append((now_us(), spent))

    def share(self, begin, end):
        """From begin to end (us), or a little less: the parts of the time it had a CPU, and wanted one."""
        inside = [sample for sample in self.samples if begin <= sample[0] <= end]
        if len(inside) < 2:
            raise Failed("this machine is too busy to look at weir's threads")
        (first, before), (last, after) = inside[0], inside[-1]
        parts = {task: [(now - then) / 1000 / (last - first) for now, then in zip(spent, before.get(task, (0, 0)))]
                 for task, spent in after.items()}
        had, waited = max(parts.values(), key=sum)
        return had, had + waited

    def close(self):
        self.over.set()
        self.thread.join()


class Actor:
    """A process that plays one end, and its samples."""

    def __init__(self, place, role, address, words, folder):
        self.samples = []
        self.errors = folder / f"{role}-{time.monotonic_ns()}.log"
        with open(self.errors, "wb") as errors:
            self.process = subprocess.Popen([*place.prefix, ACTOR, role, address, *words.split()],
                                            stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=errors)
        self.address = self._first_line()
        self.reader = threading.Thread(target=self._read, daemon=True)
        self.reader.start()

    def _first_line(self):
        ready, _, _ = select.select([self.process.stdout], [], [], PATIENCE)
        line = self.process.stdout.readline() if ready else b""
        if not line:
            self.close()
            raise Failed(f"an actor says nothing: {self.errors.read_text().strip()}")
        return line.decode().strip()

    def _read(self):
        for line in self.process.stdout:
            self.samples.append(json.loads(line))

    def at(self, when):
        """The sample at that time (us), between two that were taken."""
        after = next((n for n, sample in enumerate(self.samples) if sample["time"] >= when), None)
        if after is None:
            raise Failed("an actor has not said what it did")
        return self.samples[max(after - 1, 0)], self.samples[after]

    def share(self, begin, end):
        """What it did from begin to end (us): parts of the time, and bytes a second."""
        _wait_until("an actor to say what it did", lambda: self.samples and self.samples[-1]["time"] >= end)
        first, last = _at(self, begin), _at(self, end)
        span = (end - begin) / 1e6
        return {part: {key: (last[part][key] - first.get(part, {}).get(key, 0)) / span / (1 if key == "bytes" else 1e6)
                       for key in last[part]} for part in last}

    def life(self):
        """What it did from its first sample with a connection to its last one; nothing if there are none."""
        samples = [sample for sample in self.samples if "say" in sample]
        return self.share(samples[0]["time"], samples[-1]["time"]) if len(samples) > 1 else {}

    def close(self):
        if self.process.stdin.closed:
            return
        self.process.stdin.close()
        try:
            self.process.wait(5)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
        if hasattr(self, "reader"):
            self.reader.join()
        self.process.stdout.close()


def _at(actor, when):
    """What it had done until then. Between two samples it went on evenly."""
    before, after = actor.at(when)
    part = (when - before["time"]) / max(after["time"] - before["time"], 1)
    return {name: {key: _between(before.get(name, {}).get(key, 0), value, part) for key, value in after[name].items()}
            for name in ("say", "hear") if name in after}


def _between(low, high, part):
    return low + (high - low) * min(max(part, 0), 1)


def _wait_until(what, condition):
    deadline = time.monotonic() + PATIENCE
    while not condition():
        if time.monotonic() > deadline:
            raise Failed(f"{what} did not come about")
        time.sleep(0.01)


def now_us():
    return time.clock_gettime_ns(time.CLOCK_MONOTONIC) // 1000


class Stage:
    """A weir and its actors, from entering the context to leaving it."""

    def __init__(self, situation):
        self.situation = situation
        self.stack = ExitStack()
        self.pairs = {MAIN: situation.pair, **{f"other-{n}": pair for n, pair in enumerate(situation.others)}}
        self.later = {f"later-{n}": pair for n, pair in enumerate(situation.later)}
        self.actors = {}  # by the name of the relay: (client, target)

    def __enter__(self):
        with self.stack as stack:
            self.folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="weir-verdict-")))
            self.places = stack.enter_context(self.situation.places())
            self.targets = {name: self._target(name, pair) for name, pair in {**self.pairs, **self.later}.items()}
            self._start_weir()
            self.cpu = self._cpu(self.weir)
            self._let_in(self.pairs)
            self.actor_cpus = [self._cpu(actor.process) for actor in self.actors[MAIN]] if self.situation.alone else []
            self.stack = stack.pop_all()
        return self

    def __exit__(self, *_):
        self.stack.close()

    def _let_in(self, pairs):
        for name, pair in reversed(pairs.items()):
            for _ in range(pair.clients):
                self.actors[name] = (self._client(name, pair), self.targets[name])

    def let_in_later_ones(self):
        self._let_in(self.later)

    def _cpu(self, process):
        cpu = Cpu(process.pid)
        self.stack.callback(cpu.close)
        return cpu

    def _actor(self, place, role, address, words):
        actor = Actor(place, role, address, words, self.folder)
        self.stack.callback(actor.close)
        return actor

    def _target(self, name, pair):
        place = self.places.target
        address = f"unix:{self.folder}/{name}.target" if "target" in pair.is_unix else f"{place.address}:0"
        return self._actor(place, "target", address, pair.target)

    def _client(self, name, pair):
        return self._actor(self.places.client, "client", self._entrance(name), pair.client)

    def _entrance(self, name):
        found = re.search(rf"relay {name}: listening on (\S+)", self.log.read_text())
        return self.places.relay.reached(found.group(1))

    def _listen(self, name, pair):
        return f"unix:{self.folder}/{name}.relay" if "client" in pair.is_unix else f"{self.places.relay.address}:0"

    def _configuration(self):
        lines = ["[global]", f"dump_file = {self.folder}/dump", "dump_format = json", *self.situation.settings]
        for name, pair in {**self.pairs, **self.later}.items():
            lines += [f"[relay {name}]", f"listen = {self._listen(name, pair)}",
                      f"target = {self.places.target.reached(self.targets[name].address)}", *pair.relay]
        return "\n".join(lines) + "\n"

    def _start_weir(self):
        self.log = self.folder / "log"
        configuration = self.folder / "relay.ini"
        configuration.write_text(self._configuration())
        with open(self.log, "wb") as log:
            self.weir = subprocess.Popen([*self.places.relay.prefix, WEIR, "-c", configuration, *WEIR_ARGS],
                                         stdin=subprocess.DEVNULL, stdout=log, stderr=log)
        self.stack.callback(self._stop_weir)
        _wait_until(f"weir to start: {self.log.read_text()}", self._is_ready)

    def _is_ready(self):
        if self.weir.poll() is not None:
            raise Failed(f"weir has ended: {self.log.read_text()}")
        return " is ready" in self.log.read_text()

    def _stop_weir(self):
        """Twice SIGTERM, as it would wait for its pairs. It may have ended already."""
        for number in (signal.SIGTERM, signal.SIGTERM, signal.SIGKILL):
            try:
                self.weir.send_signal(number)
                self.weir.wait(0.2 if number == signal.SIGTERM else 5)
                return
            except subprocess.TimeoutExpired:
                continue

    def dump(self):
        """The record of the pair that is judged, and when it was made (us)."""
        path = self.folder / "dump"
        path.unlink(missing_ok=True)
        when = now_us()
        self.weir.send_signal(signal.SIGUSR1)
        _wait_until("the dump", path.exists)
        pairs = [pair for pair in json.loads(path.read_text())["pair"] if pair["relay"] == MAIN]
        if len(pairs) != 1:
            raise Failed(f"{len(pairs)} pairs are there instead of one")
        return pairs[0], when

    def take(self):
        """A dump, with what the actors did before it."""
        record, when = self.dump()
        client, target = self.actors[MAIN]
        spans = [(when - int(seconds * 1e6), when) for seconds in (1.0, WINDOW)]
        return Take(record, [client.share(*span) for span in spans], [target.share(*span) for span in spans],
                    *([cpu.share(*span) for span in spans] for cpu in (self.cpu, *self.actor_cpus)))


    def end(self, pair):
        """Ends both actors. None if that pair gets no close line, as one whose client never spoke."""
        client, target = self.actors[MAIN]
        client.close()
        target.close()
        self._stop_weir()
        line = re.search(rf" closed pair={pair} (.*)", self.log.read_text())
        words = dict(word.split("=", 1) for word in line.group(1).split()) if line else {}
        return Life(words, client.life(), target.life()) if line else None


def play(situation):
    """The takes of a situation, and the pair's life. Raises Failed if it did not come about."""
    with Stage(situation) as stage:
        if situation.during:
            situation.during(stage)
        time.sleep(situation.settle)
        takes = []
        for number in range(DUMPS):
            time.sleep(BETWEEN_DUMPS if number else 0)
            takes.append(stage.take())
        time.sleep(situation.lasts)
        return takes, stage.end(takes[-1].record["id"])
