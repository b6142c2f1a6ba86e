"""What a takeover carries beside bytes: limits, health, rates, verdicts, entrances, orders to and from weir."""

import re
import signal
import socket
import subprocess
import time
import urllib.request

from carriage import READY, RELOADED, expect, wait_for
from plain import Manager, Stage, is_reset

TIMES = 3


def take_over(stage, times=TIMES):
    for _ in range(times):
        stage.weir.take_over()


def turned_away(stage, name):
    try:
        return is_reset(stage.connect(name))
    except ConnectionResetError:
        return True


def limits(folder, _):
    """Pairs of a source, and of a relay, count as before, and so do those who are denied."""
    with Stage(folder) as stage:
        stage.relay("source", "max_connections_per_source = 2")
        stage.relay("full", "max_connections = 1")
        stage.relay("denied", "deny = any")
        stage.start("workers = 2")
        pairs = [stage.pair("source") for _ in range(2)]
        expect(turned_away(stage, "source"), "a third pair of a source")
        expect(turned_away(stage, "denied"), "a client that is denied")
        inside, waiting = stage.pair("full"), stage.connect("full")
        before = {name: stage.record(name) for name in stage.relays}
        take_over(stage)
        expect(turned_away(stage, "source"), "a third pair of a source after a takeover")
        expect(turned_away(stage, "denied"), "a client that is denied after a takeover")
        expect(stage.targets["full"][0].nobody_comes(), "a second pair where one is the limit")
        for name, key in (("source", "refused"), ("denied", "denied"), ("source", "accepted")):
            expect(stage.record(name)[key] == before[name][key] + 1,
                   f"{key} of {name}: {before[name][key]} before, {stage.record(name)[key]} after one more")
        inside.say()
        inside.end()
        waiting.sendall(b"x")
        expect(stage.targets["full"][0].accept().recv(1) == b"x", "who has waited is not served")
        pairs[0].say()
        pairs[0].end()
        wait_for("one pair less", lambda: stage.record("source")["pairs"] == 1)
        stage.pair("source").say()
        pairs[1].say()


def health(folder, _):
    """A target that is down stays down, since when it has been."""
    with Stage(folder) as stage:
        stage.relay("two", "fail_limit = 1", "fail_time = 1h", targets=2)
        stage.targets["two"][1].close()
        stage.start("workers = 2")
        while not down(stage):
            stage.pair("two").say()
        before = down(stage)[0]
        take_over(stage)
        after = down(stage)
        expect(after, "a target that was down is up after a takeover")
        for key in ("connects", "failures", "last_error", "target", "address"):
            expect(after[0][key] == before[key], f"{key}: {before[key]} before, {after[0][key]} after")
        expect(after[0]["since_ms"] >= before["since_ms"], "it is down since another moment")
        for _ in range(6):
            stage.pair("two").say()
        expect(down(stage)[0]["connects"] == before["connects"], "who is down was tried")


def down(stage):
    return [target for target in stage.weir.dump()["target"] if target["state"] == "down"]


def checks(folder, _):
    """Targets are checked on, and one that comes back is found."""
    with Stage(folder) as stage:
        stage.relay("checked", "check_interval = 100ms", "check_fall = 1", "check_rise = 1")
        address = stage.targets["checked"][0].socket.getsockname()
        stage.targets["checked"][0].close()
        stage.start()
        wait_for("a target that is down", lambda: down(stage))
        take_over(stage)
        counted = down(stage)[0]["checks"]
        wait_for("further checks", lambda: down(stage)[0]["checks"] > counted)
        with socket.create_server(address):
            wait_for("a target that is up", lambda: not down(stage))


def rates(folder, _):
    """What a pair may move in a second stays what it is."""
    with Stage(folder) as stage:
        stage.relay("slow", "download_rate = 256K")
        stage.start("workers = 2")
        pair = stage.pair("slow")
        pair.target.setblocking(False)
        pair.client.settimeout(0.05)
        began, got = time.monotonic(), 0
        for turn in range(60):
            if turn % 15 == 5:
                stage.weir.take_over()
            try:
                while pair.target.send(b"x" * 65536):
                    pass
            except BlockingIOError:
                pass
            try:
                got += len(pair.client.recv(1 << 20))
            except TimeoutError:
                pass
        rate = got / (time.monotonic() - began) / 1024
        expect(150 < rate < 330, f"{rate:.0f} KiB a second, should be 256")
        return {"rate_kib": round(rate)}


def verdict(folder, _):
    """Right after a takeover the same side is slow for the same reason."""
    with Stage(folder) as stage:
        stage.relay("rests", "high_watermark = 64K", "client_sndbuf = 16K")
        stage.start("workers = 2")
        pair = stage.pair("rests")
        pair.target.setblocking(False)

        def judged():
            try:
                while pair.target.send(b"x" * 65536):
                    pass
            except BlockingIOError:
                pass
            record = stage.weir.dump()["pair"][0]
            return (record["slow"], record["why"])
        wait_for("a verdict", lambda: judged() == ("client", "reading"))
        time.sleep(3)  # a whole window: this is what is carried
        record = stage.weir.dump()["pair"][0]
        for _ in range(TIMES):
            stage.weir.take_over()
            after = stage.weir.dump()["pair"][0]
            expect((after["slow"], after["why"]) == ("client", "reading"),
                   f"{after['slow']}/{after['why']} after a takeover, client/reading before")
            for key in ("waited_client_ms", "waited_target_ms"):
                if key in record:
                    expect(after[key] >= record[key], f"{key} went back from {record[key]} to {after[key]}")


def http(folder, _):
    """The page is reachable, before and after."""
    with Stage(folder) as stage:
        stage.relay("any")
        stage.start("http_listen = 127.0.0.1:9347")
        for _ in range(TIMES):
            stage.pair("any").say()
            with urllib.request.urlopen("http://127.0.0.1:9347/metrics", timeout=10) as answer:
                expect(b"weir_" in answer.read(), "no metrics")
            stage.weir.take_over()
        with urllib.request.urlopen("http://127.0.0.1:9347/health", timeout=10) as answer:
            expect(answer.status == 200, "not healthy")


def workers_by_reload(before, after):
    """HUP with another number of workers takes over, and no pair is cut."""
    def function(folder, _):
        with Stage(folder) as stage:
            stage.relay("any")
            stage.relay("range")
            first = int(stage.relays["range"].listen[0].split(":")[1]) + 100
            stage.relays["range"].listen.append(f"127.0.0.1:{first}-{first + 3}")
            stage.relays["any"].listen.append(f"unix:{folder}/socket")
            stage.start(f"workers = {before}")
            pairs = [stage.pair(name) for name in ("any", "range") for _ in range(20)]
            for count in (after, before, after):
                for pair in pairs:
                    pair.say()
                stage.configure(f"workers = {count}")
                stage.weir.take_over(signal.SIGHUP)
                expect(stage.weir.dump()["weir"]["workers"] == count, "another number of workers")
                pairs += [stage.pair(name) for name in ("any", "range") for _ in range(10)]
                stage.weir.take_over()
            for pair in pairs:
                pair.say()
                pair.end()
            wait_for("no pairs", lambda: not stage.weir.dump()["pair"])
            stage.weir.stop()
    return function


def changed_file(folder, _):
    """Its pairs live on where a relay is gone; what is new in the file is there after the takeover."""
    with Stage(folder) as stage:
        stage.relay("kept")
        stage.relay("gone")
        stage.relay("new")
        new = stage.relays.pop("new")
        stage.start("workers = 2")
        kept, gone = stage.pair("kept"), stage.pair("gone")
        stage.relays["new"] = new
        address = stage.relays.pop("gone")
        stage.configure("workers = 2")
        reloads = len(stage.weir.lines(RELOADED))
        stage.weir.take_over()
        stage.weir.wait_log(RELOADED, reloads + 1)
        stage.pair("new").say()
        wait_for("an entrance that is closed", lambda: refuses(address.listen[0]))
        for _ in range(TIMES):
            gone.say()
            kept.say()
            stage.weir.take_over()
        gone.say()
        gone.end()
        kept.say()


def refuses(address):
    try:
        socket.create_connection(("127.0.0.1", int(address.rsplit(":", 1)[1])), 1).close()
        return False
    except ConnectionRefusedError:
        return True
    except (TimeoutError, ConnectionResetError):
        return False


def draining_entrance(folder, _):
    """A client that waits at a limit, at an entrance that is removed, is served after takeovers."""
    with Stage(folder) as stage:
        stage.relay("full", "max_connections = 1")
        stage.relay("other")
        stage.start("workers = 1")
        inside, waiting = stage.pair("full"), stage.connect("full")
        waiting.sendall(b"x")
        removed = stage.relays.pop("full")
        stage.configure("workers = 1")
        stage.weir.reload()
        take_over(stage)
        inside.say()
        expect(stage.targets["full"][0].nobody_comes(), "a second pair where one is the limit")
        inside.end()
        expect(stage.targets["full"][0].accept().recv(1) == b"x", "who has waited is not served")
        wait_for("an entrance that is closed", lambda: refuses(removed.listen[0]))


def manager(folder, _):
    """The service manager hears RELOADING and READY, and the watchdog goes on."""
    with Stage(folder) as stage:
        told = Manager(stage.weir)
        stage.weir.environment["WATCHDOG_USEC"] = "1000000"
        stage.relay("any")
        stage.start()
        pair = stage.pair("any")
        for times in range(1, TIMES + 1):
            stage.weir.take_over()
            wait_for("READY", lambda wanted=times + 1: count(told, "READY=1") >= wanted)
            expect(count(told, "RELOADING=1") == times, f"RELOADING {count(told, 'RELOADING=1')} times")
            pair.say()
        calls = count(told, "WATCHDOG=1")
        wait_for("further calls of the watchdog", lambda: count(told, "WATCHDOG=1") > calls + 2)
        expect(count(told, "STOPPING=1") == 0, "it stops")


def count(told, word):
    return sum(word in message.split("\n") for message in told.told())


def stop_after(folder, _):
    """TERM drains after a takeover as ever, and USR2 while it drains changes nothing."""
    with Stage(folder) as stage:
        stage.relay("any")
        stage.start("drain_timeout = 1m")
        pair = stage.pair("any")
        take_over(stage)
        stage.weir.send(signal.SIGTERM)
        stage.weir.wait_log(re.compile("no new clients"))
        stage.weir.send(signal.SIGUSR2)
        pair.say()
        stage.weir.send(signal.SIGUSR2)
        pair.say()
        pair.end()
        status = wait_for("the end", lambda: None if stage.weir.alive() else [stage.weir.process.returncode])
        expect(status == [0], f"status {status[0]}")


def in_the_start(folder, _):
    """USR2 from the first instruction on does not end it."""
    with Stage(folder) as stage:
        stage.relay("any")
        stage.configure()
        for turn in range(20):
            stage.weir.log.unlink(missing_ok=True)
            start_and_signal(stage.weir, turn / 1000)
            stage.weir.wait_log(READY)
            stage.pair("any").say()
            stage.weir.close()


def start_and_signal(weir, delay):
    """Signals so long after main has begun; before that, the loader runs."""
    with open(weir.log, "ab") as log:
        weir.process = subprocess.Popen([weir.program, "-c", str(weir.ini)], stderr=log, stdin=subprocess.DEVNULL)
    wait_for("main", lambda: "SigBlk:\t0000000000000000" not in weir.proc("status").read_text(), step=0)
    time.sleep(delay)
    weir.send(signal.SIGUSR2)


def storm(folder, _):
    """A hundred USR2 at once, and all signals in a mix: nobody is cut, and weir is there."""
    with Stage(folder) as stage:
        stage.relay("any")
        stage.start("workers = 2")
        pairs = [stage.pair("any") for _ in range(50)]
        for mix in ((signal.SIGUSR2,), (signal.SIGUSR2, signal.SIGHUP, signal.SIGUSR1)):
            for number in range(100):
                stage.weir.send(mix[number % len(mix)])
                if number % 10 == 0:
                    pairs[number // 10].say()
                    time.sleep(0.005)
            for pair in pairs:
                pair.say()
        stage.weir.take_over()
        for pair in pairs:
            pair.say()
            pair.end()
        stage.weir.stop()
