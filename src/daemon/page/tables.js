/* The three tables: relays, pairs, targets. */

/* --- what was measured: bytes per second of relays and pairs --- */

const history = new Map(); // name of a relay: its samples
let before = null; // the last report's time and counters

function rate(now, then, elapsed) {
	return then === undefined || now < then ? null : (now - then) * 1000 / elapsed;
}

function counters(records, keyOf, up, down) {
	return new Map(records.map((r) => [keyOf(r), {upload: up(r), download: down(r)}]));
}

/* Between two reports of one daemon, by its own clock. Another daemon begins anew. */
function measure(report, at) {
	const now = {
		pid: report.weir.pid,
		uptime: report.weir.uptime_ms,
		relays: counters(report.relay, (r) => r.name, (r) => r.upload_bytes, (r) => r.download_bytes),
		pairs: counters(report.pair, (p) => p.id, (p) => p.flow[0].bytes, (p) => p.flow[1].bytes),
	};
	const same = before !== null && before.pid === now.pid && before.uptime <= now.uptime;
	const elapsed = same ? now.uptime - before.uptime : 0;
	if (same && elapsed === 0)
		return before;

	now.rates = new Map();
	for (const [id, moved] of now.pairs) {
		const then = same ? before.pairs.get(id) : undefined;
		now.rates.set(id, {upload: rate(moved.upload, then?.upload, elapsed),
			download: rate(moved.download, then?.download, elapsed)});
	}
	for (const [name, moved] of now.relays) {
		const then = same ? before.relays.get(name) : undefined;
		const samples = history.get(name) ?? [];
		samples.push({at, upload: rate(moved.upload, then?.upload, elapsed),
			download: rate(moved.download, then?.download, elapsed)});
		while (samples[0].at < at - SPAN_MS)
			samples.shift();
		history.set(name, samples);
	}
	for (const name of history.keys())
		if (!now.relays.has(name))
			history.delete(name);
	before = now;
	return now;
}

/* A line has a gap while nothing is known. */
function interrupt(at) {
	for (const samples of history.values())
		samples.push({at, upload: null, download: null});
}

/* --- relays --- */

function counted(label, field) {
	const value = figure(field);
	const node = element("span", {class: "count"}, `${label} `, value);
	return {
		node,
		update(number, kind) {
			put(value, number, count(number));
			mark(value, "class", number > 0 ? kind : "zero");
		},
	};
}

/* The longest queue of a relay's pairs, and the bytes in all of them. */
function relayQueue(direction) {
	const bar = gauge();
	const longest = figure(`${direction}_longest`);
	const sum = figure(`${direction}_queued`);
	const high = figure(`${direction}_high`);
	const node = element("span", {class: `flow ${direction}`}, bar.node,
		element("span", {class: "text"}, unseen(`${direction} `), longest, " of ", high, ", all ", sum));

	return {
		node,
		update(relay) {
			const value = (name) => relay[`${direction}_${name}`];
			node.hidden = !isKnown(value("queued")) || !isKnown(value("high"));
			if (node.hidden)
				return;
			bar.update(value("longest"), value("low"), value("high"));
			put(longest, value("longest"), bytes(value("longest")));
			put(high, value("high"), bytes(value("high")));
			put(sum, value("queued"), bytes(value("queued")));
		},
	};
}

function makeRelay(name) {
	const button = element("button", {type: "button", class: "name", title: "Show only this relay"}, name);
	const pairs = figure("pairs"), unit = element("span", {}), removed = element("span", {});
	const line = plot(), legend = element("span", {class: "sub"});
	const up = element("span", {}), down = element("span", {});
	const queues = [relayQueue("upload"), relayQueue("download")];
	const waits = ["client", "target", "relay"].map((side) => counted(SIDES[side], `slow_${side}`));
	const targets = ["up", "down", "trying"].map((state) => counted(state, state));
	const clients = [counted("accepted", "accepted"), counted("refused", "refused"),
		counted("denied", "denied"), counted("not connected", "connect_failed")];
	const nodes = (list) => list.map((item) => item.node);
	const node = row(name,
		element("th", {role: "rowheader", scope: "row", class: "wide"}, button,
			element("span", {class: "sub"}, pairs, unit, removed)),
		cell("", true, element("div", {class: "rates"},
			element("div", {class: "plot"}, line.node, legend),
			element("div", {class: "figures"},
				element("span", {class: "upload"}, unseen("upload "), up),
				element("span", {class: "download"}, unseen("download "), down)))),
		cell("Longest queues", true, ...nodes(queues)),
		cell("Waiting for", false, ...nodes(waits)),
		cell("Targets", false, ...nodes(targets)),
		cell("Clients", true, ...nodes(clients)));
	button.addEventListener("click", () => choose(wanted.relay === name ? "" : name));

	return {
		node,
		update(relay) {
			const samples = history.get(name) ?? [], last = samples[samples.length - 1];
			mark(button, "aria-pressed", String(wanted.relay === name));
			put(pairs, relay.pairs, count(relay.pairs));
			say(unit, relay.pairs === 1 ? " pair" : " pairs");
			say(removed, relay.state === "removed" ? ", removed from the configuration" : "");
			node.classList.toggle("removed", relay.state === "removed");
			say(legend, line.update(samples, shown.at));
			say(up, `↑ ${perSecond(last?.upload ?? null)}`);
			say(down, `↓ ${perSecond(last?.download ?? null)}`);
			for (const queue of queues)
				queue.update(relay);
			waits.forEach((item, i) => {
				const waiting = relay[`slow_${["client", "target", "relay"][i]}`];
				item.node.hidden = !isKnown(waiting);
				if (isKnown(waiting))
					item.update(waiting, "");
			});
			const states = shown.targets.get(name) ?? {up: 0, down: 0, trying: 0};
			targets[0].update(states.up, states.up > 0 ? "good" : "");
			targets[1].update(states.down, "bad");
			targets[2].update(states.trying, "warn");
			targets[2].node.hidden = states.trying === 0;
			clients[0].update(relay.accepted, "");
			clients[1].update(relay.refused, "warn");
			clients[2].update(relay.denied, "warn");
			clients[3].update(relay.connect_failed, "bad");
			clients[2].node.hidden = relay.denied === 0;
		},
	};
}

/* --- pairs --- */

function pairFlow(direction) {
	const bar = gauge();
	const queued = figure(`${direction}_queued`), high = figure(`${direction}_high`);
	const speed = element("span", {class: direction}), reading = element("span", {});
	const node = element("span", {class: `flow ${direction}`}, speed, reading, bar.node,
		element("span", {class: "text"}, queued, " of ", high));

	return {
		node,
		update(flow, moved) {
			say(speed, perSecond(moved));
			bar.update(flow.queued, flow.low, flow.high);
			put(queued, flow.queued, bytes(flow.queued));
			put(high, flow.high, bytes(flow.high));
			say(reading, flow.reading === "paused" ? " paused" : flow.reading === "ended" ? " ended" : "");
			mark(reading, "class", flow.reading === "paused" ? "paused" : "zero");
			mark(reading, "data-reading", flow.reading);
		},
	};
}

/* What the verdict was made of, as far as it is known and says something. */
function evidence(pair) {
	const parts = [];
	for (const side of ["client", "target"])
		if (pair[`waited_${side}`] > 0)
			parts.push(`waited ${percent(pair[`waited_${side}`])} for the ${side}`);
	const flow = pair.flow[pair.slow === "client" ? 1 : 0];
	if (pair.slow !== "client" && pair.slow !== "target")
		return parts.join(", ");
	if (flow.paused > 0)
		parts.push(`paused ${percent(flow.paused)}`);
	if (flow.lag_ms > 0)
		parts.push(`lag ${duration(flow.lag_ms)}`);
	if (flow.rtt_us > 0)
		parts.push(`round trip ${duration(flow.rtt_us / 1000)}`);
	if (flow.rwnd > 0)
		parts.push(`window shut ${percent(flow.rwnd)}`);
	if (flow.retrans > 0)
		parts.push(`${count(flow.retrans)} sent again`);
	if (flow.unanswered_ms >= 1000)
		parts.push(`unanswered for ${duration(flow.unanswered_ms)}`);
	return parts.join(", ");
}

function makePair(id) {
	const side = element("span", {class: "side", "data-field": "slow"});
	const words = element("span", {"data-field": "why"}), proof = element("span", {class: "sub"});
	const since = figure("since_ms"), since_text = element("span", {class: "zero"}, " for ", since);
	const relay = element("span", {"data-field": "relay"}), state = element("span", {class: "sub"});
	const client = element("span", {"data-field": "client"});
	const target = element("span", {"data-field": "target"});
	const via = element("span", {});
	const flows = [pairFlow("upload"), pairFlow("download")];
	const node = row(id,
		cell("", true, side, words, since_text, proof),
		element("th", {role: "rowheader", scope: "row"}, `#${id} `, relay, state),
		cell("", true, client, via, element("span", {class: "sub"}, "to ", target)),
		cell("Upload", false, flows[0].node),
		cell("Download", false, flows[1].node));

	return {
		node,
		update(pair) {
			const verdict = `${pair.slow}/${pair.why}`, moved = shown.rates.get(pair.id);
			mark(side, "data-side", pair.slow);
			say(side, SIDES[pair.slow] ?? pair.slow);
			mark(words, "data-verdict", verdict);
			say(words, SENTENCES[verdict] ?? verdict);
			put(since, pair.since_ms, duration(pair.since_ms));
			since_text.hidden = !isKnown(pair.since_ms);
			say(proof, evidence(pair));
			say(relay, pair.relay);
			mark(state, "data-state", pair.state);
			say(state, `${pair.state.replace("_", "-")}, ${duration(pair.age_ms)} old`);
			say(client, pair.client);
			say(target, pair.target === "-" ? "no target yet" : pair.target);
			say(via, pair.via === "-" ? "" : ` via ${pair.via}`);
			flows.forEach((flow, i) => flow.update(pair.flow[i], moved?.[["upload", "download"][i]] ?? null));
		},
	};
}

/* --- targets --- */

const targetKey = (target) => JSON.stringify([target.relay, target.target, target.address, target.backup]);

function makeTarget(key) {
	const state = element("span", {"data-field": "state"}), since = figure("since_ms");
	const name = element("span", {"data-field": "target"}), place = element("span", {class: "sub"});
	const relay = element("span", {"data-field": "relay"});
	const pairs = figure("pairs"), connects = figure("connects"), failures = figure("failures");
	const error = element("span", {class: "sub"});
	const node = row(key,
		cell("", false, state, " ", element("span", {class: "zero"}, "for ", since)),
		element("th", {role: "rowheader", scope: "row"}, name, place),
		cell("Relay", false, relay),
		cell("Pairs", false, pairs),
		cell("Connected", false, connects),
		cell("Failed", false, failures, error));

	return {
		node,
		update(target) {
			const notes = [target.address !== target.target ? target.address : "",
				target.backup === "yes" ? "backup" : "", target.weight === 0 ? "draining" : ""];
			say(state, target.state);
			mark(state, "class", {up: "good", down: "bad", trying: "warn"}[target.state] ?? "zero");
			put(since, target.since_ms, duration(target.since_ms));
			say(name, target.target);
			say(place, notes.filter(Boolean).join(", "));
			say(relay, target.relay);
			put(pairs, target.pairs, count(target.pairs));
			put(connects, target.connects, count(target.connects));
			put(failures, target.failures, count(target.failures));
			mark(failures, "class", target.failures > 0 ? "bad" : "zero");
			say(error, target.last_error === "-" ? "" : target.last_error);
		},
	};
}
