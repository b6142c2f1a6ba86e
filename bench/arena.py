"""The surroundings of one measurement: a server, a relay in front of it, and clients."""

import json
import os
import select
import subprocess
import tempfile
import time
from contextlib import ExitStack
from pathlib import Path

import processes
from relays import LOAD_CPUS, Failed, RunningRelay, Setup, free_address

OPEN_TIMEOUT = 30.0
RUN_TIMEOUT = 90.0
SETTLE_TIMEOUT = 6.0


class Load:
    """One process of the load generator, controlled by lines on its standard input."""

    def __init__(self, command, errors):
        self.errors = errors
        with open(errors, "wb") as stderr:
            self.process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=stderr,
                                            bufsize=0)

    def line(self, timeout):
        """The next line that it prints."""
        text = b""
        deadline = time.monotonic() + timeout
        while not text.endswith(b"\n"):
            ready, _, _ = select.select([self.process.stdout], [], [], max(0.0, deadline - time.monotonic()))
            if not ready:
                raise Failed("no answer in time")
            piece = os.read(self.process.stdout.fileno(), 4096)
            if not piece:
                raise Failed(self.errors.read_text().strip().removeprefix("load: ") or "the load generator ended")
            text += piece
        return text.decode().strip()

    def start(self):
        self.process.stdin.write(b"go\n")

    def result(self, failures=False):
        """What it measured. Raises Failed when a connection failed, unless failures are counted."""
        result = json.loads(self.line(RUN_TIMEOUT))
        if result["failed"] and not failures:
            raise Failed(result["reason"])
        return result

    def close(self):
        """Closes its standard input, which ends it. Kills it if it hangs."""
        self.process.stdin.close()
        try:
            self.process.wait(5)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
        self.process.stdout.close()


class Arena:
    """A context in which a relay runs in front of a fresh server. Clients opened in it end with it."""

    def __init__(self, program, path, relay, case, pinned):
        self.program = program
        self.path = path
        self.relay = relay
        self.case = case
        self.pinned = pinned and bool(LOAD_CPUS)
        self.stack = ExitStack()
        self.loads = 0

    def __enter__(self):
        with self.stack as stack:
            self.folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="weir-bench-")))
            self.places = stack.enter_context(self.path.places())
            listen, target = self._addresses()
            self.servers = [self._load(self.places.target, "serve", target) for _ in range(self.case.programs)]
            targets = [target for server in self.servers for target in self._targets_of(server)]
            setup = Setup(listen, tuple(targets), self.case.workers, self.folder, self.case.options)
            self.running = stack.enter_context(RunningRelay(self.relay, self.places.relay, setup, self.pinned))
            if self.relay.crowd:
                self.client("hold", "-d", "-n", self.relay.crowd, "-B", "64K")
                self.settled_memory()
            self.stack = stack.pop_all()
        return self

    def __exit__(self, *_):
        self.stack.close()

    def _addresses(self):
        """Where the relay listens, and where the target does."""
        if self.case.is_unix:
            return f"unix:{self.folder}/relay", f"unix:{self.folder}/target"
        return free_address(self.places.relay), f"{self._target_host()}:0"

    def _target_host(self):
        """Many addresses are on loopback."""
        return "0.0.0.0" if self.case.targets > 1 else self.places.target.address

    def _targets_of(self, server):
        """As the relay knows them: what the server says, or so many addresses of this machine with its port."""
        target = self.places.target.reached(server.line(OPEN_TIMEOUT).removeprefix("serving "))
        if self.case.targets == 1:
            return [target]
        port = target.rpartition(":")[2]
        return [f"127.3.{number // 200}.{number % 200 + 1}:{port}" for number in range(self.case.targets)]

    def _load(self, place, *arguments):
        self.loads += 1
        command = [self.program, *map(str, arguments)]
        if self.pinned:
            command = ["taskset", "-c", ",".join(map(str, LOAD_CPUS)), *command]
        load = Load([*place.prefix, *command], self.folder / f"load-{self.loads}.log")
        self.stack.callback(load.close)
        return load

    def visitor(self, kind, *arguments):
        """A client of any address that has printed that it is ready for start()."""
        load = self._load(self.places.client, kind, *arguments)
        if load.line(OPEN_TIMEOUT) != "ready":
            raise Failed("the load generator is not ready")
        return load

    def client(self, kind, *arguments):
        """The same, of the relay."""
        return self.visitor(kind, *arguments, self.running.address)

    def cpu_ns(self):
        return self.running.cpu_ns()

    def spread(self):
        return self.running.spread()

    def run(self, kind, *arguments, failures=False):
        """Runs a client and returns its result, with the CPU time that the relay used meanwhile."""
        client = self.client(kind, *arguments)
        before = self.cpu_ns()
        client.start()
        result = client.result(failures)
        result["cpu_ns"] = self.cpu_ns() - before
        return result

    def memory(self):
        """(KiB held by the relay, KiB in the machine's TCP buffers)"""
        return self.running.held_kib(), processes.tcp_memory_kib()

    def settled_memory(self):
        """The same, once it has barely changed for half a second, or after SETTLE_TIMEOUT."""
        deadline = time.monotonic() + SETTLE_TIMEOUT
        last, still = self.memory(), 0
        while still < 5 and time.monotonic() < deadline:
            time.sleep(0.1)
            now = self.memory()
            still = still + 1 if abs(sum(now) - sum(last)) <= 0.005 * sum(last) else 0
            last = now
        return last
