"""The corpus: requests that no well-behaved sender makes, one entry each, and the exact answer and effect of each.

Groups are files of YAML beside this one. An entry that leaves out its answer or misspells a key is refused here.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml

FOLDER = Path(__file__).parent
EFFECTS = {
    "nothing": {},
    "stored": {"inbound": 1},
    "ignored": {"inbound": 1},
    "sent": {"sent": 1},
    "reported": {"reports": 1},
}
"""What an entry adds to the database, by what is counted there."""
SAID = {
    200: "<Response/>",
    204: "",
    403: "forbidden",
    408: "the request did not arrive in time",
    503: "not stored; try again",
}
"""What a webhook is told, where its entry does not say."""


class BadEntry(Exception):
    """Names the file and the entry."""


@dataclass(frozen=True)
class Entry:
    """`send` is read by the group's builder. `says` is the whole body, of the API its `detail`; None: not compared."""

    group: str
    name: str
    number: int
    """From 1, over all groups: participants, sids and thereby threads of entries differ."""
    send: Mapping[str, Any]
    status: int
    says: str | None
    effect: str = "nothing"
    reason: str = ""
    """Of an effect `ignored`: why."""
    before: tuple[Mapping[str, Any], ...] = ()
    """What was sent before and succeeded: the entry's own effect is what comes on top."""
    then: tuple[int, ...] = ()
    """The statuses of further answers on the same connection."""
    closes: bool | None = None
    """Whether the connection ends; None: not looked at."""
    delivery: Mapping[str, Any] = field(default_factory=dict)
    """Of a report: columns of its delivery afterwards."""
    tells: str = ""
    """The event of a log line that is an error and belongs to it."""

    @property
    def id(self) -> str:
        return f"{self.group}: {self.name}"


def entries(folder: Path = FOLDER) -> list[Entry]:
    """All of them, in the order of the files. Raises BadEntry."""
    found: list[Entry] = []
    for path in sorted(folder.glob("*.yaml")):
        for raw in yaml.safe_load(path.read_text()):
            found.append(_entry(path.stem, len(found) + 1, raw))
    return found


def _entry(group: str, number: int, raw: object) -> Entry:
    if not isinstance(raw, dict):
        raise BadEntry(f"{group}: entry {number} is no mapping")
    name = raw.get("name", "")
    try:
        given = _spread(raw)
        entry = Entry(
            group=group,
            number=number,
            says=given.pop("says") if "says" in given else SAID[given["status"]],
            before=tuple(given.pop("before", ())),
            then=tuple(given.pop("then", ())),
            **given,
        )
    except (KeyError, TypeError, AttributeError) as error:
        raise BadEntry(f"{group}: {name}: {error}") from None
    if not entry.name or entry.effect not in EFFECTS or (entry.effect == "ignored") != bool(entry.reason):
        raise BadEntry(f"{group}: {name}: name it, and say what becomes of it")
    if entry.status in (200, 202, 204) and "effect" not in raw:
        raise BadEntry(f"{group}: {name}: a request that succeeds says its effect")
    return entry


def _spread(raw: dict[str, Any]) -> dict[str, Any]:
    """`{repeat: [text, times]}` stands for a long text, anywhere."""

    def spread(value: Any) -> Any:
        if isinstance(value, dict):
            if set(value) == {"repeat"}:
                text, times = value["repeat"]
                return text * times
            return {key: spread(inner) for key, inner in value.items()}
        return [spread(inner) for inner in value] if isinstance(value, list) else value

    return {key: spread(value) for key, value in raw.items()}
