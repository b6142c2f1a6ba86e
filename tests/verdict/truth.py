"""What the actors measured, in the words of a verdict, and how a verdict compares."""

MOST = 0.6   # of the time: what a side does for so long is what the pair waits for
LITTLE = 0.3 # and then nothing else is done for so long

OPPOSITE = {"client": "target", "target": "client"}
WORDS = {("client", "turn"): "client/thinking", ("target", "turn"): "target/answer"}
RESULTS = ("right", "silent", "why", "wrong", "opposite")


def rests(client, target):
    """By the words of a verdict: for what part of the time each side held the pair up on purpose."""
    found = {}
    for side, shares in (("client", client), ("target", target)):
        if not shares:
            continue
        found[f"{side}/reading"] = shares["hear"]["unread"]
        found[f"{side}/sending"] = shares["say"]["sending"]
        found[WORDS[side, "turn"]] = shares["say"]["turn"]
    return found


def moved(client, target):
    """Bytes a second that were said or heard."""
    return sum(shares[part]["bytes"] for shares in (client, target) for part in shares)


def falls_behind(sink, source):
    """Kernel buffers hide from a source that its sink is slower. It rests as it likes, and what waits grows."""
    return source["say"]["bytes"] > sink["hear"]["bytes"] * 1.2


def measure(client, target):
    """
    What was true, by what the actors did: "client/reading"; "between" if none of them held the pair up and bytes
    went; "nothing" if none did; "absent" if the target was never connected; or "mixed".
    """
    found = rests(client, target)
    first, second, *_ = sorted(found.values(), reverse=True)
    if not target:
        return "absent" if first < MOST else max(found, key=found.get)
    for reader, shares, source in (("client", client, target), ("target", target, client)):
        if shares["hear"]["unread"] >= MOST and (source["say"]["blocked"] >= MOST or falls_behind(shares, source)):
            return f"{reader}/reading"
    if first >= MOST and second <= LITTLE:
        return max(found, key=found.get)
    if first > LITTLE:
        return "mixed"
    blocked = max(client["say"]["blocked"], target["say"]["blocked"])
    return "between" if moved(client, target) > 0 or blocked >= MOST else "nothing"


def actor_word(truth):
    """What the actors measure if that is true."""
    slow, why = truth.split("/")
    if why == "connecting":
        return "absent"
    if slow in ("relay",) or why in ("path", "unanswered"):
        return "between"
    return "nothing" if why == "idle" else truth


def words(situation):
    """All that its actors may measure."""
    return {actor_word(truth) for truth in situation.truth}


def spoiled(situation, take):
    """Why the actors did not do what was to be staged, or None."""
    for client, target in zip(take.client, take.target):
        word = (situation.measured or measure)(client, target)
        if word not in words(situation):
            found = {name: round(part, 2) for name, part in rests(client, target).items() if part >= 0.05}
            return f"staged {situation.truth[0]}, measured {word} {found}"
    return None


CPU_FULL = 0.97  # of one, that a thread has: there is none to spare
BUSY = 0.5       # of one, that an actor wants
CPU_FREE = 0.90  # of one, that a thread wants, whether or not it gets it


def busy_actors(take):
    """What is true as well where an actor has no CPU to spare, or gets none: then it is slow itself."""
    for side, cpu in (("client", take.client_cpu), ("target", take.target_cpu)):
        if max((wanted for _, wanted in cpu), default=0) >= BUSY:
            yield from (f"{side}/sending", f"{side}/reading", WORDS[side, "turn"])


def truths_of(situation, take):
    """
    What is true of one take. Where weir's CPU may be the cause, its use says whether it is; in between, both are
    right.
    """
    if "relay/cpu" in situation.truth:
        busy = tuple(busy_actors(take))
        if busy:
            return situation.truth + busy
        if min(had for had, _ in take.cpu) >= CPU_FULL:
            return ("relay/cpu",)
        if max(wanted for _, wanted in take.cpu) <= CPU_FREE:
            return tuple(truth for truth in situation.truth if truth != "relay/cpu")
    if "relay/memory" in situation.truth and min(wanted for _, wanted in take.cpu) < CPU_FULL:
        return situation.truth + ("none/idle",)  # it costs weir no more CPU than there is
    return situation.truth


def compare(truths, slow, why):
    """One of RESULTS for a verdict."""
    if f"{slow}/{why}" in truths:
        return "right"
    sides = {truth.split("/")[0] for truth in truths}
    if slow in sides:
        return "why"
    if slow == "none":
        return "silent"
    return "opposite" if {OPPOSITE.get(side) for side in sides} == {slow} else "wrong"


def has_waited(record):
    """Whether the side that it names was waited for most of the time."""
    slow = record["slow"]
    return slow not in OPPOSITE or int(record[f"waited_{slow}_ms"]) >= (MOST - 0.1) * int(record["duration_ms"])


def both_rest(life):
    """The sides that rested for most of it."""
    found = rests(life.client, life.target)
    return {name.split("/")[0] for name, part in found.items() if part >= MOST}


def compare_life(situation, life):
    """
    One of RESULTS for a close line. Empty if that has no verdict, or if something else was true over the life of
    the pair than at its end. It names what has taken longest, so a backlog that only grew is none of its matters.
    """
    if not life or "slow" not in life.record or "relay/cpu" in situation.truth:
        return ""
    if len(both_rest(life)) > 1:
        return ""
    if (situation.measured or measure)(life.client, life.target) not in words(situation):
        return ""
    result = compare(situation.truth, life.record["slow"], life.record["why"])
    return result if result != "right" or has_waited(life.record) else "why"


def compare_limited_by(truths, flows):
    """The same for limited_by, which names a side for each flow and no reason."""
    sides = {truth.split("/")[0] for truth in truths}
    named = {flow["limited_by"] for flow in flows} - {"none"}
    if named & sides or (not named and "none" in sides):
        return "right"
    if not named:
        return "silent"
    return "opposite" if named & {OPPOSITE.get(side) for side in sides} else "wrong"


def worst(results):
    """Of several dumps, what counts."""
    return max(results, key=RESULTS.index)
