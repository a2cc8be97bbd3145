// What the simulator has told: messages, traces and the small state. Tells its readers what changed, once a frame.

export class Store {
  constructor() {
    this.state = { numbers: [], faults: [], skip: { offered: false, done: [] }, end_agent: { offered: false, armed: false } };
    this.live = false;
    this._readers = [];
    this._forget();
  }

  /** `reader(changes)`: a set of conversations, traces (`trace:id`), `state`, `live` and `all`. */
  read(reader) {
    this._readers.push(reader);
  }

  /** The functions that the stream calls. */
  get told() {
    return {
      state: (state) => { this.state = state; this._changed("state"); },
      message: (message) => this._message(message),
      trace: (trace) => this._trace(trace),
      forget: () => { this._forget(); this._changed("all"); },
      live: (live) => { this.live = live; this._changed("live"); },
    };
  }

  /** In the order in which Twilio accepted them. */
  conversation(participant, number) {
    return this._conversations.get(pair(participant, number)) ?? [];
  }

  conversations() {
    return [...this._conversations.values()].map((messages) => ({
      participant: messages[0].participant,
      number: messages[0].number,
    }));
  }

  message(sid) {
    return this._messages.get(sid);
  }

  spans(trace) {
    return (trace && this._traces.get(trace)) || [];
  }

  /** Whether Parley tells what happens inside it. */
  get isTraced() {
    return this._traces.size > 0;
  }

  /** The messages that one trace went through: what came in, and what it was answered with. */
  inTrace(trace) {
    return [...(this._ofTrace.get(trace) ?? [])].map((sid) => this._messages.get(sid)).sort((a, b) => a.index - b.index);
  }

  /** What the clock of people says at `at`: time that was skipped has passed. */
  peoplesTime(at) {
    return this.state.skip.done.reduce((time, skip) => (skip.at <= at ? time + skip.seconds : time), at);
  }

  _message(message) {
    const inbound = message.direction === "inbound";
    message.inbound = inbound;
    message.participant = inbound ? message.from : message.to;
    message.number = inbound ? message.to : message.from;
    const key = pair(message.participant, message.number);
    const conversation = this._conversations.get(key) ?? [];
    const place = conversation.findIndex((other) => other.index >= message.index);
    if (place < 0) conversation.push(message);
    else conversation.splice(place, conversation[place].index === message.index ? 1 : 0, message);
    this._conversations.set(key, conversation);
    this._messages.set(message.sid, message);
    if (message.trace) {
      if (!this._ofTrace.has(message.trace)) this._ofTrace.set(message.trace, new Set());
      this._ofTrace.get(message.trace).add(message.sid);
      this._changed(`trace:${message.trace}`);
    }
    this._changed(key);
  }

  _trace({ id, spans }) {
    this._traces.set(id, spans);
    this._changed(`trace:${id}`);
    for (const message of this.inTrace(id)) this._changed(pair(message.participant, message.number));
  }

  _forget() {
    this._messages = new Map();
    this._conversations = new Map();
    this._traces = new Map();
    this._ofTrace = new Map();
  }

  _changed(what) {
    if (!this._changes) {
      this._changes = new Set();
      // Not a frame's callback: a page in the background is up to date as well.
      setTimeout(() => {
        const changes = this._changes;
        this._changes = null;
        for (const reader of this._readers) reader(changes);
      }, 0);
    }
    this._changes.add(what);
  }
}

export function pair(participant, number) {
  return `${participant} ${number}`;
}
