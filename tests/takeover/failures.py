"""Takeovers that fail: weir says why and goes on, and nobody is cut. And what a killed weir leaves behind."""

import os
import random
import re
import shutil
import signal
import subprocess
import tempfile
import time
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from carriage import BUFFERS, NOT_TAKEN_OVER, PASSENGERS, TAKEN_OVER, WEIR, expect, wait_for
from plain import Manager, Stage

IMPOSTOR = Path(PASSENGERS).with_name("impostor")
FAULT_SHIM = os.environ.get("FAULT_SHIM", "tests/fault/shim.so")
PAIRS = 20
REHEARSAL_S = 40  # longer than any deadline of it


class Unwilling:
    """A weir with pairs, whose program can be replaced."""

    def __init__(self, folder, **environment):
        self.folder, self.program = folder, folder / "weir"
        install(self.program, WEIR)
        self.stage = Stage(folder, self.program)
        self.weir = self.stage.weir
        self.weir.environment |= {"IMPOSTOR": str(folder / "impostor"), **environment}
        self.manager = Manager(self.weir)
        self.stage.relay("any")
        self.stage.start("workers = 2")
        self.pairs = [self.stage.pair("any") for _ in range(PAIRS)]

    def all_relay(self):
        for pair in self.pairs:
            pair.say()
        self.stage.pair("any").say()

    def fails(self, reason, order=signal.SIGUSR2):
        """It says why, in the log and to the manager, while all go on."""
        line = self.weir.fail_to_take_over(order, REHEARSAL_S)
        expect(re.search(reason, line), f"'{reason}' is not what it says: {line}")
        self.all_relay()
        wait_for("READY", lambda: any("READY=1" in message for message in self.manager.told()[-3:]))

    def works(self):
        self.weir.take_over()
        self.all_relay()

    def children(self):
        tasks = self.weir.proc("task").iterdir()
        return [int(pid) for task in tasks for pid in (task / "children").read_text().split()]


@contextmanager
def unwilling(folder, **environment):
    one = Unwilling(folder, **environment)
    try:
        one.all_relay()
        yield one
    finally:
        one.stage.close()


def install(path, program):
    """As dpkg does: a new file, and then its name."""
    new = path.with_suffix(".new")
    shutil.copy2(program, new)
    new.rename(path)


def programs(folder, _):
    """Whatever is in the place of weir's program, nobody is cut; with weir in it again it takes over."""
    with unwilling(folder) as one:
        for program, reason in (("/bin/false", "rehears"), ("/bin/true", "rehears")):
            install(one.program, program)
            one.fails(reason)
        install(one.program, WEIR)
        one.program.chmod(0o644)
        one.fails("[Pp]ermission denied")
        one.program.write_text("#!/nonexistent/interpreter\n")
        one.program.chmod(0o755)
        one.fails(".")
        one.program.write_bytes(b"\x7fELF" + bytes(100))
        one.fails(".")
        one.program.write_bytes(Path(WEIR).read_bytes()[:200000])
        one.fails(".")
        one.program.unlink()
        one.fails("[Nn]o such file")
        one.program.mkdir()
        one.fails(".")
        one.program.rmdir()
        install(one.program, WEIR)
        one.works()


def impostors(folder, _):
    """One that hangs, prints garbage, dies."""
    with unwilling(folder) as one:
        install(one.program, IMPOSTOR)
        for word in ("garbage", "well", "flood", "abort", "hang"):
            (folder / "impostor").write_text(word)
            one.fails("rehears")
            expect(not one.children(), f"a child is left after '{word}'")
        install(one.program, WEIR)
        one.works()


def missing_library(folder, _):
    """A program that the loader cannot start."""
    source, library = folder / "x.c", folder / "libmissing.so"
    source.write_text("int missing(void);\n#ifdef MAIN\nint main(void) { return missing(); }\n"
                      "#else\nint missing(void) { return 0; }\n#endif\n")
    try:
        subprocess.run(["cc", "-shared", "-fPIC", "-o", library, source], check=True, capture_output=True)
        subprocess.run(["cc", "-DMAIN", "-o", folder / "needs", source, library], check=True, capture_output=True)
    except (OSError, subprocess.CalledProcessError):
        return {"skipped": "no compiler"}
    library.unlink()
    with unwilling(folder) as one:
        install(one.program, folder / "needs")
        one.fails("rehears|libmissing|127")
        install(one.program, WEIR)
        one.works()
    return None


def files(folder, _):
    """A relay.ini that is wrong, or not there, changes nothing; one that is right is taken."""
    with unwilling(folder) as one:
        good = one.weir.ini.read_text()
        one.weir.ini.write_text(good + "nonsense = 1\n")
        one.fails(".")
        one.weir.ini.unlink()
        one.fails(".")
        one.weir.ini.write_text(good)
        one.works()


def new_program(folder, _):
    """What was installed while weir ran is what goes on, under the same process ID."""
    with unwilling(folder) as one:
        pid = one.weir.process.pid
        for order in (signal.SIGUSR2, signal.SIGHUP):
            install(one.program, WEIR)
            before = os.stat(f"/proc/{pid}/exe").st_ino
            one.weir.take_over(order)
            expect(os.stat(f"/proc/{pid}/exe").st_ino == one.program.stat().st_ino, "it is not the new program")
            expect(os.stat(f"/proc/{pid}/exe").st_ino != before, "it is the old program")
            one.all_relay()
        one.weir.reload()  # the program has not changed: nothing is taken over
        expect(len(one.weir.lines(TAKEN_OVER)) == 2, "a takeover without a reason")


@contextmanager
def unwilling_with_faults(folder, **environment):
    """With the shim, and a file for its rules."""
    sanitizers = os.environ.get("ASAN_OPTIONS", "") + ":verify_asan_link_order=0"  # the shim stands before them
    with unwilling(folder, LD_PRELOAD=str(Path(FAULT_SHIM).resolve()), FAULT_RULES=str(folder / "rules"),
                   FAULT_LOG=str(folder / "faults"), ASAN_OPTIONS=sanitizers, **environment) as one:
        yield one


def set_rule(folder, rule):
    (folder / "faults").write_text("")
    (folder / "rules.new").write_text(rule + "\n")
    (folder / "rules.new").rename(folder / "rules")


def has_met_a_call(folder):
    return (folder / "faults").read_text()


def calls(folder, _):
    """Calls that fail before there is no way back."""
    if not Path(FAULT_SHIM).exists():
        return {"skipped": "no shim"}
    with unwilling_with_faults(folder) as one:
        for rule in ("memfd_create EMFILE 1 1", "memfd_create ENOMEM 2 0", "fork EAGAIN 1 1", "execveat ENOMEM 1 1",
                     "fork ENOMEM 1 0"):
            set_rule(folder, rule)
            one.fails(".")
            expect(has_met_a_call(folder), f"'{rule}' has met no call")
        (folder / "rules").unlink()
        fill_queue(one)
        set_rule(folder, "room ENOMEM 1 0")
        one.fails("no memory for what is queued")
        (folder / "rules").unlink()
        one.works()
    return None


def killed(folder, options):
    """Whenever it is killed, all are reset, and at once: nobody else holds their sockets."""
    slowest = 0
    for turn in range(5 if options.part else 40):
        with tempfile.TemporaryDirectory(dir=folder) as inner, unwilling(Path(inner)) as one:
            one.weir.send(signal.SIGUSR2)
            time.sleep(random.uniform(0, 0.08) if turn else 0)
            one.weir.process.kill()
            began = time.monotonic()
            for pair in one.pairs:
                expect(pair.was_reset(), "somebody was not reset")
            slowest = max(slowest, time.monotonic() - began)
            expect(slowest < 1, f"resets took {slowest:.2f} s")
    return {"slowest_ms": round(1000 * slowest)}


# ---- killed at each step ----

@dataclass(frozen=True)
class Step:
    """One of a takeover, and what weir looks like in it."""

    name: str
    rules: tuple            # one after the other, each holds up a call, and lets go of the one before
    child: bool = False     # the rehearsal is there
    state: int = 0          # memory files with a part of it: one of the main thread, one of each worker
    carried: bool = False   # it is the new program
    drains: bool = False    # a queue is long; the step has no call of its own, and the last rule ends it


HUSH_BYTES = 16 << 20    # see takeover.c
ANSWERED = "_exit hang 1 0"
IN_REHEARSAL = (
    Step("rehearsal child started", ("execveat hang 1 0",), child=True, state=3),
    Step("child reading the state", ("mmap hang 1 0",), child=True, state=3),
    Step("child building", ("epoll_ctl hang 40 0",), child=True, state=3),
    Step("child answered", (ANSWERED,), child=True, state=3),
)
STEPS = (
    Step("before the fork", ("fork hang 1 0",), state=3),
    *IN_REHEARSAL,
    Step("queues draining", (ANSWERED, "memfd_create hang 1 0"), drains=True),
    Step("workers parking", (ANSWERED, "write hang 1 0"), state=3),
    Step("state being written", (ANSWERED, "write hang 3 0"), state=3),
    Step("state written", (ANSWERED, "seal hang 1 0"), state=3),
    Step("just before execve", (ANSWERED, "execveat hang 1 0"), state=3),
    Step("new program reading", ("mmap hang 1 0",), state=3, carried=True),
    Step("new program restoring", ("epoll_ctl hang 40 0",), state=3, carried=True),
    Step("new program about to start workers", ("pthread_create hang 2 0",), state=3, carried=True),
)


def state_files(one):
    """Each once, though a worker that writes one has a descriptor of its own."""
    links = [link for link in one.weir.proc("fd").iterdir() if "memfd:weir-state" in os.readlink(link)]
    return {os.stat(link).st_ino for link in links}


def fill_queue(one):
    """So much that weir lets queues drain first. The pair, whose target takes nothing."""
    one.stage.relay("deep", "high_watermark = 64M", *BUFFERS)
    one.stage.configure("workers = 2")
    one.weir.reload()
    pair = one.stage.pair("deep")
    pair.client.sendall(bytes(2 * HUSH_BYTES))

    def queued():
        return sum(flow["queued"] for pair in one.weir.dump()["pair"] for flow in pair["flow"])
    wait_for("a long queue", lambda: queued() >= HUSH_BYTES)
    return pair


def stop_at(one, step):
    """Lets it take over until that step."""
    program = os.stat(one.weir.proc("exe")).st_ino
    install(one.program, WEIR)
    set_rule(one.folder, step.rules[0])
    one.weir.send(signal.SIGUSR2)
    for rule in step.rules[1:]:
        wait_for(f"a call that hangs, before '{step.name}'", lambda: has_met_a_call(one.folder), step=0.001)
        set_rule(one.folder, rule)
    wait_for(step.name, lambda: not one.children() if step.drains else has_met_a_call(one.folder), step=0.001)
    expect(bool(one.children()) == step.child, f"'{step.name}' with children: {one.children()}")
    expect(len(state_files(one)) == step.state, f"'{step.name}' with {len(state_files(one))} files of the state")
    expect((os.stat(one.weir.proc("exe")).st_ino != program) == step.carried, f"'{step.name}' in the other program")


def processes_of(program):
    """Whoever executes it."""
    def executes(process):
        try:
            return os.readlink(process / "exe").removesuffix(" (deleted)") == str(program)
        except OSError:
            return False
    return [process.name for process in Path("/proc").glob("[0-9]*") if executes(process)]


def rehearsal_is_killed(folder, _):
    """The child is not weir's life, at whatever step it ends."""
    if not Path(FAULT_SHIM).exists():
        return {"skipped": "no shim"}
    with unwilling_with_faults(folder) as one:
        for step in IN_REHEARSAL:
            before = one.weir.descriptors()
            failed = len(one.weir.lines(NOT_TAKEN_OVER))
            stop_at(one, step)
            os.kill(one.children()[0], signal.SIGKILL)
            line = one.weir.wait_log(NOT_TAKEN_OVER, failed + 1)
            expect("killed by signal 9" in line, f"'{step.name}': {line}")
            expect(not one.children(), f"a child is left after '{step.name}'")
            now = one.weir.descriptors()
            expect(now == before, f"descriptors after '{step.name}': {now}, and {before} before")
            one.all_relay()
        (folder / "rules").unlink()
        one.works()
    return None


def killed_at(folder, step):
    """Weir ends: all are reset at once, nobody and nothing is left, and it starts again. How long it took, in s."""
    carried = {"FAULT_CARRIED": "only"} if step.carried else {}
    with unwilling_with_faults(folder, **carried) as one:
        if step.drains:
            one.pairs.append(fill_queue(one))
        files = set(folder.iterdir()) | {folder / "rules", folder / "faults"}
        stop_at(one, step)
        one.weir.process.kill()
        began = time.monotonic()
        expect(all(pair.was_reset() for pair in one.pairs), f"'{step.name}': somebody was not reset")
        took = time.monotonic() - began
        expect(one.weir.process.wait() == -signal.SIGKILL, f"'{step.name}': it was not killed")
        wait_for(f"nobody after '{step.name}'", lambda: not processes_of(one.program))
        expect(set(folder.iterdir()) <= files, f"files are left after '{step.name}': {set(folder.iterdir()) - files}")
        (folder / "rules").unlink()
        one.weir.start()  # as the service manager does
        one.stage.pair("any").say()
    return took


def killed_at_each_step(folder, _):
    if not Path(FAULT_SHIM).exists():
        return {"skipped": "no shim"}
    slowest = 0
    for step in STEPS:
        with tempfile.TemporaryDirectory(dir=folder) as inner:
            slowest = max(slowest, killed_at(Path(inner), step))
        expect(slowest < 1, f"resets took {slowest:.2f} s at '{step.name}'")
    return {"slowest_ms": round(1000 * slowest)}
