"""The situations that need no path: every class, on either side, with other settings."""

import time

import truth
from stage import Pair, Situation, now_us

LONG = 3600 * 1000  # ms: for good
SIDES = ("client", "target")
OTHER = {"client": "target", "target": "client"}
TURN = {"client": "client/thinking", "target": "target/answer"}
FLOOD = "say send=65536"
ECHO = "say wait=10000 send=10000 hear read=10000 after=10000"
# Settings that must make no difference.
VARIANTS = {
    "copied": {"relay": ("splice = off",)},
    "1 worker": {"settings": ("workers = 1",)},
    "4 workers": {"settings": ("workers = 4",)},
    "unix client": {"is_unix": ("client",)},
    "unix target": {"is_unix": ("target",)},
    "unix both": {"is_unix": SIDES},
}


def pair(side, own, other, **more):
    """A pair in which that side plays its own part, and the other one the other."""
    return Pair(**{side: own, OTHER[side]: other}, **more)


def varied(variant, kind, name, truth, side, own, other, **more):
    """A situation with the settings of a variant, or without any."""
    chosen = dict(VARIANTS.get(variant, {}))
    settings = chosen.pop("settings", ())
    return Situation(kind, f"{name}, {variant}" if variant else name, truth, pair(side, own, other, **chosen),
                     settings=settings, **more)


def slow_readers():
    for side in SIDES:
        for name, hear in (("200K a second", "read=20000 rest=100"), ("2M a second", "read=200000 rest=100"),
                           ("small pieces", "read=2000 rest=10"), ("unevenly", "read=100000 rest=20-400")):
            yield Situation("slow reader", f"{side}, {name}", (f"{side}/reading",), pair(side, f"hear {hear}", FLOOD),
                            part=name == "200K a second")
        for variant in VARIANTS:
            yield varied(variant, "slow reader", side, (f"{side}/reading",), side, "hear read=50000 rest=100", FLOOD,
                         part=variant in ("copied", "unix both"))


def slow_readers_of_messages():
    """The kernel has taken all of a message before it is read: nothing tells slow reading from the turn after it."""
    yield Situation("slow reader", "client, of answers of 1M", ("client/reading", "client/thinking"),
                    Pair("say send=100 wait=1000000 hear read=50000 rest=50", "say wait=100 send=1000000"))
    yield Situation("slow reader", "target, of questions of 1M", ("target/reading", "target/answer"),
                    Pair("say send=1000000 wait=100", "say wait=1000000 send=100 hear read=50000 rest=50"))


def slow_readers_that_speak():
    """Small messages go the same or the other way all the time, and hide nothing."""
    for side in SIDES:
        slow = "read=20000 rest=100"
        yield Situation("slow reader", f"{side}, which says little meanwhile", (f"{side}/reading",),
                        pair(side, f"say send=10 rest=200 hear {slow}", FLOOD), part=side == "client")
        for name, rest in (("", 100), (", 2M a second", 10), (", 20M a second", 1), (", 20K a second", 1000)):
            yield Situation("slow reader", f"{side}, of what it has sent{name}", (f"{side}/reading",),
                            pair(side, f"{FLOOD} hear read=20000 rest={rest}", ECHO), part=name == "")
        yield Situation("stopped reader", f"{side}, which says little meanwhile", (f"{side}/reading",),
                        pair(side, "say send=10 rest=200 hear stop", FLOOD))
        yield Situation("stopped reader", f"{side}, of what it has sent", (f"{side}/reading",),
                        pair(side, f"{FLOOD} hear stop", ECHO), part=True)


def unequal_followers():
    """Whoever rests has sent more than was answered before, so what comes from it was paused all along; or less."""
    for side in SIDES:
        for name, heard, said, before in (("twenty times as much", 1000, 20000, 200000000),
                                          ("a twentieth", 20000, 1000, 5000000)):
            follows = f"say wait={heard} send={said} hear read={heard} after={said}"
            for kind, hear, settle in (("slow", "read=20000 rest=100", 9.0), ("stopped", f"read={before} loop stop", 6.0)):
                yield Situation(f"{kind} reader", f"{side}, of {name} as it has sent", (f"{side}/reading",),
                                pair(side, f"{FLOOD} hear {hear}", follows), settle=settle,
                                part=kind == "stopped" and said > heard)


def stopped_readers():
    for side in SIDES:
        for name, hear in (("at once", "stop"), ("after 1M", "read=1000000 loop stop")):
            yield Situation("stopped reader", f"{side}, {name}", (f"{side}/reading",),
                            pair(side, f"hear {hear}", FLOOD), part=name == "at once")
        for variant in ("copied", "unix client", "unix target"):
            yield varied(variant, "stopped reader", side, (f"{side}/reading",), side, "hear stop", FLOOD)


def backlogs():
    """The source does not notice yet that its sink is slower, as kernel buffers grow."""
    for side in SIDES:
        for name, hear, say in (("2M a second to a reader of 200K", "read=20000 rest=100", "send=100000 rest=50"),
                                ("500K a second to a reader of 50K", "read=5000 rest=100", "send=25000 rest=50")):
            yield Situation("backlog in the kernel", f"{side}, {name}", (f"{side}/reading",),
                            pair(side, f"hear {hear}", f"say {say}"), part=name.startswith("500K"))


def trickles():
    for side in SIDES:
        for name, say in (("20K a second", "send=1000 rest=50"), ("500K a second", "send=100000 rest=200"),
                          ("unevenly", "send=10-3000 rest=10-300"), ("slowly", "send=100 rest=700")):
            yield Situation("trickling source", f"{side}, {name}", (f"{side}/sending",), pair(side, f"say {say}", ""),
                            part=name == "20K a second")
        for variant in VARIANTS:
            yield varied(variant, "trickling source", side, (f"{side}/sending",), side, "say send=2000 rest=40", "",
                         part=variant == "unix both")
    yield Situation("trickling source", "target, after a question", ("target/sending",),
                    Pair("say send=100 stop", "say wait=100 loop send=1000 rest=100"))


def bursts():
    for side in SIDES:
        yield Situation("bursts", f"{side}, 300 ms in 1 s", (f"{side}/sending",),
                        pair(side, "say flood=300 rest=700", ""), part=side == "target")
        yield Situation("bursts", f"{side}, 3M each 300 ms", (f"{side}/sending",),
                        pair(side, "say send=3000000 rest=300", ""))


def turns():
    """A question and its answer, over and over; one of the two takes its time."""
    kinds = {"client": "client thinks", "target": "slow answer"}
    sizes = {"client": ("send=100", "wait=1000"), "target": ("send=1000", "wait=100")}
    for side in SIDES:
        def lines(rest, own=side):
            send, wait = sizes[own]
            return f"say {wait} rest={rest} {send}" if own == "target" else f"say rest={rest} {send} {wait}"
        other = "say send=100 wait=1000" if side == "target" else "say wait=100 send=1000"
        for rest in ("20", "100", "500", "50-300", "1200"):
            yield Situation(kinds[side], f"{rest} ms", (TURN[side],), pair(side, lines(rest), other),
                            settle=6 if rest == "1200" else 3.5, part=rest == "100")
        for variant in VARIANTS:
            yield varied(variant, kinds[side], "200 ms", (TURN[side],), side, lines(200), other,
                         part=variant == "unix both")
    yield Situation("slow answer", "of 1M", ("target/answer",),
                    Pair("say send=100 wait=1000000", "say wait=100 rest=200 send=1000000"))
    yield Situation("slow answer", "to 1M", ("target/answer",),
                    Pair("say send=1000000 wait=100", "say wait=1000000 rest=200 send=100"))
    yield Situation("slow answer", "the client thinks a little", ("target/answer",),
                    Pair("say rest=60 send=100 wait=1000", "say wait=100 rest=400 send=1000"))
    yield Situation("client thinks", "the answer takes a little", ("client/thinking",),
                    Pair("say rest=400 send=100 wait=1000", "say wait=100 rest=60 send=1000"))
    yield Situation("client thinks", "types, and sees what it types", ("client/thinking",),
                    Pair("say rest=50-400 send=1 wait=1", "say wait=1 send=1"))
    yield Situation("trickling source", "target, in each answer", ("target/sending",),
                    Pair("say send=100 wait=10000", "say wait=100" + 10 * " send=1000 rest=60"))
    yield Situation("trickling source", "client, in each question", ("client/sending",),
                    Pair("say wait=100" + 10 * " send=1000 rest=60", "say send=100 wait=10000"))
    yield Situation("client thinks", "the target speaks first", ("client/thinking",),
                    Pair("say wait=50 rest=300 send=100", "say send=50 wait=100"))


def silences():
    """A silence that has lasted long, on a pair that shows no rhythm, may be anything but the other side."""
    yield Situation("long silence", "the first answer never comes", ("target/answer", "none/idle"),
                    Pair("say send=100 wait=1000", f"say wait=100 rest={LONG} send=1000"), part=True)
    yield Situation("long silence", "the client goes on later", ("client/thinking", "none/idle"),
                    Pair(f"say send=100 wait=1000 rest={LONG}", "say wait=100 send=1000"))


def half_closed():
    for side in SIDES:
        yield Situation("half-closed", f"{side} trickles", (f"{side}/sending",),
                        pair(side, "say wait=100 loop send=1000 rest=50", "say send=100 end"), part=side == "target")
        yield Situation("half-closed", f"{side} reads slowly", (f"{side}/reading",),
                        pair(side, "say send=100 end hear read=20000 rest=100", "say wait=100 loop send=65536"))
        yield Situation("half-closed", f"{side} still works", (TURN[side],),
                        pair(side, f"say wait=100 rest={LONG}", "say send=100 end"), part=side == "target")


def connecting():
    talk = "say send=100 wait=100"
    yield Situation("connecting", "a silent target", ("target/connecting",),
                    Pair(talk, "silent", ("connect_timeout = 1m",)), part=True)
    yield Situation("connecting", "a silent target, over and over", ("target/connecting",),
                    Pair(talk, "silent", ("connect_timeout = 1s", "retry_time = 1m")))
    yield Situation("connecting", "a target that refuses, and a client that is held", ("target/connecting",),
                    Pair(talk, "refuse", ("retry_time = 1m",)), part=True)


def waiting_for_the_client():
    """Before a target is sought."""
    truth = ("client/thinking", "client/sending")
    yield Situation("silent client", "that owes a PROXY header", truth,
                    Pair(f"say rest={LONG}", "", ("accept_proxy = any", "proxy_header_timeout = 1m")), part=True)
    yield Situation("silent client", "whose first byte is waited for", truth,
                    Pair(f"say rest={LONG}", "", ("connect_on = data",)))


def rates():
    for side, direction in (("client", "upload"), ("target", "download")):
        for rate in ("100K", "5M"):
            yield Situation("rate", f"{direction}_rate {rate}", ("relay/rate",),
                            pair(side, FLOOD, "", relay=(f"{direction}_rate = {rate}",)),
                            part=rate == "100K")
        yield Situation("rate", f"relay_{direction}_rate", ("relay/rate",),
                        pair(side, FLOOD, "", relay=(f"relay_{direction}_rate = 1M",)))
        yield Situation("rate", f"{direction}, copied", ("relay/rate",),
                        pair(side, FLOOD, "", relay=(f"{direction}_rate = 1M", "splice = off")))
        for rate in ("50K", "1M", "20M"):
            yield Situation("rate", f"{direction}_rate {rate}, of what is sent back", ("relay/rate",),
                            pair(side, ECHO, FLOOD, relay=(f"{direction}_rate = {rate}",)), part=rate == "1M")
        yield Situation("rate", f"{direction}, above what the source sends", (f"{side}/sending",),
                        pair(side, "say send=1000 rest=50", "", relay=(f"{direction}_rate = 1M",)))
        yield Situation("rate", f"{direction}, above what the sink reads", (f"{OTHER[side]}/reading",),
                        pair(side, FLOOD, "hear read=10000 rest=100", relay=(f"{direction}_rate = 1M",)))


def memory():
    """Others hold all memory. Who is slow himself stays so, and whoever is not has no part in it."""
    hogs = (Pair("count=20 hear stop", FLOOD),)
    settings = ("memory_max = 1M",)
    for side in SIDES:
        yield Situation("memory is short", f"{side} reads slowly", (f"{side}/reading",),
                        pair(side, "hear read=20000 rest=100", FLOOD), settings=settings, others=hogs,
                        part=side == "client")
        yield Situation("memory is short", f"{side} trickles", (f"{side}/sending",),
                        pair(side, "say send=1000 rest=50", ""), settings=settings, others=hogs)
    yield Situation("memory is short", "a fast source rests", ("target/sending",),
                    Pair("", "say send=100000 rest=50"), settings=settings, others=hogs)
    yield Situation("memory is short", "slow answer", ("target/answer",),
                    Pair("say send=100 wait=1000", "say wait=100 rest=100 send=1000"), settings=settings, others=hogs)


class Slowed:
    """A pair at full speed, and then others come that take all memory. True is that nobody rests but it is slower."""

    MUCH = 0.7  # of what it was: what it moves then

    def __init__(self):
        self.alone = 0.0  # bytes a second, both actors

    def during(self, stage):
        time.sleep(2.5)
        end = now_us()
        self.alone = truth.moved(*(actor.share(end - 1000000, end) for actor in stage.actors["stage"]))
        stage.let_in_later_ones()

    def measured(self, client, target):
        word = truth.measure(client, target)
        return word if truth.moved(client, target) <= self.MUCH * self.alone else f"{word}, and as fast as before"


def memory_alone():
    """Everybody takes all at once, but others hold the memory: pieces get small, and cost weir its CPU."""
    hogs = (Pair("count=20 hear stop", FLOOD),)
    for side, name, keys in (("client", "up", ()), ("target", "down", ()), ("target", "down, copied", ("splice = off",))):
        slowed = Slowed()
        yield Situation("memory alone is short", name, ("relay/memory",), pair(side, FLOOD, "", relay=keys),
                        settings=("memory_max = 1M",), later=hogs, settle=5.0, alone=True, during=slowed.during,
                        measured=slowed.measured)


def full_speed():
    """Nobody rests. It is weir's CPU if that is used up, and nobody otherwise."""
    truth = ("none/idle", "relay/cpu")
    for name, client, target in (("up", FLOOD, ""), ("down", "", FLOOD), ("both ways", FLOOD, FLOOD)):
        yield Situation("full speed", name, truth, Pair(client, target), alone=True)
        yield Situation("full speed", f"{name}, copied", truth, Pair(client, target, ("splice = off",)), alone=True)


def one_cpu():
    """Short queues cost weir a call for each piece, and its worker all of its CPU, as far as there is one for it."""
    truth = ("none/idle", "relay/cpu")
    keys = ("splice = off", "high_watermark = 2K")
    for count in (2, 8):
        yield Situation("one worker's CPU", f"{count} pairs beside it", truth, Pair(FLOOD, "", keys),
                        settings=("workers = 1",), others=(Pair(f"count={count} {FLOOD}", "", keys),), alone=True)


def idle():
    yield Situation("idle", "nobody ever spoke", ("none/idle",), Pair("say stop", "say stop"), part=True)
    question, answer = "say send=100 wait=1000 stop", "say wait=100 send=1000 stop"
    yield Situation("idle", "after one answer", ("none/idle",), Pair(question, answer), settle=5)
    yield Situation("idle", "after a stream", ("none/idle",), Pair("say send=3000000 stop", ""), settle=5)
    yield Situation("idle", "unix sockets", ("none/idle",), Pair(question, answer, is_unix=SIDES), settle=5)


CLASSES = (
    slow_readers, slow_readers_of_messages, slow_readers_that_speak, unequal_followers, stopped_readers, backlogs, trickles, bursts, turns,
    silences, half_closed, connecting, waiting_for_the_client, rates, memory, memory_alone, full_speed, one_cpu, idle,
)


def everything():
    """All situations, by class."""
    for of_class in CLASSES:
        yield from of_class()
