"""Takeovers that fail: weir says why and goes on, and nobody is cut. And what a killed weir leaves behind."""

import os
import random
import re
import shutil
import signal
import subprocess
import tempfile
import threading
import time
from contextlib import contextmanager
from pathlib import Path

from carriage import PASSENGERS, TAKEN_OVER, WEIR, expect, wait_for
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


def rehearsal_is_killed(folder, _):
    """The child is not weir's life."""
    with unwilling(folder) as one:
        install(one.program, IMPOSTOR)
        (folder / "impostor").write_text("hang")

        def kill():
            child = wait_for("a child", one.children, step=0.001)[0]
            os.kill(child, signal.SIGKILL)
        killer = threading.Thread(target=kill)
        killer.start()
        one.fails("signal 9|killed")
        killer.join()


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


def calls(folder, _):
    """Calls that fail before there is no way back."""
    if not Path(FAULT_SHIM).exists():
        return {"skipped": "no shim"}
    rules = folder / "rules"
    sanitizers = os.environ.get("ASAN_OPTIONS", "") + ":verify_asan_link_order=0"  # the shim stands before them
    with unwilling(folder, LD_PRELOAD=str(Path(FAULT_SHIM).resolve()), FAULT_RULES=str(rules),
                   FAULT_LOG=str(folder / "faults"), ASAN_OPTIONS=sanitizers) as one:
        for rule in ("memfd_create EMFILE 1 1", "memfd_create ENOMEM 2 0", "fork EAGAIN 1 1", "execveat ENOMEM 1 1",
                     "fork ENOMEM 1 0"):
            (folder / "faults").write_text("")
            rules.with_suffix(".new").write_text(rule + "\n")
            rules.with_suffix(".new").rename(rules)
            one.fails(".")
            expect((folder / "faults").read_text(), f"'{rule}' has met no call")
        rules.unlink()
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
