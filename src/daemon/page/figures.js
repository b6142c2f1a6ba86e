/* Figures as text, elements, and the two pictures: a queue between its marks, and rates over time. */

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
