"""Whether truth.py can tell what is true."""

from types import SimpleNamespace

import truth


def did(**parts):
    """What an actor did: say_turn=0.9 and the like."""
    zeros = {part: dict.fromkeys(("bytes", "work", "blocked", "turn", "sending", "waiting", "unread", "rest"), 0.0)
             for part in ("say", "hear")}
    for name, share in parts.items():
        part, key = name.split("_")
        zeros[part][key] = share
    return zeros


MEASURED = (
    ("client/reading", did(hear_unread=0.9, hear_bytes=10), did(say_blocked=0.9, say_bytes=10)),
    ("target/reading", did(say_blocked=0.9, say_bytes=10), did(hear_unread=0.9, hear_bytes=10)),
    ("client/reading", did(hear_unread=0.9, hear_bytes=10), did(say_sending=0.9, say_bytes=20)),
    ("client/reading", did(hear_unread=0.9, hear_bytes=9, say_sending=0.9), did(say_blocked=0.9, say_bytes=9)),
    ("mixed", did(hear_unread=0.9, hear_bytes=10), did(say_sending=0.9, say_bytes=11)),
    ("mixed", did(say_turn=0.5), did(say_turn=0.5)),
    ("client/thinking", did(say_turn=0.7), did(say_turn=0.3)),
    ("target/answer", did(say_turn=0.3), did(say_turn=0.7)),
    ("target/sending", did(hear_bytes=10), did(say_sending=0.8, say_bytes=10)),
    ("between", did(say_blocked=0.9, say_bytes=10), did(hear_bytes=10, hear_waiting=0.8)),
    ("nothing", did(hear_waiting=1.0), did(hear_waiting=1.0)),
    ("absent", did(say_waiting=1.0), {}),
    ("client/thinking", did(say_turn=1.0), {}),
)
COMPARED = (
    ("right", ("client/reading",), "client", "reading"),
    ("why", ("client/reading",), "client", "path"),
    ("silent", ("client/reading",), "none", "idle"),
    ("opposite", ("client/reading",), "target", "answer"),
    ("opposite", ("target/sending",), "client", "thinking"),
    ("wrong", ("client/reading",), "relay", "memory"),
    ("wrong", ("none/idle",), "client", "thinking"),
    ("wrong", ("relay/rate",), "target", "reading"),
    ("silent", ("relay/rate",), "none", "idle"),
    ("right", ("none/idle", "relay/cpu"), "relay", "cpu"),
)
CPU = (
    (("relay/cpu",), (0.98, 1.0)),
    (("none/idle",), (0.3, 0.4)),
    (("none/idle", "relay/cpu"), (0.3, 1.0)),
)


def life(slow, why, waited_client, waited_target, **source):
    """What came of a pair in 1 s whose client read slowly all the time."""
    record = {"slow": slow, "why": why, "duration_ms": "1000", "waited_client_ms": waited_client,
              "waited_target_ms": waited_target}
    situation = SimpleNamespace(truth=("client/reading",), measured=None)
    done = SimpleNamespace(record=record, client=did(hear_unread=0.9, hear_bytes=9),
                           target=did(**(source or {"say_blocked": 0.9, "say_bytes": 9})))
    return truth.compare_life(situation, done)


MAYBE_CPU = SimpleNamespace(truth=("none/idle", "relay/cpu"))


def checks():
    """Pairs of what should be and what is."""
    for wanted, client, target in MEASURED:
        yield wanted, truth.measure(client, target)
    for wanted, truths, slow, why in COMPARED:
        yield wanted, truth.compare(truths, slow, why)
    for wanted, cpu in CPU:
        yield wanted, truth.truths_of(MAYBE_CPU, SimpleNamespace(cpu=[cpu, cpu], client_cpu=[], target_cpu=[]))
    for wanted, cpu in ((("relay/memory",), 0.98), (("relay/memory", "none/idle"), 0.96)):
        short = SimpleNamespace(truth=("relay/memory",))
        yield wanted, truth.truths_of(short, SimpleNamespace(cpu=[(0.3, 1.0), (0.3, cpu)]))
    busy = SimpleNamespace(cpu=[(0.98, 1.0)], client_cpu=[(0.1, 0.2), (0.1, 0.7)], target_cpu=[(0.1, 0.2)])
    yield True, "client/reading" in truth.truths_of(MAYBE_CPU, busy)
    yield False, "target/reading" in truth.truths_of(MAYBE_CPU, busy)
    yield "right", life("client", "reading", "900", "0")
    yield "why", life("client", "reading", "100", "0")
    yield "opposite", life("target", "answer", "0", "900")
    yield "", life("client", "reading", "900", "0", say_sending=0.9, say_bytes=90)
    yield "opposite", truth.worst(["right", "opposite", "silent"])
    yield "right", truth.compare_limited_by(("client/reading",), [{"limited_by": "none"}, {"limited_by": "client"}])
    yield "wrong", truth.compare_limited_by(("client/reading",), [{"limited_by": "relay"}])


def failures():
    """Lines that say what is wrong."""
    return [f"wanted {wanted}, got {got}" for wanted, got in checks() if wanted != got]
