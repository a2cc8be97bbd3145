"""How fast a participant texts and an agent answers, and when that is too fast for a person.

Moments are milliseconds since 1970, on the clock of people's deadlines.
"""

from __future__ import annotations

import zlib
from collections.abc import Sequence
from dataclasses import dataclass, replace

from parley_session.domain.settings import SessionSettings

TEXT_WINDOW = 60_000
REPEAT_WINDOW = 300_000
BLOCK = 600_000
TURN_WINDOW = 600_000
MOST_KEPT = 1000
"""The highest limit that may be set."""


@dataclass(frozen=True, slots=True)
class Pace:
    texts: tuple[tuple[int, int], ...] = ()
    """(moment, checksum) of texts that were taken, the latest last."""
    turns: tuple[int, ...] = ()
    """When turns were planned."""
    blocked_until: int = 0

    def hear(self, text: str, media_urls: Sequence[str], moment: int, settings: SessionSettings) -> tuple[Pace, str]:
        """With one more text; and why it is too much, or nothing. Texts that are too much do not count.

        A text may come later than others that were sent after it: those do not count against it.
        """
        if not settings.text_limit and not settings.repeat_limit:
            return self, ""
        if self.blocked_until - BLOCK <= moment < self.blocked_until:
            return self, "repeat_limit"
        texts = tuple(kept for kept in self.texts if kept[0] > moment - REPEAT_WINDOW)
        recent = sum(moment - TEXT_WINDOW < then <= moment for then, _ in texts)
        if settings.text_limit and recent >= settings.text_limit:
            return self, "text_limit"
        checksum = zlib.crc32("\n".join((text, *media_urls)).encode("utf-8", "surrogatepass"))
        same = sum(then <= moment and known == checksum for then, known in texts)
        if settings.repeat_limit and 1 + same >= settings.repeat_limit:
            return replace(self, texts=texts, blocked_until=max(moment + BLOCK, self.blocked_until)), "repeat_limit"
        return replace(self, texts=(*texts, (moment, checksum))[-MOST_KEPT:]), ""

    def is_looping(self, moment: int, settings: SessionSettings) -> bool:
        """Whether one more turn is more than a person would take."""
        if not settings.turn_limit or len(self.turns) < settings.turn_limit:
            return False
        return self.turns[-settings.turn_limit] > moment - TURN_WINDOW

    def take_turn(self, moment: int, settings: SessionSettings) -> Pace:
        if not settings.turn_limit:
            return self
        turns = tuple(then for then in self.turns if then > moment - TURN_WINDOW)
        return replace(self, turns=(*turns, moment)[-MOST_KEPT:])


AT_REST = Pace()
