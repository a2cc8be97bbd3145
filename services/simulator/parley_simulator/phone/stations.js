// Which stations a text passed, in order: what the simulated Twilio saw, and the spans of Parley's own trace.

import { duration, phoneNumber } from "./words.js";

/** Where each station is and what happens there. */
const STATIONS = {
  inbound: ["Webhook", "twilio", "Twilio calls Parley and waits. A 200 means: stored."],
  fallback: ["Webhook, second address", "twilio", "The first address failed, so Twilio calls the fallback."],
  "gateway.receive_webhook": ["Gateway", "gateway", "Checks the signature, answers once the text is stored."],
  "session.receive_messages": ["Commit", "session", "One transaction: text stored, session joined, turn claimed."],
  "session.run_turn": ["Turn", "session", "Calls the agent; other texts of the thread wait."],
  "agent.run_turn": ["Agent", "agent", "The agent's own Python, in a forked worker."],
  "session.commit_turns": ["Commit of the answer", "session", "One transaction: answer into the outbox, state, turn's end."],
  "hand-off": ["Hand-off", "session", "From the outbox into the thread's lane at the notifier."],
  "notifier.send_message": ["Send", "notifier", "The head of the lane is sent, once, within its lease."],
  post: ["POST to Twilio", "twilio", "Twilio takes the answer: 201, and it has a sid."],
  status: ["Report", "twilio", "Twilio's signed callback: evidence of what became of it."],
};

export const OWNERS = ["twilio", "gateway", "session", "agent", "notifier"];

/** Rows of {label, owner, note, begin, end, result, failed}; `end` is null while the text is there. */
export function stationsOf(store, message) {
  const texts = message.trace ? store.inTrace(message.trace) : [message];
  const answers = texts.filter((text) => !text.inbound);
  const rows = texts.flatMap((text) => text.stations.map((station) => ({ ...row(station), ...whose(text, answers) })));
  const spans = store.spans(message.trace);
  rows.push(...spans.map(row), ...handOffs(spans));
  return rows.sort((a, b) => a.begin - b.begin || (b.end ?? Infinity) - (a.end ?? Infinity));
}

/** Whether the agent has one of the conversation's texts in hand. `patience`: seconds for which it is believed unheard. */
export function isAtWork(store, messages, now, patience) {
  const traced = messages.filter((text) => text.inbound && text.trace);
  if (traced.some((text) => isOpen(store.spans(text.trace)))) return true;
  // Parley runs elsewhere and tells nothing: its answer is awaited for a while.
  const last = messages.at(-1);
  if (!last?.inbound || last.trace || traced.length) return false;
  const taken = last.stations.some((station) => station.end !== null && !station.failed);
  return taken && now - last.at < patience;
}

function isOpen(spans) {
  const turns = spans.filter((span) => span.name === "session.run_turn");
  const last = turns.at(-1);
  if (!last) return false;
  const sent = spans.some((span) => span.name === "notifier.send_message");
  return last.end === null || (last.failed && !sent);
}

function row(station) {
  const [label, owner, note] = STATIONS[station.name] ?? [station.name, station.name.split(".")[0], ""];
  const told = station.about ? `: ${station.about}` : "";
  return { ...station, label: label + told, owner, note };
}

/** Several answers to one text are told apart by their place. */
function whose(text, answers) {
  const place = answers.indexOf(text);
  return place >= 0 && answers.length > 1 ? { part: `${place + 1} of ${answers.length}` } : {};
}

/** From the commit of an answer to the beginning of its sending. */
function handOffs(spans) {
  const commits = spans.filter((span) => span.name === "session.commit_turns" && span.end !== null);
  return spans
    .filter((span) => span.name === "notifier.send_message")
    .flatMap((sending) => {
      const commit = commits.findLast((span) => span.begin <= sending.begin);
      if (!commit) return [];
      const begin = Math.min(commit.end, sending.begin);
      return [row({ name: "hand-off", begin, end: sending.begin, about: "", result: "", failed: false })];
    });
}

/** What one sees at a glance: whose text it is and how long it took. */
export function headline(message, rows) {
  const who = `${message.inbound ? "A text from" : "An answer to"} ${phoneNumber(message.participant)}`;
  const webhook = rows.find((one) => one.owner === "twilio" && one.name !== "post" && one.name !== "status");
  const post = rows.findLast((one) => one.name === "post" && one.end !== null && !one.failed);
  if (webhook && post) return { who, what: `Answered in ${duration(post.end - webhook.begin)}` };
  const last = post ?? (webhook?.end && !webhook.failed ? webhook : null);
  if (!last) return { who, what: rows.length ? "On its way" : "No stations yet" };
  return { who, what: `${post ? "Accepted by Twilio" : "Stored"} in ${duration(last.end - last.begin)}` };
}
