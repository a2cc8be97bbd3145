"""Twilio's opt-out keywords: which texts are one, what Twilio answers, what it blocks.

Assumed, since undocumented: STOP is answered once, START only when it lifts a block, HELP not while blocked.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from enum import StrEnum


class Keyword(StrEnum):
    STOP = "STOP"
    START = "START"
    HELP = "HELP"


@dataclass(frozen=True, slots=True)
class Rules:
    """The words and answers of one kind of sender."""

    words: dict[str, Keyword]
    answers: dict[Keyword, str]
    late_block: int | None = None
    """Blocked texts are accepted and then fail with this code."""
    named: bool = False
    """Whether the webhook names the keyword as `OptOutType`."""


STOPS = ("STOP", "STOPALL", "UNSUBSCRIBE", "CANCEL", "END", "QUIT", "REVOKE", "OPTOUT")
STARTS = ("START", "YES", "UNSTOP")
HELPS = ("HELP", "INFO")
HELP_WORDS = dict.fromkeys(HELPS, Keyword.HELP)
HELP_ANSWER = "Reply STOP to unsubscribe. Msg&Data Rates May Apply."
LONG_CODE = Rules(
    words={**dict.fromkeys(STOPS, Keyword.STOP), **dict.fromkeys(STARTS, Keyword.START), **HELP_WORDS},
    answers={
        Keyword.STOP: "You have successfully been unsubscribed. You will not receive any more messages from this "
        "number. Reply START to resubscribe.",
        Keyword.START: "You have successfully been re-subscribed to messages from this number. Reply HELP for help. "
        "Reply STOP to unsubscribe. Msg&Data Rates May Apply.",
        Keyword.HELP: HELP_ANSWER,
    },
)
TOLL_FREE = Rules(
    words={"STOP": Keyword.STOP, "START": Keyword.START, "UNSTOP": Keyword.START, **HELP_WORDS},
    answers={
        Keyword.STOP: 'NETWORK MSG: You replied with the word "stop" which blocks all texts sent from this number. '
        'Text back "unstop" to receive messages again.',
        Keyword.START: 'NETWORK MSG: You have replied "unstop" and will begin receiving messages again from this '
        "number.",
        Keyword.HELP: HELP_ANSWER,
    },
    late_block=30004,
)
TOLL_FREE_PREFIXES = ("+1800", "+1833", "+1844", "+1855", "+1866", "+1877", "+1888")
# What no list of Advanced Opt-Out can take away.
FIXED = {"STOP": Keyword.STOP, "START": Keyword.START, "UNSTOP": Keyword.START, "HELP": Keyword.HELP}


@dataclass(frozen=True, slots=True)
class Verdict:
    """What a text from a participant does: the block afterwards, and what Twilio answers, if anything."""

    blocked: bool
    answer: str | None = field(repr=False)
    opt_out_type: str = ""
    """The webhook's `OptOutType`, "" for none."""


def is_toll_free(number: str) -> bool:
    return number.startswith(TOLL_FREE_PREFIXES)


def advanced(lists: Mapping[Keyword, Iterable[str]]) -> Rules:
    """Advanced Opt-Out with these words; a keyword without a list keeps the usual ones."""
    usual = {Keyword.STOP: STOPS, Keyword.START: STARTS, Keyword.HELP: HELPS}
    words = {word.strip().upper(): keyword for keyword in Keyword for word in lists.get(keyword, usual[keyword])}
    return Rules({**words, **FIXED}, LONG_CODE.answers, late_block=21610, named=True)


def judge(rules: Rules, body: str, *, blocked: bool) -> Verdict:
    """The whole text is the keyword, in any case; blanks around it do not count."""
    keyword = rules.words.get(body.strip().upper())
    if keyword is None:
        return Verdict(blocked, None)
    answer, name = rules.answers.get(keyword), str(keyword) if rules.named else ""
    if keyword is Keyword.STOP:
        return Verdict(True, None if blocked else answer, name)
    if keyword is Keyword.START:
        return Verdict(False, answer if blocked else None, name)
    return Verdict(blocked, None if blocked else answer, name)
