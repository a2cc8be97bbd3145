// The switches of what goes wrong next: each strikes once and is off again.

import { el, setText } from "./dom.js";
import { send } from "./stream.js";

const SWITCHES = [
  { kind: "rate_limit", name: "Twilio says 429", what: "The next answer is refused: too many requests. The notifier waits and sends it again.", struck: "Twilio refused a text with 429. The notifier sends it again." },
  { kind: "lose_inbound", name: "Lose the next webhook", what: "The next text never reaches Parley, until the notifier finds it in Twilio's list.", struck: "The webhook of that text was lost. Twilio's list still has it." },
  { kind: "lose_callback", name: "Lose the callbacks", what: "Nothing reports on the next answer. The notifier asks Twilio, later.", struck: "The reports on that text are lost. The notifier will ask." },
  { kind: "fail", name: "Handset out of reach", what: "The next answer is not delivered, error 30003.", struck: "That answer could not be delivered.", fields: { code: 30003 } },
  { kind: "end_agent", name: "Kill the agent", what: "Its process dies in the middle of the next turn. The turn runs again.", struck: "The agent died in that turn. The turn runs again." },
];

export class Faults {
  /** `say(text)` tells the user something. */
  constructor(store, { list, opener, badge, say }) {
    this._store = store;
    this._say = say;
    this._opener = opener;
    this._badge = badge;
    this._armed = new Map();
    this._buttons = new Map(SWITCHES.map((fault) => [fault.kind, this._button(fault)]));
    list.append(...this._buttons.values());
  }

  show() {
    const { end_agent } = this._store.state;
    this._buttons.get("end_agent").hidden = !end_agent.offered;
    let armed = 0;
    for (const { kind, struck } of SWITCHES) {
      const isOn = this._isOn(kind);
      if (this._armed.get(kind) && !isOn && !this._off?.has(kind)) this._say(struck);
      this._off?.delete(kind);
      this._armed.set(kind, isOn);
      this._buttons.get(kind).setAttribute("aria-checked", String(isOn));
      armed += Number(isOn);
    }
    this._badge.hidden = !armed;
    setText(this._badge, String(armed));
    this._opener.setAttribute("aria-label", armed ? `Break something, ${armed} switched on` : "Break something");
  }

  _isOn(kind) {
    return kind === "end_agent" ? this._store.state.end_agent.armed : Boolean(this._fault(kind));
  }

  /** One with strikes left. */
  _fault(kind) {
    return this._store.state.faults.find((fault) => fault.kind === kind && fault.count !== 0);
  }

  _button(fault) {
    return el("button.switch", { type: "button", role: "switch", "aria-checked": "false", "data-fault": fault.kind, onclick: () => this._flip(fault) },
      el("span", {}, el("strong", {}, fault.name), el("span.note", {}, fault.what)), el("i.knob", { "aria-hidden": "true" }));
  }

  async _flip({ kind, fields }) {
    const isOn = this._isOn(kind);
    // Switched off by hand is not struck.
    if (isOn) (this._off ??= new Set()).add(kind);
    try {
      if (kind === "end_agent") await send("end-agent", { armed: !isOn });
      else if (isOn) await send(`faults/${this._fault(kind).id}`, undefined, "DELETE");
      else await send("faults", { kind, count: 1, ...fields });
    } catch (error) {
      this._say(error.message);
    }
  }
}
