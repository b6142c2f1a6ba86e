"""The relays that are compared, each set up as someone who knows it well would do it."""

import os
import re
import resource
import shutil
import signal
import socket
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Callable, Optional

import processes
import spread

START_TIMEOUT = 5.0
STOP_TIMEOUT = 5.0
ACTIVATE = str(Path(__file__).with_name("activate.py"))

_, DESCRIPTORS = resource.getrlimit(resource.RLIMIT_NOFILE)
*LOAD_CPUS, RELAY_CPU = sorted(os.sched_getaffinity(0))  # a pinned relay has the last CPU to itself
CAPACITY = min(9000, (DESCRIPTORS - 2000) // 2)  # pairs that every relay is set up for
PIPES = 600  # haproxy reserves two descriptors for each, besides those of its connections
QUIET = "log_connections=off"


class Failed(Exception):
    """A relay did not do what the case asks for."""


@dataclass(frozen=True)
class Setup:
    listen: str  # HOST:PORT or unix:PATH
    targets: tuple  # the same, one or more
    workers: Optional[int]  # None: the relay's own default
    folder: Path  # for its files
    options: tuple = ()  # of weir, that the case asks for; {folder} is the one above

    @property
    def target(self):
        """The only one, for relays that do not choose."""
        return self.targets[0]


@dataclass(frozen=True)
class Relay:
    name: str
    about: str
    executable: str
    command: Callable[[Setup], list]
    version: tuple = ("-v",)
    descriptors: int = 2  # per pair
    pairs: int = CAPACITY  # cases with more leave it out
    activated: bool = False  # gets its listening socket from the service manager
    scales: bool = True  # its number of workers can be chosen
    is_peer: bool = True
    cases: tuple = ("*",)  # patterns of those it is measured in unless it is named
    spread: Optional[Callable] = None  # of spread.py
    crowd: int = 0  # so many stopped readers beside what is measured


def _haproxy_address(address):
    return address.replace("unix:", "unix@")


def _haproxy_failover(setup):
    """What makes it see a target that is lost: it needs checks for that, which would be most of the load of 1,000."""
    return "check observe layer4 error-limit 3 on-error mark-down" if 1 < len(setup.targets) < 10 else ""


def _haproxy(setup, tuning="", option=""):
    threads = f"nbthread {setup.workers}" if setup.workers else ""
    config = setup.folder / "haproxy.cfg"
    servers = "\n    ".join(f"server target-{number} {_haproxy_address(target)} {_haproxy_failover(setup)}"
                            for number, target in enumerate(setup.targets))
    config.write_text(
        f"""global
    maxconn {CAPACITY}
    stats socket {setup.folder}/stats
    {threads}
    {tuning}
defaults
    mode tcp
    {option}
    timeout connect 5s
    timeout client 1h
    timeout server 1h
listen relay
    bind {_haproxy_address(setup.listen)}
    balance roundrobin
    retries 3
    option redispatch 1
    {servers}
"""
    )
    return ["haproxy", "-db", "-f", str(config)]


def _haproxy_splice(setup):
    tuning = f"tune.bufsize 262144\n    tune.pipesize 1048576\n    maxpipes {PIPES}"
    return _haproxy(setup, tuning, "option splice-auto")


def _nginx(setup, buffer_size):
    config = setup.folder / "nginx.conf"
    servers = " ".join(f"server {target};" for target in setup.targets)
    config.write_text(
        f"""load_module /usr/lib/nginx/modules/ngx_stream_module.so;
daemon off;
user root;
pid {setup.folder}/nginx.pid;
error_log {setup.folder}/error.log;
worker_processes {setup.workers or "auto"};
worker_rlimit_nofile {DESCRIPTORS};
events {{ worker_connections {2 * CAPACITY + 100}; }}
stream {{
    upstream targets {{ {servers} }}
    server {{
        listen {setup.listen} backlog=4096;
        proxy_pass targets;
        proxy_connect_timeout 5s;
        proxy_buffer_size {buffer_size};
        proxy_half_close on;
        proxy_timeout 1h;
    }}
}}
"""
    )
    return ["nginx", "-e", f"{setup.folder}/error.log", "-p", str(setup.folder), "-c", str(config)]


def _socket_proxyd(setup):
    return ["/lib/systemd/systemd-socket-proxyd", f"--connections-max={CAPACITY}", setup.target.removeprefix("unix:")]


def _socat(setup):
    host, _, port = setup.listen.rpartition(":")
    ends = (f"TCP-LISTEN:{port},bind={host},reuseaddr,fork,backlog=4096,nodelay", f"TCP:{setup.target},nodelay")
    if host == "unix":
        ends = (f"UNIX-LISTEN:{port},fork,backlog=4096", setup.target.replace("unix:", "UNIX-CONNECT:"))
    return ["socat", "-b", "65536", "-t", "3600", *ends]


def _weir(path, setup, *options):
    workers = setup.workers or "auto"
    command = [path, "-l", setup.listen, "-o", f"workers={workers}"]
    for target in setup.targets:
        command += ["-T", target]
    for option in (f"dump_file={setup.folder}/dump", "dump_format=json", *options, *setup.options):
        command += ["-o", option.replace("{folder}", str(setup.folder))]
    return command


def _relay_of_weir(name, about, path, *options, is_peer=False, **rest):
    return Relay(name, about, path, lambda setup: _weir(path, setup, *options), version=("--version",),
                 is_peer=is_peer, spread=spread.of_weir, **rest)


def _from_an_address(weir):
    """The relay's host is the first of the target's network, as it is everywhere in paths.py."""

    def command(setup):
        own, _, _ = setup.target.rpartition(":")
        return _weir(weir, setup, QUIET, f"source_address={own.rpartition('.')[0]}.1")

    return Relay("weir-source", "the same from a source_address", weir, command, version=("--version",), is_peer=False,
                 spread=spread.of_weir, cases=("connect-fin*",))


def _queues(weir):
    """
    weir with queues of different lengths. Without memory for a queue it passes on what the sink takes and leaves
    the rest with the source: the crowd, which reads nothing, holds all memory.
    """
    yield _relay_of_weir("queue-none", "weir without a queue: stopped readers hold all of its memory", weir,
                         "memory_max=64K", cases=("marks-*",), crowd=8)
    for high in ("4K", "64K", "1M", "16M"):
        yield _relay_of_weir(f"queue-{high}", f"weir with high_watermark = {high}", weir, f"high_watermark={high}",
                             cases=("marks-*",))


DIRECT = Relay("direct", "no relay at all: what the load generator can do", "", lambda setup: [], is_peer=False)


def all_relays(weir, before=None):
    """Every relay, in the order of the tables. weir and before are the paths of this and an earlier build."""
    return [
        DIRECT,
        Relay("haproxy", "as shipped", "haproxy", _haproxy, spread=spread.of_haproxy),
        Relay("haproxy-splice", "option splice-auto, 256 KiB buffers, 1 MiB pipes", "haproxy", _haproxy_splice,
              spread=spread.of_haproxy),
        Relay("nginx-16k", "proxy_half_close on, 16 KiB buffers", "nginx", lambda setup: _nginx(setup, "16k"),
              spread=spread.of_nginx),
        Relay("nginx-256k", "the same with 256 KiB buffers", "nginx", lambda setup: _nginx(setup, "256k"),
              spread=spread.of_nginx),
        Relay("socket-proxyd", "systemd-socket-proxyd as shipped", "/lib/systemd/systemd-socket-proxyd",
              _socket_proxyd, version=("--version",), descriptors=6, activated=True, scales=False),
        Relay("socat", "fork, 64 KiB buffers, patient after a half-close", "socat", _socat, version=("-V",),
              pairs=1000, scales=False),
        _relay_of_weir("weir", "as shipped, without a log line per pair, which no other writes", weir, QUIET),
        _relay_of_weir("weir-log", "the same with the line per pair, written to a file", weir, cases=("connect",)),
        _relay_of_weir("weir-networks", "weir with 10,000 networks to look each client up in", weir, QUIET,
                       *(f"deny=10.{n // 250}.{n % 250}.0/25" for n in range(10000)), cases=("connect",)),
        _relay_of_weir("weir-copy", "the same with splice = off", weir, QUIET, "splice=off", cases=()),
        _relay_of_weir("weir-16m", "the same with high_watermark = 16M", weir, QUIET, "high_watermark=16M", cases=()),
        _from_an_address(weir),
        *_queues(weir),
        *([_relay_of_weir("before", "another build of weir, as weir", before, QUIET, is_peer=True)] if before else []),
    ]


def version(relay):
    """The first line with a digit in the program's version output."""
    if not relay.executable:
        return ""
    said = subprocess.run([relay.executable, *relay.version], stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                          text=True, check=False, timeout=10)
    return next((line.strip() for line in said.stdout.splitlines() if any(map(str.isdigit, line))), "unknown")


def is_installed(relay):
    return not relay.executable or shutil.which(relay.executable) is not None


def free_address(place):
    """Where a relay can listen: at a port that nobody uses here. In a namespace of its own every port is free."""
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)  # a port in TIME_WAIT is free
        probe.bind(("127.0.0.1", 0))
        return f"{place.address}:{probe.getsockname()[1]}"


class RunningRelay:
    """A relay in its place in front of a target, from entering the context to leaving it."""

    def __init__(self, relay, place, setup, pinned):
        self.relay = relay
        self.place = place
        self.setup = setup
        self.process = None
        self.pinned = pinned
        self.address = place.reached(setup.listen) if relay.executable else setup.targets[0]

    def __enter__(self):
        if self.relay.executable:
            self._start()
            try:
                self._wait_until_listening()
            except BaseException:
                self._stop()
                raise
        return self

    def __exit__(self, *_):
        if self.process:
            self._stop()

    def cpu_ns(self):
        return processes.cpu_ns(self.process.pid) if self.process else 0

    def held_kib(self):
        """Its resident memory, and what waits in pipes, which resident memory does not include."""
        if not self.process:
            return 0
        return processes.resident_kib(self.process.pid) + processes.piped_kib(self.process.pid)

    def spread(self):
        """The pairs of each worker that has any."""
        return self.relay.spread(self.process.pid, self.setup.folder)

    def close_line(self):
        """What weir has logged about the first pair that ended, as a dictionary."""
        deadline = time.monotonic() + STOP_TIMEOUT
        while not (lines := re.findall(r" closed (pair=.*)", self._log.read_text())):
            if time.monotonic() > deadline:
                raise Failed("no line about a pair that ended")
            time.sleep(0.01)
        return dict(field.split("=", 1) for field in lines[0].split() if "=" in field)

    @property
    def _log(self):
        return self.setup.folder / "relay.log"

    def _command(self):
        command = self.relay.command(self.setup)
        if self.relay.activated:
            command = [sys.executable, ACTIVATE, self.setup.listen, *command]
        if self.pinned:
            command = ["taskset", "-c", str(RELAY_CPU), *command]
        return [*self.place.prefix, *command]

    def _start(self):
        with open(self._log, "wb") as log:
            self.process = subprocess.Popen(self._command(), stdin=subprocess.DEVNULL, stdout=log, stderr=log,
                                            start_new_session=True)

    def _wait_until_listening(self):
        deadline = time.monotonic() + START_TIMEOUT
        while not processes.is_listening(self.process.pid, self.setup.listen):
            if self.process.poll() is not None:
                raise Failed(f"ended with status {self.process.returncode} at its start: {self._last_words()}")
            if time.monotonic() > deadline:
                raise Failed(f"does not listen after {START_TIMEOUT:.0f} s: {self._last_words()}")
            time.sleep(0.01)

    def _last_words(self):
        lines = self._log.read_text(errors="replace").strip().splitlines()
        return lines[-1] if lines else "it said nothing"

    def _stop(self):
        """Ends the relay's process group, because a forking relay has children."""
        for number in (signal.SIGTERM, signal.SIGKILL):
            try:
                os.killpg(self.process.pid, number)
                self.process.wait(STOP_TIMEOUT if number == signal.SIGTERM else None)
            except ProcessLookupError:
                pass
            except subprocess.TimeoutExpired:
                continue
        self.process.wait()
