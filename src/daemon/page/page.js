/*
 * The page asks for a report again and again and shows it. Whatever a report says is set as text, never as
 * HTML: the policy that comes with the page forbids anything else. figures.js and tables.js come before this
 * in the same function: see embed.
 */

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
