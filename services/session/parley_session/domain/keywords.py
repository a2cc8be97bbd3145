"""Which texts are keywords: words that carriers and the provider act on, and that no agent gets to see.

The lists are the provider's standard ones; what it says of a text itself counts over them.
"""

from __future__ import annotations

from enum import Enum, IntEnum


class Keyword(Enum):
    STOP = "stop"
    START = "start"
    HELP = "help"


class KeywordMode(IntEnum):
    """How a number's keywords are known. Numbers are stored, and are those of the session API."""

    PROVIDER = 1
    ADVANCED = 2
    NONE = 3


STOP_WORDS = frozenset({"STOP", "STOPALL", "UNSUBSCRIBE", "CANCEL", "END", "QUIT", "REVOKE", "OPTOUT"})
START_WORDS = frozenset({"START", "UNSTOP"})
HELP_WORDS = frozenset({"HELP", "INFO"})
FIXED_WORDS = {"STOP": Keyword.STOP, "START": Keyword.START, "UNSTOP": Keyword.START, "HELP": Keyword.HELP}
"""Those that no list of a customer's own takes away. The provider says so of a text that comes by its webhook, and says
nothing of one that is found in its list."""
YES = "YES"
PUNCTUATION = frozenset(".!?,;")
TOLL_FREE = tuple(f"+1{code}" for code in (800, 833, 844, 855, 866, 877, 888))


def is_toll_free(number: str) -> bool:
    return len(number) == 12 and number.startswith(TOLL_FREE)


def keyword_of(
    text: str, stated: Keyword | None, mode: KeywordMode, *, opted_out: bool, toll_free: bool
) -> Keyword | None:
    """The keyword that the whole of `text` is; `stated` is what the provider took it for.

    YES is an ordinary answer, unless somebody who has opted out says it. It does not open a toll-free number again.
    """
    if stated or mode is KeywordMode.NONE:
        return stated
    word = text.strip().upper()
    if mode is KeywordMode.ADVANCED:
        return FIXED_WORDS.get(word)
    if word and word[-1] in PUNCTUATION:
        word = word[:-1].rstrip()
    if word in STOP_WORDS:
        return Keyword.STOP
    if word in START_WORDS or (word == YES and opted_out and not toll_free):
        return Keyword.START
    return Keyword.HELP if word in HELP_WORDS else None
