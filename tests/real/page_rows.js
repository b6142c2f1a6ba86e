/* What the page shows, one line for each record of a dump, for page.sh. */
(() => {
const rows = (table) => [...document.querySelectorAll(`#${table} tbody tr:not(.empty)`)];
const node = (row, field) => row.querySelector(`[data-field="${field}"]`);
const text = (row, field) => node(row, field).textContent;
const figure = (row, field) => node(row, field).value;
const line = (kind, fields) => [kind, ...Object.entries(fields).map((field) => field.join("="))].join(" ");
const figures = (row, fields) => Object.fromEntries(fields.map((field) => [field, figure(row, field)]));

const relays = rows("relays").map((row) => line("relay", {name: row.dataset.key,
	...figures(row, ["pairs", "accepted", "refused", "connect_failed", "denied", "upload_queued",
		"download_queued", "upload_longest", "download_longest", "upload_high", "download_high",
		"slow_client", "slow_target", "slow_relay"])}));
const targets = rows("targets").map((row) => line("target", {relay: text(row, "relay"),
	target: text(row, "target"), state: text(row, "state"),
	...figures(row, ["pairs", "connects", "failures"])}));
const pairs = rows("pairs").map((row) => {
	const target = text(row, "target");
	return line("pair", {id: row.dataset.key, relay: text(row, "relay"),
		state: row.querySelector("[data-state]").dataset.state, client: text(row, "client"),
		target: target === "no target yet" ? "-" : target, slow: node(row, "slow").dataset.side,
		why: node(row, "why").dataset.verdict.split("/")[1]});
});
const flows = rows("pairs").flatMap((row) => ["upload", "download"].map((direction, i) => line("flow", {
	pair: row.dataset.key, direction, queued: figure(row, `${direction}_queued`),
	high: figure(row, `${direction}_high`),
	reading: row.querySelectorAll("[data-reading]")[i].dataset.reading})));
return [...relays, ...targets, ...pairs, ...flows].sort().join("\n");
})()
