// Puts the page together: the store that the stream fills, the phones, and the panels that read it.

import { el, icon, setText } from "./dom.js";
import { Faults } from "./faults.js";
import { Handset } from "./handset.js";
import { Journey } from "./journey.js";
import { named, next, remember, remembered } from "./phones.js";
import { Store, pair } from "./store.js";
import { listen, send } from "./stream.js";
import { span } from "./words.js";

/** Participants from elsewhere get a phone of their own while there are no more than these. */
const MOST = 6;
const WIDE = matchMedia("(min-width: 760px)");

class Page {
  constructor() {
    this._store = new Store();
    this._handsets = [];
    this._removed = new Set();
    this._stage = byId("phones");
    this._strip = byId("strip");
    this._add = el("button.add", { type: "button", "aria-label": "Add a phone", onclick: () => this._addNext() }, icon("plus"), el("span", {}, "Add a phone"));
    this._stage.append(this._add);
    this._journey = new Journey(this._store, byId("journey"), (sid) => this._closed(sid));
    this._faults = new Faults(this._store, { list: byId("switches"), opener: byId("break"), badge: byId("armed"), say: (text) => this._say(text) });
    this._store.read((changes) => this._show(changes));
    this._listenToTools();
  }

  start() {
    listen(this._store.told);
  }

  _show(changes) {
    if (changes.has("live")) this._showLive();
    if (changes.has("state")) this._showState();
    if (changes.has("all")) this._handsets.forEach((handset) => handset.show(true));
    else {
      for (const handset of this._handsets) {
        if (changes.has("state") || changes.has(pair(handset.participant, handset.number))) handset.show();
      }
    }
    this._welcome();
    if (changes.has("all") || changes.has(`trace:${this._journey.trace}`) || this._isShown(changes)) this._journey.show();
  }

  _isShown(changes) {
    const message = this._journey.sid && this._store.message(this._journey.sid);
    return message && changes.has(pair(message.participant, message.number));
  }

  _showState() {
    const { numbers, skip } = this._store.state;
    byId("skips").hidden = !skip.offered;
    this._faults.show();
    if (!this._handsets.length && numbers.length && !this._begun) {
      this._begun = true;
      for (const phone of remembered(new URLSearchParams(location.search), WIDE.matches ? 2 : 1)) this._place(phone);
    }
    this._stage.classList.toggle("without-numbers", !numbers.length);
    for (const handset of this._handsets) {
      if (!numbers.some(({ phone_number }) => phone_number === handset.number) && numbers.length) handset.number = numbers[0].phone_number;
      handset.showNumbers();
    }
  }

  _showLive() {
    const live = byId("live");
    live.dataset.live = this._store.live ? "yes" : "no";
    setText(live, this._store.live ? "live" : "connecting");
  }

  /** A phone for whoever texts from elsewhere, for example by `parley text`. */
  _welcome() {
    if (!this._begun) return;
    for (const { participant, number } of this._store.conversations()) {
      const here = this._handsets.some((handset) => handset.participant === participant);
      if (!here && !this._removed.has(participant) && this._handsets.length < MOST) this._place(named({ participant, number }));
    }
  }

  _place(phone) {
    const { numbers } = this._store.state;
    const known = numbers.some(({ phone_number }) => phone_number === phone.number);
    const handset = new Handset(this._store, { ...phone, number: known ? phone.number : numbers[0].phone_number }, {
      text: (from, body, media) => this._text(from, body, media),
      open: (sid) => this._open(sid),
      close: (closed) => this._remove(closed),
      choose: (chosen, number) => this._choose(chosen, number),
    });
    this._handsets.push(handset);
    this._stage.insertBefore(handset.element, this._add);
    handset.showNumbers();
    this._arrange(this._current ?? handset);
    return handset;
  }

  _addNext() {
    const handset = this._place({ ...next(this._handsets), number: this._current?.number ?? "" });
    this._removed.delete(handset.participant);
    this._arrange(handset);
    handset.element.scrollIntoView({ inline: "end", block: "nearest" });
    handset.focus();
  }

  _remove(handset) {
    this._removed.add(handset.participant);
    this._handsets = this._handsets.filter((other) => other !== handset);
    handset.element.remove();
    this._arrange(this._handsets.includes(this._current) ? this._current : this._handsets[0]);
    (this._current ?? { focus: () => this._add.focus() }).focus();
  }

  _choose(handset, number) {
    handset.number = number;
    handset.showNumbers();
    handset.show(true);
    remember(this._handsets);
  }

  /** On a narrow screen one phone is shown, and the strip chooses which. */
  _arrange(current) {
    this._current = current;
    for (const handset of this._handsets) handset.element.classList.toggle("current", handset === current);
    this._strip.replaceChildren(
      ...this._handsets.map((handset) => el("button", { type: "button", "aria-current": handset === current ? "true" : null, onclick: () => this._arrange(handset) }, handset.title)),
      el("button.more", { type: "button", "aria-label": "Add a phone", onclick: () => this._addNext() }, icon("plus")));
    remember(this._handsets);
  }

  async _text(handset, body, media) {
    try {
      await send("inbound", { from: handset.participant, to: handset.number, body, media, wait: false });
    } catch (error) {
      this._say(error.message);
    }
  }

  _open(sid) {
    if (this._journey.sid === sid) {
      this._journey.close();
      return;
    }
    this._journey.open(sid);
    document.body.classList.add("with-journey");
    for (const handset of this._handsets) {
      handset.opened(sid);
      handset.bubble(sid)?.element.scrollIntoView({ block: "nearest" });
    }
  }

  _closed(sid) {
    document.body.classList.remove("with-journey");
    for (const handset of this._handsets) {
      handset.opened(null);
      handset.bubble(sid)?.focus();
    }
  }

  _listenToTools() {
    byId("skips").addEventListener("click", (event) => event.target.dataset.seconds && this._skip(event.target));
    const theme = byId("theme"), dark = matchMedia("(prefers-color-scheme: dark)");
    const isDark = () => (document.documentElement.dataset.theme ?? (dark.matches ? "dark" : "light")) === "dark";
    const show = () => theme.setAttribute("aria-pressed", String(isDark()));
    theme.addEventListener("click", () => {
      document.documentElement.dataset.theme = isDark() ? "light" : "dark";
      localStorage.setItem("parley-theme", document.documentElement.dataset.theme);
      show();
    });
    dark.addEventListener("change", show);
    show();
  }

  async _skip(button) {
    button.disabled = true;
    try {
      await send("skip", { seconds: Number(button.dataset.seconds) });
      this._say(`It is ${span(Number(button.dataset.seconds))} later.`);
    } catch (error) {
      this._say(error.message);
    } finally {
      button.disabled = false;
      button.focus();
    }
  }

  _say(text) {
    const toast = byId("toast");
    clearTimeout(this._toastTimer);
    setText(toast, text);
    toast.classList.add("shown");
    this._toastTimer = setTimeout(() => toast.classList.remove("shown"), 5000);
  }
}

function byId(id) {
  return document.getElementById(id);
}

new Page().start();
