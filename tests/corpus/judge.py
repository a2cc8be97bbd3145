"""Whether what came of an entry is exactly what it says; a list of what is not."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from tests.corpus.entries import EFFECTS, Entry
from tests.integration.gateway.twilio_side import OTHER_TOKEN, TOKEN, Reply

TRACES = ("Traceback", '.py"', ".py:", "Error(", "Exception")
DOCUMENTED_5XX = frozenset({503})


@dataclass(frozen=True)
class Observed:
    """`added` is what the database holds more than before, `stored` the text of the entry's sid there."""

    replies: Sequence[Reply]
    added: Mapping[str, int]
    closed: bool | None = None
    stored: Mapping[str, Any] | None = None
    delivery: Mapping[str, Any] = field(default_factory=dict)
    log: Sequence[str] = ()
    errors: Sequence[str] = ()
    """Log lines of a level above a warning."""


def problems(entry: Entry, seen: Observed, secrets: Sequence[str]) -> list[str]:
    """What is not as the entry says. `secrets` are in no answer and no line of the log."""
    found = [*_answers(entry, seen), *_effects(entry, seen)]
    told = [*(line for reply in seen.replies for line in (reply.body, *reply.headers.values())), *seen.log]
    found += [f"tells {secret!r}: {line[:200]}" for line in told for secret in secrets if secret in line]
    found += [f"shows its inside: {line[:200]}" for line in told if any(mark in line for mark in TRACES)]
    found += [
        f"logged as a failure: {line[:300]}" for line in seen.errors if not entry.tells or entry.tells not in line
    ]
    if entry.tells and not any(entry.tells in line for line in seen.errors):
        found.append(f"does not tell {entry.tells}")
    return found


def _answers(entry: Entry, seen: Observed) -> list[str]:
    statuses = [reply.status for reply in seen.replies]
    found = []
    if statuses != [entry.status, *entry.then]:
        found.append(f"answered {statuses}, not {[entry.status, *entry.then]}")
    if any(status >= 500 and status not in DOCUMENTED_5XX for status in statuses):
        found.append(f"failed: {statuses}")
    if any("server" in reply.headers for reply in seen.replies):
        found.append("says what serves it")
    if entry.says is not None and seen.replies and said(seen.replies[0]) != entry.says:
        found.append(f"said {said(seen.replies[0])!r}, not {entry.says!r}")
    if entry.closes is not None and seen.closed is not entry.closes:
        found.append(f"closed: {seen.closed}, not {entry.closes}")
    return found


def _effects(entry: Entry, seen: Observed) -> list[str]:
    wanted = {"inbound": 0, "sent": 0, "reports": 0, **EFFECTS[entry.effect]}
    found = [f"added {dict(seen.added)}, not {wanted}"] if dict(seen.added) != wanted else []
    if entry.effect in ("stored", "ignored"):
        reason = seen.stored["ignore_reason"] if seen.stored else "nothing is stored"
        if reason != entry.reason:
            found.append(f"ignored for {reason!r}, not {entry.reason!r}")
    for column, value in entry.delivery.items():
        if seen.delivery.get(column) != value:
            found.append(f"the delivery's {column} is {seen.delivery.get(column)!r}, not {value!r}")
    return found


def said(reply: Reply) -> str:
    """The body; of a refusal by the API its one field."""
    if reply.headers.get("content-type") != "application/json":
        return reply.body
    content = json.loads(reply.body)
    return str(content["detail"]) if isinstance(content, dict) and set(content) == {"detail"} else reply.body


SECRETS = (TOKEN, OTHER_TOKEN)
