// One participant's phone: the conversation with one of our numbers, and what can be sent.

import { Bubble } from "./bubble.js";
import { Composer } from "./composer.js";
import { el, icon, setText } from "./dom.js";
import { isAtWork } from "./stations.js";
import { agentName, clockTime, phoneNumber, span } from "./words.js";

/** Seconds for which an answer is awaited when Parley does not tell of its turns. */
const PATIENCE = 20;
const TYPING_DELAY = 120;
const HELLOS = ["Hi there", "I'd like an appointment"];

export class Handset {
  /** `acts`: text(handset, body, media), open(sid), close(handset), choose(handset, number). */
  constructor(store, { participant, number, name }, acts) {
    Object.assign(this, { store, participant, number, name, acts });
    this.title = name || phoneNumber(participant);
    this._bubbles = new Map();
    this._build();
    this.show();
  }

  /** Draws what is new; `fully` draws everything again. */
  show(fully = false) {
    if (fully) {
      this._bubbles.clear();
      this._log.replaceChildren();
    }
    const messages = this.store.conversation(this.participant, this.number);
    for (const message of messages) this._place(message);
    this._empty.hidden = messages.length > 0;
    this._showSkips(messages);
    this._showTyping(messages);
    this._tellTime();
    this._follow();
  }

  showNumbers() {
    const { numbers } = this.store.state;
    const known = numbers.map(({ phone_number }) => phone_number).join(" ");
    if (known !== this._known) {
      this._known = known;
      this._choice.replaceChildren(...numbers.map(({ phone_number, name }) =>
        el("option", { value: phone_number }, name ? `${agentName(name)}, ${phoneNumber(phone_number)}` : phoneNumber(phone_number))));
    }
    this._choice.value = this.number;
    const agent = numbers.find(({ phone_number }) => phone_number === this.number)?.name;
    setText(this._contact, agent ? agentName(agent) : phoneNumber(this.number));
    setText(this._contactNumber, agent ? phoneNumber(this.number) : "Parley");
    setText(this._face, (agent ? agentName(agent) : "P")[0]);
    setText(this._hint, `Your text goes to ${agent ? `${agentName(agent)} at ` : ""}${phoneNumber(this.number)}. Click a bubble afterwards to see every station it passed.`);
  }

  /** The bubble of `sid` is the one whose stations are shown. */
  opened(sid) {
    for (const [own, bubble] of this._bubbles) bubble.opened(own === sid);
  }

  bubble(sid) {
    return this._bubbles.get(sid);
  }

  focus() {
    this._composer.focus();
  }

  /** Stays at the last text, unless somebody reads further up. */
  _follow() {
    if (this._following) this._log.scrollTop = this._log.scrollHeight;
  }

  _place(message) {
    let bubble = this._bubbles.get(message.sid);
    if (!bubble) {
      bubble = new Bubble(message, this.acts.open);
      this._bubbles.set(message.sid, bubble);
      bubble.element.dataset.at = message.at;
      const later = [...this._log.children].find((other) => Number(other.dataset.at) > message.at);
      this._log.insertBefore(bubble.element, later ?? null);
    }
    bubble.show(message, this.store.peoplesTime(message.at));
  }

  _showSkips(messages) {
    for (const skip of this.store.state.skip.done) {
      const id = `skip-${skip.at}`;
      if (!messages.length || skip.at < messages[0].at || this._log.querySelector(`[data-skip="${id}"]`)) continue;
      const line = el("p.later", { "data-at": skip.at, "data-skip": id }, `${span(skip.seconds)} later`);
      const after = [...this._log.children].find((other) => Number(other.dataset.at) > skip.at);
      this._log.insertBefore(line, after ?? null);
    }
  }

  _showTyping(messages) {
    const atWork = isAtWork(this.store, messages, Date.now() / 1000, PATIENCE);
    clearTimeout(this._typingTimer);
    if (!atWork) {
      this._typing.hidden = true;
      return;
    }
    // Most turns are over before anybody could see that they began.
    this._typingTimer = setTimeout(() => {
      this._typing.hidden = false;
      this._typingTimer = setTimeout(() => this._showTyping(this.store.conversation(this.participant, this.number)), 1000);
    }, this._typing.hidden ? TYPING_DELAY : 0);
  }

  _tellTime() {
    setText(this._clock, clockTime(this.store.peoplesTime(Date.now() / 1000)));
  }

  _build() {
    this._clock = el("span.clock");
    this._face = el("span.face", { "aria-hidden": "true" });
    this._contact = el("strong");
    this._contactNumber = el("span");
    this._hint = el("p");
    this._choice = el("select", {
      "aria-label": `The number that ${this.title} texts`,
      onchange: () => this.acts.choose(this, this._choice.value),
    });
    this._log = el("div.log", { role: "log", "aria-live": "polite", "aria-relevant": "additions", "aria-label": `Texts of ${this.title}`, tabindex: "0" });
    this._following = true;
    this._log.addEventListener("scroll", () => {
      this._following = this._log.scrollHeight - this._log.scrollTop - this._log.clientHeight < 40;
    });
    new ResizeObserver(() => this._follow()).observe(this._log);
    this._typing = el("div.typing", { hidden: true }, el("span.dots", { "aria-hidden": "true" }, el("i"), el("i"), el("i")), el("span", {}, "The agent is at work"));
    this._composer = new Composer(this.title, (body, media) => this.acts.text(this, body, media));
    this._empty = el("div.empty", {},
      icon("mark"),
      el("h3", {}, "Say hello"),
      this._hint,
      el("div.hellos", {}, ...HELLOS.map((hello) => el("button.chip", { type: "button", onclick: () => this.acts.text(this, hello, []) }, hello))));
    this.element = el("section.handset", { "aria-label": `Phone of ${this.title}`, "data-participant": this.participant },
      el("header.owner", {},
        el("h2", {}, this.title),
        el("span", {}, this.name ? phoneNumber(this.participant) : "from elsewhere"),
        el("button.plain", { type: "button", "aria-label": `Remove the phone of ${this.title}`, onclick: () => this.acts.close(this) }, icon("close"))),
      el("div.body", {}, el("div.screen", {},
        el("div.bar", { "aria-hidden": "true" }, this._clock, el("span.island"), icon("battery")),
        el("div.contact", {}, this._face, el("div", {}, this._contact, this._contactNumber), this._choice),
        el("div.middle", {}, this._empty, this._log),
        this._typing,
        this._composer.element)));
  }
}
