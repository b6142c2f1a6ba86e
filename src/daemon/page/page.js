"use strict";
/*
 * The page asks for a report again and again and shows it. Whatever a report says is set as text, never as
 * HTML: the policy that comes with the page forbids anything else.
 */
(() => {
const PERIOD_MS = 2000; // weir makes a report a second at most
const PATIENCE_MS = 10000;
const SPANS_MS = [30000, 60000, 120000, 300000]; // of the lines: the shortest that has all there is
const SPAN_MS = SPANS_MS[SPANS_MS.length - 1];
const RELAYS_MAX = 60; // rows; more than that are found by the filter
const TARGETS_MAX = 100;

/* As weir-top has them. */
const SENTENCES = {
	"client/reading": "The client reads too slowly",
	"target/reading": "The target reads too slowly",
	"client/path": "The path between weir and the client is slow",
	"target/path": "The path between weir and the target is slow",
	"client/sending": "The client sends slowly",
	"target/sending": "The target sends slowly",
	"target/answer": "The target owes an answer",
	"client/thinking": "The client is thinking: it is its turn",
	"target/connecting": "The target is not connected yet",
	"relay/memory": "The memory for queues is short",
	"relay/rate": "A rate limit of weir holds it up",
	"relay/buffer": "The buffers of weir’s sockets are too small for the path",
	"relay/cpu": "The worker of the pair needs all of its CPU",
	"client/unanswered": "The client answers nothing any more",
	"target/unanswered": "The target answers nothing any more",
	"none/idle": "Nobody is slow",
};
const SIDES = {client: "client", target: "target", relay: "weir", none: "nobody"};

const find = (id) => document.getElementById(id);
const number = new Intl.NumberFormat("en");

/* --- figures as text --- */

function scaled(value, step, units) {
	let unit = 0;
	while (value >= step * 0.9995 && unit < units.length - 1) {
		value /= step;
		unit++;
	}
	return `${Number(value.toFixed(unit > 0 && value < 9.95 ? 1 : 0))} ${units[unit]}`;
}

const bytes = (value) => scaled(value, 1024, ["B", "KiB", "MiB", "GiB", "TiB", "PiB"]);
const perSecond = (value) => value === null ? "–" : `${bytes(value)}/s`;
const count = (value) => number.format(value);
const several = (value, what) => `${count(value)} ${what}${value === 1 ? "" : "s"}`;
const percent = (permille) => `${Math.round(permille / 10)} %`;

/* With two digits: more would only flicker. */
function duration(ms) {
	const [length, unit] = [[86400000, "d"], [3600000, "h"], [60000, "min"], [1000, "s"], [1, "ms"],
		[0.001, "µs"]].find(([least]) => ms >= least) ?? [1, "ms"];
	return `${Number((ms / length).toFixed(ms < 10 * length ? 1 : 0))} ${unit}`;
}

const clock = (when) => when.toLocaleTimeString("en-GB");
const isKnown = (value) => value !== undefined && value !== null && value !== "-";

/* --- elements --- */

function element(tag, attributes, ...children) {
	const node = document.createElement(tag);
	for (const [name, value] of Object.entries(attributes ?? {}))
		node.setAttribute(name, value);
	node.append(...children);
	return node;
}

function drawing(tag, attributes, ...children) {
	const node = document.createElementNS("http://www.w3.org/2000/svg", tag);
	for (const [name, value] of Object.entries(attributes))
		node.setAttribute(name, value);
	node.append(...children);
	return node;
}

/* Most of a page is as it was two seconds ago, and what is not touched costs no layout. */
function say(node, text) {
	if (node.textContent !== text)
		node.textContent = text;
}

function mark(node, name, value) {
	if (node.getAttribute(name) !== value)
		node.setAttribute(name, value);
}

/* For who does not see the colour or the place. */
function unseen(text) {
	return element("span", {class: "unseen"}, text);
}

/* The figure itself is kept beside its short form, for scripts. */
function figure(field) {
	return element("data", {"data-field": field});
}

function put(node, value, text) {
	mark(node, "value", String(value));
	say(node, text);
}

/* A cell names its column where the table is not one, on a narrow screen. */
function cell(label, wide, ...children) {
	const node = element("td", {role: "cell"}, ...children);
	if (label)
		node.dataset.label = label;
	if (wide)
		node.className = "wide";
	return node;
}

function row(key, ...cells) {
	return element("tr", {role: "row", "data-key": key}, ...cells);
}

/* Rows that stay what they are while their record does, in the order of the records. */
function rowsOf(table, keyOf, make, nothing) {
	const body = find(table).tBodies[0];
	const columns = find(table).tHead.rows[0].cells.length;
	const known = new Map();
	const empty = row("", element("td", {role: "cell", colspan: columns}, nothing));
	empty.className = "empty";

	return (records) => {
		const wanted = new Set(records.map(keyOf));
		for (const [key, item] of known)
			if (!wanted.has(key)) {
				item.node.remove();
				known.delete(key);
			}
		if (records.length === 0)
			body.replaceChildren(empty);
		else
			empty.remove();
		let next = body.firstElementChild;
		for (const record of records) {
			const key = keyOf(record);
			if (!known.has(key))
				known.set(key, make(key));
			const item = known.get(key);
			if (item.node === next)
				next = next.nextElementSibling;
			else
				body.insertBefore(item.node, next);
			item.update(record);
		}
	};
}

/* --- gauge: a queue between its marks --- */

function gauge() {
	const fill = drawing("rect", {class: "fill", height: 8, width: 0});
	const low = drawing("rect", {class: "low", height: 8, width: 0.8});
	const high = drawing("rect", {class: "low", x: 99.2, height: 8, width: 0.8});
	const track = drawing("rect", {class: "track", height: 8, width: 100});
	const node = drawing("svg", {class: "gauge", viewBox: "0 0 100 8", preserveAspectRatio: "none",
		"aria-hidden": "true"}, track, fill, low, high);

	return {
		node,
		update(queued, lowMark, highMark) {
			const part = (value) => highMark > 0 ? Math.min(100, 100 * value / highMark) : 0;
			mark(fill, "width", part(queued).toFixed(1));
			mark(low, "x", part(lowMark).toFixed(1));
		},
	};
}

/* --- plot: upload above the line, download below it --- */

function plot() {
	const lines = {
		upload: drawing("path", {class: "upload"}),
		download: drawing("path", {class: "download"}),
	};
	const node = drawing("svg", {viewBox: "0 0 300 42", preserveAspectRatio: "none", "aria-hidden": "true"},
		drawing("path", {class: "axis", d: "M0 21H300"}), lines.upload, lines.download);

	function path(samples, direction, most, sign, now, span) {
		let text = "", pen = "M";
		for (const sample of samples) {
			if (sample[direction] === null) {
				pen = "M";
				continue;
			}
			const x = 300 * (1 - (now - sample.at) / span);
			const y = 21 + sign * (1 + 19 * sample[direction] / most);
			text += `${pen}${x.toFixed(1)} ${y.toFixed(1)}`;
			pen = "L";
		}
		return text;
	}

	return {
		node,
		/* Says what it shows. */
		update(samples, now) {
			const most = Math.max(0, ...samples.flatMap((s) => [s.upload ?? 0, s.download ?? 0]));
			const age = samples.length > 0 ? now - samples[0].at : 0;
			const span = SPANS_MS.find((length) => length >= age) ?? SPAN_MS;
			for (const [direction, sign] of [["upload", -1], ["download", 1]])
				mark(lines[direction], "d", path(samples, direction, most || 1, sign, now, span));
			return `at most ${perSecond(most)} in ${duration(span)}`;
		},
	};
}

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

/* --- the whole --- */

const showRelays = rowsOf("relays", (r) => r.name, makeRelay, "No relay.");
const showPairs = rowsOf("pairs", (p) => p.id, makePair, "No pairs.");
const showTargets = rowsOf("targets", targetKey, makeTarget, "No targets.");
const shown = {report: null, at: 0, rates: new Map(), targets: new Map()};
const wanted = {relay: "", top: "50", hold: false};

function statesOf(targets) {
	const states = new Map();
	for (const target of targets) {
		const of = states.get(target.relay) ?? {up: 0, down: 0, trying: 0};
		of[target.state]++;
		states.set(target.relay, of);
	}
	return states;
}

function rest(id, hidden, what) {
	const node = find(id);
	node.hidden = hidden <= 0;
	say(node, hidden > 0 ? `${count(hidden)} more ${what}` : "");
}

function showOptions(relays) {
	const select = find("relay"), names = relays.map((r) => r.name);
	if (wanted.relay && !names.includes(wanted.relay))
		names.push(wanted.relay);
	if (JSON.stringify(names) !== JSON.stringify([...select.options].slice(1).map((o) => o.value)))
		select.replaceChildren(select.options[0], ...names.map((name) => new Option(name, name)));
	select.value = wanted.relay;
}

/* Of several that are open, which is which. */
function showTitle(text) {
	say(document.querySelector("title"), `${text} – weir at ${location.host}`);
}

function showProcess(weir) {
	const used = weir.memory_max > 0 ? ` of ${bytes(weir.memory_max)}` : "";
	say(find("process"), `${weir.version}, up for ${duration(weir.uptime_ms)}, ` +
		`${several(weir.pairs, "pair")}, queues hold ${bytes(weir.used)}${used}, report of ${clock(new Date(weir.time))}`);
	showTitle(several(weir.pairs, "pair"));
}

/* How many pairs wait for whom: of all, not only of those that are listed. */
function legendOf(relays) {
	const sum = (field) => relays.reduce((all, relay) => all + (relay[field] ?? 0), 0);
	if (!relays.some((relay) => isKnown(relay.slow_client)))
		return "";
	return `Of ${several(sum("pairs"), "pair")}, ${count(sum("slow_client"))} waiting for the client, ` +
		`${count(sum("slow_target"))} for the target, ${count(sum("slow_relay"))} for weir.`;
}

function show() {
	const report = shown.report, name = wanted.relay;
	if (report === null || document.hidden)
		return;
	const relays = report.relay.filter((r) => !name || r.name === name);
	const targets = report.target.filter((t) => !name || t.relay === name);
	const pairs = report.pair.filter((p) => !name || p.relay === name).slice(0, Number(wanted.top));
	const urgency = {down: 0, trying: 1, up: 2};
	targets.sort((a, b) => urgency[a.state] - urgency[b.state]);

	showProcess(report.weir);
	showOptions(report.relay);
	showRelays(relays.slice(0, RELAYS_MAX));
	rest("relays-more", relays.length - RELAYS_MAX, "relays: choose one above");
	say(find("pairs-legend"), legendOf(relays));
	showPairs(pairs);
	rest("pairs-more", relays.reduce((all, relay) => all + relay.pairs, 0) - pairs.length, "pairs");
	showTargets(targets.slice(0, TARGETS_MAX));
	rest("targets-more", targets.length - TARGETS_MAX, "targets");
}

/* --- asking --- */

let health = "live", lost = null, asking = null, timer = 0;

/* A screen reader speaks this when it changes, so it has nothing in it that changes all the time. */
function showState() {
	const state = lost ? "lost" : wanted.hold ? "held" : health;
	mark(document.body, "data-state", state);
	say(find("state"), {
		live: "Live",
		draining: "Draining: no new clients come in",
		held: "Held still",
		lost: lost ? `${lost.what} since ${clock(lost.at)}` : "",
	}[state]);
	if (lost)
		showTitle(lost.what.toLowerCase());
}

/* Since when, and what: the one stays when the other changes. */
function lose(what) {
	const at = new Date();
	if (lost === null)
		interrupt(at.getTime());
	lost = {what, at: lost?.at ?? at};
}

async function get(path, signal) {
	const response = await fetch(path, {cache: "no-store", credentials: "omit", signal});
	return {status: response.status, text: await response.text()};
}

function question() {
	const query = new URLSearchParams({top: document.hidden ? "1" : wanted.top});
	if (wanted.relay)
		query.set("relay", wanted.relay);
	return `report.json?${query}`;
}

/* While it drains, weir may have better things to do than a report. */
async function ask(signal) {
	const [answer, state] = await Promise.all([get(question(), signal), get("health", signal)]);
	health = state.status === 503 ? "draining" : "live";
	if (answer.status === 200)
		take(JSON.parse(answer.text));
	else if (health === "live")
		lose("No report");
	else
		lost = null;
}

function take(report) {
	const at = Date.now();
	const now = measure(report, at);
	lost = null;
	if (!wanted.hold)
		Object.assign(shown, {report, at, rates: now.rates, targets: statesOf(report.target)});
}

/* One question at a time; a new one takes the place of one that is still open. */
async function round() {
	clearTimeout(timer);
	asking?.abort();
	const mine = asking = new AbortController();
	const giveUp = setTimeout(() => mine.abort(), PATIENCE_MS);
	try {
		await ask(mine.signal);
	} catch {
		if (asking === mine)
			lose("Not reachable");
	} finally {
		clearTimeout(giveUp);
	}
	if (asking !== mine)
		return;
	if (!wanted.hold && !lost)
		show();
	showState();
	timer = setTimeout(round, PERIOD_MS);
}

/* --- what the user wants; kept in the address, so that it can be passed on --- */

function readAddress() {
	const query = new URLSearchParams(location.hash.slice(1));
	const tops = [...find("top").options].map((o) => o.value);
	wanted.relay = query.get("relay") ?? "";
	wanted.top = tops.includes(query.get("top")) ? query.get("top") : "50";
	find("top").value = wanted.top;
}

function want(change) {
	Object.assign(wanted, change);
	const query = new URLSearchParams();
	if (wanted.relay)
		query.set("relay", wanted.relay);
	if (wanted.top !== "50")
		query.set("top", wanted.top);
	window.history.replaceState(null, "", `#${query}`);
	if (wanted.hold)
		hold(false);
	else
		round();
	show();
}

function choose(relay) {
	want({relay});
}

function hold(on) {
	wanted.hold = on;
	mark(find("hold"), "aria-pressed", String(on));
	showState();
	if (!on)
		round();
}

find("relay").addEventListener("change", (event) => choose(event.target.value));
find("top").addEventListener("change", (event) => want({top: event.target.value}));
find("hold").addEventListener("click", () => hold(!wanted.hold));
find("controls").addEventListener("submit", (event) => event.preventDefault());
window.addEventListener("hashchange", () => {
	readAddress();
	show();
	round();
});
document.addEventListener("visibilitychange", () => {
	if (!document.hidden)
		round();
});
readAddress();
round();
})();
