"""Twilio's default opt-out: which texts are keywords, what Twilio answers, what it blocks.

Advanced Opt-Out (custom words, `OptOutType`) is not served. Assumed, since undocumented: STOP is answered once, START
only when it lifts a block, HELP not while blocked.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


class Keyword(StrEnum):
    STOP = "STOP"
    START = "START"
    HELP = "HELP"


@dataclass(frozen=True, slots=True)
class Rules:
    """The words and answers of one kind of sender; `silent_block`: blocked texts are accepted and then fail with it."""

    words: dict[str, Keyword]
    answers: dict[Keyword, str]
    silent_block: int | None = None


HELP_WORDS = dict.fromkeys(("HELP", "INFO"), Keyword.HELP)
HELP_ANSWER = "Reply STOP to unsubscribe. Msg&Data Rates May Apply."
LONG_CODE = Rules(
    words={
        **dict.fromkeys(("STOP", "STOPALL", "UNSUBSCRIBE", "CANCEL", "END", "QUIT", "REVOKE", "OPTOUT"), Keyword.STOP),
        **dict.fromkeys(("START", "YES", "UNSTOP"), Keyword.START),
        **HELP_WORDS,
    },
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
    silent_block=30004,
)
TOLL_FREE_PREFIXES = ("+1800", "+1833", "+1844", "+1855", "+1866", "+1877", "+1888")


@dataclass(frozen=True, slots=True)
class Verdict:
    """What a text from a participant does: the block afterwards, and what Twilio answers, if anything."""

    blocked: bool
    answer: str | None


def rules_for(number: str) -> Rules:
    return TOLL_FREE if number.startswith(TOLL_FREE_PREFIXES) else LONG_CODE


def judge(number: str, body: str, *, blocked: bool) -> Verdict:
    """The whole text is the keyword, in any case; blanks around it do not count."""
    rules = rules_for(number)
    keyword = rules.words.get(body.strip().upper())
    if keyword is None:
        return Verdict(blocked, None)
    answer = rules.answers.get(keyword)
    if keyword is Keyword.STOP:
        return Verdict(True, None if blocked else answer)
    if keyword is Keyword.START:
        return Verdict(False, answer if blocked else None)
    return Verdict(blocked, None if blocked else answer)
