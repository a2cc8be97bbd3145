// What a phone can send: words, a picture, and the keywords that Twilio itself understands.

import { el, icon } from "./dom.js";

const PICTURE = "phone/pictures/plant.jpg";
const KEYWORDS = [
  ["STOP", "Opts out: no more texts from this number"],
  ["START", "Opts in again"],
  ["HELP", "Asks Twilio for help"],
];

export class Composer {
  /** `send(body, media)`; media as in the control plane's POST /inbound. */
  constructor(title, send) {
    this._send = send;
    this._field = el("textarea", {
      rows: "1", maxlength: "1600", placeholder: "Text message", enterkeyhint: "send", autocomplete: "off",
      "aria-label": `Text message from ${title}`,
      oninput: () => this._fit(),
      onkeydown: (event) => this._key(event),
    });
    this._attach = el("button.plain.attach", { type: "button", "aria-label": "Attach a picture", "aria-pressed": "false", onclick: () => this._toggle() }, icon("picture"));
    this._preview = el("div.preview", { hidden: true },
      el("img", { src: PICTURE, alt: "A plant in a pot", width: "72", height: "54" }),
      el("button.plain", { type: "button", "aria-label": "Take the picture off", onclick: () => this._toggle() }, icon("close")));
    this.element = el("form.composer", { onsubmit: (event) => this._submit(event) },
      el("div.replies", { role: "group", "aria-label": "Keywords" }, ...KEYWORDS.map(([word, title]) =>
        el("button.chip", { type: "button", title, onclick: () => send(word, []) }, word))),
      this._preview,
      el("div.line-up", {}, this._attach, this._field, el("button.send", { type: "submit", "aria-label": "Send" }, icon("send"))));
  }

  focus() {
    this._field.focus({ preventScroll: true });
  }

  _submit(event) {
    event.preventDefault();
    const body = this._field.value.trim(), picture = !this._preview.hidden;
    if (!body && !picture) return;
    const url = new URL(PICTURE, document.baseURI).href;
    this._send(body, picture ? [{ url, content_type: "image/jpeg" }] : []);
    this._field.value = "";
    if (picture) this._toggle();
    this._fit();
  }

  /** Enter sends, Shift+Enter begins a line; Enter that ends the choice of a character does neither. */
  _key(event) {
    if (event.key === "Enter" && !event.shiftKey && !event.isComposing) this._submit(event);
  }

  _toggle() {
    this._preview.hidden = !this._preview.hidden;
    this._attach.setAttribute("aria-pressed", String(!this._preview.hidden));
    this.focus();
  }

  _fit() {
    this._field.style.height = "auto";
    this._field.style.height = `${Math.min(this._field.scrollHeight, 112)}px`;
  }
}
