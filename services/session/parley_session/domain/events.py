"""What can happen to a thread, and the conditions under which it is decided."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from parley_session.domain.keywords import Keyword
from parley_session.domain.thread import HandOff


@dataclass(frozen=True, slots=True)
class Receive:
    """A participant's text arrived."""

    source_id: str
    text: str = field(repr=False)
    media_urls: tuple[str, ...] = field(default=(), repr=False)
    traceparent: str = ""
    receive_time: datetime | None = None
    """When it came, on the real clock; None for now."""
    stated: Keyword | None = None
    """What the provider took it for."""
    fetched: bool = False
    """Whether it was found in the provider's list: then `receive_time` is the provider's own."""


@dataclass(frozen=True, slots=True)
class Confirm:
    """A text that is stored already came again: from the provider's list, which knows better when it came, or after it
    from the webhook, which knows better what it is."""

    text: Receive = field(repr=False)
    stored_as: Keyword | None = None


@dataclass(frozen=True, slots=True)
class Wake:
    """The turn's wake_time has come: its moment, or the end of its lease."""


@dataclass(frozen=True, slots=True)
class Answer:
    """The agent ran the turn."""

    turn_id: str
    fence: int
    replies: tuple[str, ...] = field(default=(), repr=False)
    state: str = field(default="", repr=False)
    hang_up: bool = False
    hand_off: HandOff | None = None


@dataclass(frozen=True, slots=True)
class Failure:
    """The agent was called and did not run the turn."""

    turn_id: str
    fence: int


@dataclass(frozen=True, slots=True)
class Absence:
    """The agent could not be called."""

    turn_id: str
    fence: int


@dataclass(frozen=True, slots=True)
class Request:
    """A caller's request that must have one effect, however often it is made."""

    id: str
    fingerprint: str
    """Equal for equal requests."""


@dataclass(frozen=True, slots=True)
class StartSession:
    """A caller opens a session with a text of ours."""

    request: Request
    text: str = field(repr=False)
    traceparent: str = ""
    at_most_once: bool = False


@dataclass(frozen=True, slots=True)
class SendMessage:
    """A person writes in the session."""

    request: Request
    session_id: str
    text: str = field(repr=False)
    traceparent: str = ""
    at_most_once: bool = False


@dataclass(frozen=True, slots=True)
class RetryMessage:
    """A person has a text sent again that did not get there: in the open session, or in one that it opens."""

    request: Request
    text: str = field(repr=False)
    traceparent: str = ""
    at_most_once: bool = False


@dataclass(frozen=True, slots=True)
class EndSession:
    session_id: str


@dataclass(frozen=True, slots=True)
class HandOffSession:
    session_id: str
    hand_off: HandOff


@dataclass(frozen=True, slots=True)
class ResumeSession:
    session_id: str


@dataclass(frozen=True, slots=True)
class TimeOut:
    """The session's due_time has come. Texts that the provider got before `covered` have all been received."""

    covered: datetime | None = None


@dataclass(frozen=True, slots=True)
class Refusal:
    """The provider would not send a message, because the participant has opted out there."""

    message_id: str
    moment: datetime
    """When the send began, on the real clock."""


Result = Answer | Failure | Absence
Command = StartSession | SendMessage | RetryMessage | EndSession | HandOffSession | ResumeSession
Event = Receive | Confirm | Wake | Result | Command | TimeOut | Refusal


@dataclass(frozen=True, slots=True)
class Protocol:
    """The durations and counts of the turn protocol."""

    lease: timedelta = timedelta(seconds=20)
    attempts: int = 3
    away_limit: timedelta = timedelta(seconds=60)
    """How long an agent may be away before the fallback text is sent."""
    first_pause: timedelta = timedelta(milliseconds=250)
    """Before a second attempt; doubles for the third."""
    longest_pause: timedelta = timedelta(seconds=5)
    oldest_text: timedelta = timedelta(hours=24)
    """Texts that came longer ago are not answered any more."""
    skew: timedelta = timedelta(minutes=1)
    """How far ahead of ours another clock may be and be believed."""
    look_again: timedelta = timedelta(minutes=1)
    """After which a session is looked at again that could not be decided, where nothing else brings it up."""


@dataclass(frozen=True, slots=True)
class Context:
    """`now` is the database's time, read under the thread's lock: leases and pauses are kept by it."""

    now: datetime
    new_id: Callable[[], str]
    may_claim: bool = True
    """Whether this process can run another turn. If not, whoever can will find the turn waiting."""
    protocol: Protocol = Protocol()
    people_now: datetime | None = None
    """The time by which people's deadlines are kept: the same, but where a test moves it."""

    @property
    def people_time(self) -> datetime:
        return self.people_now or self.now
