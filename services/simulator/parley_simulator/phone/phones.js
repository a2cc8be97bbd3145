// Which phones are on the page: kept in this browser, and joined by participants who text from elsewhere.

const KEY = "parley-phones";
const NAMES = ["Ada", "Ben", "Chloe", "Dev", "Ema", "Finn", "Grace", "Hugo"];
const FIRST = 15550123456;

/** The participants that this page gives out: `+15550123456` is Ada. */
export function participantOf(place) {
  return { participant: `+${FIRST + place}`, name: NAMES[place % NAMES.length] };
}

function nameOf(participant) {
  const place = Number(participant) - FIRST;
  return place >= 0 && place < NAMES.length ? NAMES[place] : "";
}

/** [{participant, number}], those of the last visit; `?from=&to=` comes first. */
export function remembered(query, count) {
  let kept = [];
  try {
    kept = JSON.parse(localStorage.getItem(KEY) ?? "[]");
  } catch {
    // What cannot be read is as good as nothing.
  }
  const phones = (Array.isArray(kept) ? kept : []).filter((phone) => typeof phone?.participant === "string");
  const asked = query.get("from");
  if (asked || (query.get("to") && !phones.length)) {
    const participant = asked ?? participantOf(0).participant;
    const others = phones.filter((phone) => phone.participant !== participant);
    return [{ participant, number: query.get("to") ?? "" }, ...others].map(named);
  }
  const first = Array.from({ length: count }, (_, place) => ({ ...participantOf(place), number: "" }));
  return (phones.length ? phones : first).map(named);
}

export function remember(handsets) {
  try {
    localStorage.setItem(KEY, JSON.stringify(handsets.map(({ participant, number }) => ({ participant, number }))));
  } catch {
    // Without storage the page begins anew each time.
  }
}

/** The first participant who has no phone yet. */
export function next(handsets) {
  const taken = new Set(handsets.map(({ participant }) => participant));
  for (let place = 0; ; place += 1) {
    const found = participantOf(place);
    if (!taken.has(found.participant)) return found;
  }
}

export function named(phone) {
  return { ...phone, name: nameOf(phone.participant) };
}
