// The page's one connection: everything that changes comes through it, and the browser resumes it where it broke off.

/** `told` has a function for each kind of event, and `live(yes)`. */
export function listen(told) {
  const source = new EventSource("phone/stream");
  for (const kind of ["state", "message", "trace", "forget"]) {
    source.addEventListener(kind, (event) => told[kind](JSON.parse(event.data)));
  }
  source.addEventListener("open", () => told.live(true));
  source.addEventListener("error", () => {
    told.live(false);
    // A refusal, unlike a broken connection, is final for the browser.
    if (source.readyState === EventSource.CLOSED) setTimeout(() => listen(told), 1000);
  });
  return source;
}

/** Raises an Error that says what the control plane said. */
export async function send(path, body, method = "POST") {
  const answer = await fetch(path, {
    method,
    headers: { "Content-Type": "application/json" },
    body: body === undefined ? undefined : JSON.stringify(body),
  });
  if (answer.ok) return answer.status === 204 ? null : answer.json();
  const text = await answer.text();
  let detail = text;
  try {
    detail = JSON.parse(text).detail ?? text;
  } catch {
    // It was no JSON: the text itself says what it was.
  }
  throw new Error(detail || `the simulator answered ${answer.status}`);
}
