// One text as a bubble: what it says, its pictures, its segments, and how far it got. A click opens its stations.

import { el, icon, setText } from "./dom.js";
import { STATES, clockTime, reason, segments } from "./words.js";

export class Bubble {
  constructor(message, open) {
    this._state = el("span.state");
    this._tick = el("span.ticks", { "aria-hidden": "true" });
    this._time = el("time");
    this._segments = el("span");
    this._button = el(
      "button.bubble",
      { type: "button", "aria-expanded": "false", "aria-controls": "journey", onclick: () => open(message.sid) },
      ...message.media.map(picture),
      message.body && el("span.words", {}, message.body),
    );
    this.element = el("div.text", { "data-sid": message.sid },
      message.automatic && el("p.tag", {}, "Twilio answered by itself"),
      this._button,
      el("p.fate", {}, this._time, this._segments, this._state, this._tick));
    this.element.classList.add(message.automatic ? "automatic" : message.inbound ? "mine" : "theirs");
  }

  show(message, time) {
    const [tick, word] = fate(message);
    setText(this._time, clockTime(time));
    setText(this._segments, segments(message.segments));
    setText(this._state, word);
    this._button.setAttribute("aria-label", spoken(message, word));
    if (this.element.dataset.fate !== tick) {
      this.element.dataset.fate = tick;
      this._tick.replaceChildren(icon(tick));
    }
  }

  opened(yes) {
    this._button.setAttribute("aria-expanded", String(yes));
    this.element.classList.toggle("opened", yes);
  }

  focus() {
    this._button.focus();
  }
}

/** [icon, words]. A text of the participant's is delivered once Parley's webhook has answered 200. */
function fate(message) {
  if (!message.inbound) {
    const [tick, word] = STATES[message.status] ?? ["queued", message.status];
    return [tick, tick === "failed" ? `${word}: ${reason(message.error_code)}` : word];
  }
  const calls = message.stations.filter((station) => station.name === "inbound" || station.name === "fallback");
  if (calls.some((call) => call.end !== null && !call.failed)) return ["delivered", "stored"];
  if (calls.some((call) => call.result === "lost")) return ["failed", "webhook lost"];
  if (!calls.length || calls.some((call) => call.end === null)) return ["queued", "sending"];
  return ["failed", `not stored: ${calls.at(-1).result}`];
}

function spoken(message, word) {
  const who = message.automatic ? "Twilio" : message.inbound ? "You" : "Answer";
  const pictures = message.media.length ? ", with a picture" : "";
  return `${who}: ${message.body || "no words"}${pictures}; ${segments(message.segments)}, ${word}. Show its stations`;
}

/** Pictures of the simulator's own are shown; those that lie elsewhere are named, since the page loads nothing foreign. */
function picture({ url }) {
  const address = URL.canParse(url) ? new URL(url) : null;
  if (address?.origin === location.origin) {
    return el("img.picture", { src: address.pathname, alt: "", width: "240", height: "180" });
  }
  return el("span.elsewhere", {}, icon("picture"), address ? `Picture at ${address.host}` : "Picture");
}
