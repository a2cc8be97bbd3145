// How numbers, times, states and errors are said.

/** A space at which no line ends. */
const GAP = "\u00a0";
const REASONS = {
  20429: "Twilio had too many requests",
  21211: "that number does not exist",
  21408: "texts to that country are not permitted",
  21610: "the participant has opted out",
  21611: "the sender's queue is full",
  21614: "that number cannot receive texts",
  30001: "Twilio's queue was full",
  30002: "the account is suspended",
  30003: "the handset cannot be reached",
  30004: "the participant or the carrier blocks it",
  30005: "nobody has that number",
  30006: "that number is a landline or out of reach",
  30007: "a carrier filtered it",
  30008: "the carrier did not say why",
  30034: "the sender is not registered for A2P texts",
};

export function reason(code) {
  if (!code) return "no reason given";
  return REASONS[code] ? `${REASONS[code]} (${code})` : `error ${code}`;
}

/** `+15550100100` as `+1 555 010 0100`; other countries' in threes. */
export function phoneNumber(e164) {
  const american = /^\+1(\d{3})(\d{3})(\d{4})$/.exec(e164);
  if (american) return `+1${GAP}${american[1]}${GAP}${american[2]}${GAP}${american[3]}`;
  return e164.replace(/(\d{3})(?=\d)/g, `$1${GAP}`);
}

/** `appointment_desk` as `Appointment desk`. */
export function agentName(name) {
  const words = name.replace(/[_-]+/g, " ").trim();
  return words && words[0].toUpperCase() + words.slice(1);
}

export function segments(count) {
  return count === 1 ? "1 segment" : `${count} segments`;
}

export function clockTime(seconds) {
  return new Date(seconds * 1000).toLocaleTimeString([], { hour: "2-digit", minute: "2-digit" });
}

export function duration(seconds) {
  if (seconds < 0.00005) return "0 ms";
  if (seconds < 0.0995) return `${(seconds * 1000).toFixed(seconds < 0.00995 ? 1 : 0)} ms`;
  if (seconds < 0.9995) return `${Math.round(seconds * 1000)} ms`;
  return seconds < 99.5 ? `${seconds.toFixed(1)} s` : `${Math.round(seconds / 60)} min`;
}

/** A skip of time as a person says it. */
export function span(seconds) {
  for (const [size, name] of [[86400, "day"], [3600, "hour"], [60, "minute"], [1, "second"]]) {
    if (seconds >= size && seconds % size === 0 && !(name === "day" && seconds === 86400)) {
      const count = seconds / size;
      return `${count} ${name}${count === 1 ? "" : "s"}`;
    }
  }
  return `${seconds} seconds`;
}

export const STATES = {
  accepted: ["queued", "accepted"],
  queued: ["queued", "queued"],
  sending: ["queued", "sending"],
  sent: ["sent", "sent"],
  delivered: ["delivered", "delivered"],
  undelivered: ["failed", "not delivered"],
  failed: ["failed", "failed"],
};
