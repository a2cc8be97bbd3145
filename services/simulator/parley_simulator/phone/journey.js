// The stations of one text as a waterfall: who had it, when, for how long.

import { el, icon } from "./dom.js";
import { OWNERS, headline, stationsOf } from "./stations.js";
import { duration } from "./words.js";

const OWNER_NAMES = { twilio: "Twilio", gateway: "Gateway", session: "Session", agent: "Agent", notifier: "Notifier" };
/** How much of the width the shortest bar takes. */
const LEAST = 0.006;

export class Journey {
  /** `closed(sid)` is told when somebody closes the panel. */
  constructor(store, section, closed) {
    this._store = store;
    this._section = section;
    this._closed = closed;
    this.sid = null;
    document.addEventListener("keydown", (event) => event.key === "Escape" && this.sid && this.close());
  }

  open(sid) {
    this.sid = sid;
    this._section.hidden = false;
    // Only what is opened moves; what is drawn anew because it changed does not.
    this._section.classList.add("arriving");
    setTimeout(() => this._section.classList.remove("arriving"), 500);
    this.show();
  }

  close() {
    const { sid } = this;
    this.sid = null;
    this._section.hidden = true;
    this._section.replaceChildren();
    if (sid) this._closed(sid);
  }

  /** Draws the panel anew if it is open: it is small. */
  show() {
    const message = this.sid && this._store.message(this.sid);
    if (!message) return this.sid ? this.close() : undefined;
    const rows = stationsOf(this._store, message);
    const top = this._section.querySelector(".rows")?.scrollTop ?? 0;
    const focused = this._section.contains(document.activeElement);
    this._section.replaceChildren(...this._panel(message, rows));
    this._section.querySelector(".rows").scrollTop = top;
    if (focused) this._section.querySelector("button").focus();
    return undefined;
  }

  get trace() {
    return this.sid ? this._store.message(this.sid)?.trace : "";
  }

  _panel(message, rows) {
    const { who, what } = headline(message, rows);
    const owners = OWNERS.filter((owner) => rows.some((row) => row.owner === owner));
    return [
      el("header", {},
        el("div", {}, el("h2", { id: "journey-name" }, what), el("p", {}, who, ...this._untraced(message))),
        el("ul.legend", { "aria-hidden": "true" }, ...owners.map((owner) => el(`li.${owner}`, {}, OWNER_NAMES[owner]))),
        el("button.plain", { type: "button", "aria-label": "Close the stations", onclick: () => this.close() }, icon("close"))),
      el("div.rows", { tabindex: "0", role: "group", "aria-label": "Stations" }, ...(rows.length ? waterfall(rows) : [])),
    ];
  }

  _untraced(message) {
    if (message.automatic) return [". Twilio answers keywords by itself, before Parley hears of them."];
    return message.trace || this._store.isTraced ? [] : [". Parley runs in processes of its own: these are the stations that Twilio sees."];
  }
}

function waterfall(rows) {
  const begin = Math.min(...rows.map((row) => row.begin));
  const end = Math.max(...rows.map((row) => row.end ?? row.begin), begin + 0.001);
  const scale = { begin, length: end - begin };
  return [axis(scale), el("ol", {}, ...rows.map((row) => line(row, scale)))];
}

function line(row, { begin, length }) {
  const bar = el("span.bar");
  const from = (row.begin - begin) / length;
  const share = row.end === null ? 1 - from : (row.end - row.begin) / length;
  bar.style.left = `${Math.min(from, 1 - LEAST) * 100}%`;
  bar.style.width = `${Math.max(share, LEAST) * 100}%`;
  const name = row.part ? `${row.label}, ${row.part}` : row.label;
  const takes = row.end === null ? "under way" : duration(row.end - row.begin);
  return el(`li.${row.owner}`, row.failed ? { "data-failed": true } : {},
    el("span.unseen", {}, `${OWNER_NAMES[row.owner] ?? row.owner}: `),
    el("strong", {}, name),
    row.result && el(row.failed ? "b.result.bad" : "b.result", {}, row.result),
    el("span.takes", {}, el("span", {}, `+${duration(row.begin - begin)}`), el("span.unseen", {}, " takes "), el("b", {}, takes)),
    el("span.track", { "aria-hidden": "true" }, bar),
    row.note && el("span.note", {}, row.note));
}

/** A few round moments above the bars. */
function axis({ length }) {
  const step = [1, 2, 5, 10, 20, 50, 100, 200, 500, 1000, 2000, 5000, 10000, 30000, 60000, 600000]
    .map((milliseconds) => milliseconds / 1000).find((size) => length / size <= 5) ?? length / 4;
  const moments = [];
  for (let at = 0; at < length * 0.88; at += step) {
    const moment = el("span", {}, at ? duration(at) : "0");
    moment.style.left = `${(at / length) * 100}%`;
    moments.push(moment);
  }
  return el("div.axis", { "aria-hidden": "true" }, ...moments);
}
