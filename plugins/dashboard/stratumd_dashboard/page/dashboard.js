"use strict";
// Text goes into the page as text alone: names come from providers.

const VIEW = document.getElementById("view"), STATE = document.getElementById("state"), SVG = "http://www.w3.org/2000/svg";
const EVERY = 3000;
let turn = 0, waiting = null, drawn = "";

function make(tag, text, kind, ...inside) {
  const node = document.createElement(tag);
  if (text !== undefined && text !== null) node.textContent = text;
  if (kind) node.className = kind;
  node.append(...inside);
  return node;
}

function shape(tag, attributes, ...inside) {
  const node = document.createElementNS(SVG, tag);
  for (const [name, value] of Object.entries(attributes)) node.setAttribute(name, value);
  node.append(...inside);
  return node;
}

async function ask(path) {
  const answer = await fetch("/api/v1/dashboard/" + path, { headers: { accept: "application/json" } });
  const body = await answer.json();
  if (!answer.ok) throw new Error(body.detail || body.title || answer.statusText);
  return body;
}

// ---- how things are written

const sign = (value) => (value > 0 ? "+" : "") + String(Math.round(value * 100) / 100);
const percent = (value) => (100 * value).toFixed(1) + " %";
const known = (value, write) => (value === null || value === undefined ? "–" : write(value));
const clock = (time) => new Date(time).toLocaleTimeString([], { hour: "2-digit", minute: "2-digit", second: "2-digit", hourCycle: "h23" });
const moment = (time) => new Date(time).toLocaleString([], { weekday: "short", hour: "2-digit", minute: "2-digit", hourCycle: "h23" });

function until(start, now) {
  const minutes = Math.round((Date.parse(start) - Date.parse(now)) / 60000), far = Math.abs(minutes);
  const words = far < 90 ? far + " min" : far < 2880 ? Math.round(far / 60) + " h" : Math.round(far / 1440) + " d";
  return minutes >= 0 ? "in " + words : words + " ago";
}

function offer(market) {
  if (market === undefined) return make("span", "–", "soft");
  if (market.reason) return make("span", market.reason.replaceAll("_", " "), "soft");
  const cell = make("span");
  if (market.line === null) cell.append(make("b", market.prices.map((price) => price.toFixed(2)).join(" / ")));
  else cell.append(make("b", market.market === "totals" ? String(market.line) : sign(market.line)));
  cell.append(make("br"), make("span", percent(market.probabilities[0]) + " · " + market.operators + " operators", "soft"));
  return cell;
}

function tag(type) {
  return make("span", type.replaceAll("_", " "), "tag " + type);
}

function strength(value) {
  const bar = make("span", null, "bar"), part = make("i");
  part.style.setProperty("width", value + "%");
  bar.append(part);
  return make("span", null, null, bar, String(value));
}

function table(headings, rows, none) {
  if (!rows.length) return make("p", none, "none");
  const head = make("tr"), body = make("tbody");
  for (const [title, kind] of headings) head.append(make("th", title, kind));
  for (const row of rows) {
    const line = make("tr", null, row.kind);
    if (row.to) {
      line.dataset.to = row.to;
      line.tabIndex = 0;
      line.setAttribute("role", "link");
    }
    row.cells.forEach((cell, at) => line.append(make("td", cell instanceof Node ? null : cell, headings[at][1], ...(cell instanceof Node ? [cell] : []))));
    body.append(line);
  }
  return make("div", null, "scroll", make("table", null, null, make("thead", null, null, head), body));
}

function chosen(options, current, choose) {
  return make("div", null, "row", ...options.map(([value, words]) => {
    const button = make("button", words);
    button.type = "button";
    button.setAttribute("aria-pressed", value === current);
    button.addEventListener("click", () => choose(value));
    return button;
  }));
}

function picked(options, current, choose) {
  const list = make("select", null, null, ...options.map((each) => make("option", each)));
  list.value = current;
  list.addEventListener("change", () => choose(list.value));
  return list;
}

// ---- views: each returns what to show, for what is behind # in the address

async function board() {
  const found = await ask("board"), started = (event) => Date.parse(event.commence_at) <= Date.parse(found.at);
  const rows = found.items.map(({ event, markets, last_signal }) => {
    const by = Object.fromEntries(markets.filter((each) => each.player === null).map((each) => [each.market, each]));
    const game = make("span", null, null, make("b", event.away), " at ", make("b", event.home), make("br"), make("span", event.sport.replaceAll("_", " "), "soft"));
    const score = event.home_score === null ? "" : " " + event.away_score + ":" + event.home_score;
    const when = started(event) ? make("span", "live" + score, "live") : make("span", until(event.commence_at, found.at));
    when.title = moment(event.commence_at);
    const last = last_signal ? make("span", null, null, tag(last_signal.type), make("br"), make("span", clock(last_signal.observed_at), "soft")) : "";
    return { to: "#/event/" + event.id, cells: [when, game, offer(by.spreads), offer(by.totals), offer(by.h2h), last] };
  });
  const titles = [["Start"], ["Event"], ["Spread, home"], ["Total"], ["Moneyline, home first"], ["Last signal"]];
  return [make("h2", "Board", null, make("small", rows.length + " events")), table(titles, rows, "No events yet. They appear with the first poll of a source.")];
}

function signalRow(signal, fresh, alone) {
  const market = signal.market + (signal.player ? " · " + signal.player : "");
  const where = alone ? market : make("span", null, null, make("b", signal.away + " at " + signal.home), make("br"), make("span", market, "soft"));
  return {
    to: place(signal.event, signal.market, signal.player),
    kind: fresh ? "fresh" : "",
    cells: [clock(signal.observed_at), tag(signal.type), where, signal.outcome + " " + signal.direction, known(signal.magnitude, (value) => String(Math.round(value * 1000) / 1000)), strength(signal.strength), signal.books.join(", ")],
  };
}

const place = (...parts) => "#/event/" + parts.filter((each) => each !== null).map(encodeURIComponent).join("/");
const headings = (what) => [["Time"], ["Signal"], [what], ["Side"], ["Size", "n"], ["Strength"], ["Books"]];
const seen = new Set();

async function signals([type = ""]) {
  const found = await ask("signals?limit=500"), first = !seen.size;
  const types = [...new Set(found.items.map((each) => each.type))].sort();
  const rows = found.items.filter((each) => !type || each.type === type).slice(0, 200).map((each) => signalRow(each, !first && !seen.has(each.id)));
  found.items.forEach((each) => seen.add(each.id));
  const choices = [["", "All"], ...types.map((each) => [each, each.replaceAll("_", " ")])];
  return [
    make("h2", "Signals", null, make("small", "the newest first")),
    chosen(choices, type, (value) => { location.hash = "#/signals" + (value ? "/" + value : ""); }),
    table(headings("Event"), rows, "No signals yet. `stratumd why-not TYPE EVENT` says which gate was missed."),
  ];
}

async function event([id, market = "", player = ""]) {
  const found = await ask("events/" + encodeURIComponent(id) + "?" + new URLSearchParams({ market, player }));
  const game = found.event, outcomes = [...new Set(found.offers.map((each) => each.outcome))];
  const books = [...new Set(found.offers.map((each) => each.book))].map((book) => {
    const cells = outcomes.map((outcome) => {
      const own = found.offers.filter((each) => each.book === book && each.outcome === outcome);
      return make("span", null, null, ...own.map((each) => make("span", (each.line === null ? "" : (["over", "under"].includes(outcome) ? each.line : sign(each.line)) + " at ") + each.price.toFixed(2) + "  ", each.best ? "best" : "")));
    });
    const newest = found.offers.filter((each) => each.book === book).map((each) => each.changed_at).sort().pop();
    return { cells: [book, ...cells, clock(newest)] };
  });
  const score = game.home_score === null ? "" : game.away_score + ":" + game.home_score + " " + game.clock;
  const shown = found.signals.filter((each) => each.market === found.market && each.player === found.player);
  const chooses = [chosen(found.markets.map((each) => [each, each]), found.market, (value) => { location.hash = place(game.id, value); })];
  if (found.players.length) chooses.push(make("p", null, null, picked(found.players, found.player, (value) => { location.hash = place(game.id, found.market, value); })));
  return [
    make("h2", game.away + " at " + game.home, null, make("small", moment(game.commence_at) + ", " + until(game.commence_at, found.at) + (score ? " · " + score : ""))),
    ...chooses,
    chart(found, shown),
    make("h3", "Signals"),
    table(headings("Market"), found.signals.slice(0, 30).map((each) => signalRow(each, false, true)), "None for this event so far."),
    make("h3", "Offers now"),
    table([["Book"], ...outcomes.map((each) => [each === "home" ? game.home : each === "away" ? game.away : each]), ["Changed"]], books, "Nobody offers this market at present."),
  ];
}

function chart(found, signals) {
  const wide = 1000, high = 300, left = 48, right = 12, top = 10, bottom = 24, now = Date.parse(found.at);
  const paths = [...found.books.map((path) => [path, "book"]), [found.consensus, "agreed"]];
  const points = paths.flatMap(([path]) => path.points), values = points.map((each) => each[1]).filter((each) => each !== null);
  const caption = make("figcaption", "Consensus (strong) and books (thin), " + (found.measure === "line" ? "points" : "probability of home, over or yes, margin included for books") + ". Point at a line for its book.");
  if (!values.length) return make("p", found.offers.length ? "Books offer several lines at once here: they have no one path." : "Nothing was offered in this market yet.", "none");
  const begin = Math.min(...points.map((each) => each[0])), end = Math.max(now, begin + 60000);
  let low = Math.min(...values), up = Math.max(...values);
  const pad = (up - low) * 0.08 || (found.measure === "line" ? 0.5 : 0.02);
  low -= pad; up += pad;
  const x = (time) => left + (wide - left - right) * (time - begin) / (end - begin), y = (value) => top + (high - top - bottom) * (up - value) / (up - low);
  const write = found.measure === "line" ? (value) => value.toFixed(1) : percent;
  const picture = shape("svg", { viewBox: `0 0 ${wide} ${high}`, role: "img", "aria-label": "How the market moved" });
  for (let part = 0; part <= 4; part++) {
    const value = low + (up - low) * part / 4, time = begin + (end - begin) * part / 4;
    picture.append(shape("line", { class: "grid", x1: left, x2: wide - right, y1: y(value), y2: y(value) }), shape("text", { x: left - 6, y: y(value) + 4, "text-anchor": "end" }, write(value)));
    picture.append(shape("text", { x: x(time), y: high - 6, "text-anchor": part === 0 ? "start" : part === 4 ? "end" : "middle" }, clock(time)));
  }
  for (const [path, kind] of paths) {
    let way = "", last = null;
    for (const [time, value] of path.points) {  // a step stands until the next one
      if (last !== null) way += `H${x(time).toFixed(1)}`;
      if (value !== null) way += `${last === null ? "M" + x(time).toFixed(1) + " " : "V"}${y(value).toFixed(1)}`;
      last = value;
    }
    if (last !== null) way += `H${x(end).toFixed(1)}`;
    const line = shape("path", { class: kind, d: way }, shape("title", {}, path.name));
    line.addEventListener("pointerenter", () => { caption.textContent = path.name + ": " + known(last, write); });
    picture.append(line);
  }
  for (const signal of signals) {
    const at = x(Date.parse(signal.observed_at));
    const mark = shape("g", { class: signal.type }, shape("line", { class: "moment", x1: at, x2: at, y1: top, y2: high - bottom }), shape("circle", { class: "dot", cx: at, cy: top, r: 4 }), shape("title", {}, signal.type + " " + signal.outcome + " " + signal.direction + " " + clock(signal.observed_at)));
    picture.append(mark);
  }
  return make("figure", null, null, picture, caption);
}

// What a preset groups by, and which rows it keeps.
const PRESETS = {
  all: ["All", "type", () => true],
  confident: ["High confidence", "tier", (row) => row.tier === "High"],
  quiet: ["Low noise", "quality", (row) => row.quality === "good"],
  early: ["Early move", "bucket", (row) => ["3-12h", ">12h"].includes(row.bucket)],
  steam: ["Steam only", "market", (row) => row.type === "STEAM"],
};

async function closing([preset = "all"]) {
  const [, by, keeps] = PRESETS[preset] || PRESETS.all, found = await ask("closing?by=" + by);
  const title = make("h2", "Closing value", null, make("small", "what the prices of signals were worth at the close, with 95 % intervals clustered by event"));
  if (found.items === null) return [title, make("p", "No pipeline works out closing lines: add `jobs: [clv]` to one.", "none")];
  const range = (pair) => known(pair, (both) => both.map((each) => known(each, (value) => value.toFixed(1))).join(" … "));
  const number = (value) => known(value, (each) => each.toFixed(2));
  const rows = found.items.filter(keeps).map((row) => ({
    cells: [tag(row.type), by === "type" ? "" : row[by], row.reference, String(row.events), String(row.valued), make("span", number(row.mean_percent), row.mean_percent > 0 ? "up" : "down"), range(row.interval_percent), known(row.beat_close_percent, (value) => value.toFixed(0) + " %"), row.maturity.replaceAll("_", " ")],
  }));
  const titles = [["Signal"], [by === "type" ? "" : by], ["Price of"], ["Events", "n"], ["Valued", "n"], ["CLV %", "n"], ["95 %"], ["Beat the close", "n"], ["Says"]];
  return [
    title,
    chosen(Object.entries(PRESETS).map(([name, [words]]) => [name, words]), preset, (value) => { location.hash = "#/closing/" + value; }),
    table(titles, rows, "Nothing is closed yet: an event is valued after its start."),
  ];
}

async function health() {
  const { status, cycles } = await ask("health"), card = (words, value) => make("div", null, "card", make("b", value), make("span", words));
  const newest = cycles[cycles.length - 1];
  const sources = status.sources.map((row) => ({
    cells: [row.source, clock(row.last_poll.started_at), row.last_poll.error ? make("span", row.last_poll.error, "error") : String(row.last_poll.status ?? "–"), String(row.polls_24h), known(row.success_rate_24h, percent), known(row.credits_remaining, (value) => value.toLocaleString())],
  }));
  const wrong = [
    ...status.alerts.map((row) => [row.severity, row.title, row.text]),
    ...status.paused.map((row) => ["warning", "The " + row.kind + " " + row.source + " is paused " + (row.until_at ? "until " + moment(row.until_at) : "until somebody resumes it"), (row.reason ? row.reason + " · " : "") + "stratumd resume " + row.source]),
    ...status.breakers.map((row) => ["warning", "The " + row.kind + " " + row.name + " is left alone until " + clock(row.retry_at) + " after " + row.failures + (row.failures === 1 ? " failure" : " failures"), row.reason]),
    ...status.disabled_sinks.map((row) => ["error", "The sink " + row.sink + " is off", row.reason]),
    ...status.left_out.map((row) => ["error", row.pipeline + "." + row.component + " is left out", row.error]),
  ].map(([severity, title, text]) => ({ cells: [make("span", severity, "tag " + severity), title, text] }));
  const waiting = status.deliveries.filter((row) => row.state !== "delivered").map((row) => ({ cells: [row.sink, row.state, String(row.number), clock(row.oldest_at)] }));
  return [
    make("h2", "Health", null, make("small", newest ? "last cycle " + clock(newest.finished_at) + ", " + (1000 * newest.latency_seconds).toFixed(0) + " ms" : "no cycle yet")),
    make("div", null, "cards", card("quotes offered now", status.quotes.toLocaleString()), card("signals in 24 hours", status.signals_24h.toLocaleString()), card("events to come", status.events_upcoming.toLocaleString()), card("answers kept", status.observations.toLocaleString()), card("database", (status.database_bytes / 1048576).toFixed(1) + " MiB")),
    make("h3", "What is wrong"), table([["Severity"], ["What"], ["Why, and what to do"]], wrong, "Nothing that is known."),
    make("h3", "Sources"), table([["Source"], ["Last poll"], ["Answer"], ["Polls in 24 h", "n"], ["Answered", "n"], ["Credits left", "n"]], sources, "No source was polled yet."),
    make("h3", "Deliveries that wait"), table([["Sink"], ["State"], ["Number", "n"], ["Oldest"]], waiting, "None."),
  ];
}

const VIEWS = { "": board, signals, event, closing, health };

async function draw() {
  clearTimeout(waiting);
  if (document.activeElement instanceof HTMLSelectElement && drawn === location.hash) {  // open: do not take it away
    waiting = setTimeout(draw, EVERY);
    return;
  }
  const mine = ++turn, [name = "", ...rest] = location.hash.replace(/^#\/?/, "").split("/").map(decodeURIComponent);
  for (const link of document.querySelectorAll("nav a")) link.toggleAttribute("aria-current", link.getAttribute("href") === "#/" + name);
  try {
    const parts = await (VIEWS[name] || board)(rest);
    if (mine !== turn) return;
    VIEW.replaceChildren(...parts);
    STATE.textContent = "as of " + clock(Date.now());
    STATE.className = "";
    if (drawn !== location.hash) scrollTo(0, 0);
    drawn = location.hash;
  } catch (error) {
    if (mine !== turn) return;
    STATE.textContent = error instanceof TypeError ? "the daemon does not answer; trying again" : error.message;
    STATE.className = "bad";
    if (drawn !== location.hash) VIEW.replaceChildren(make("p", STATE.textContent, "none"));
  }
  if (mine === turn) waiting = setTimeout(draw, document.hidden ? 10 * EVERY : EVERY);
}

function follow(happened) {
  const row = happened.target.closest("tr[data-to]");
  if (row && (happened.type === "click" || happened.key === "Enter")) location.hash = row.dataset.to;
}

VIEW.addEventListener("click", follow);
VIEW.addEventListener("keydown", follow);
addEventListener("hashchange", draw);
document.addEventListener("visibilitychange", () => { if (!document.hidden) draw(); });
draw();
