"""The JSON of the HTTP API: what may be sent, and what is answered. Fields that are not here are refused."""

from __future__ import annotations

from typing import Annotated

from pydantic import AwareDatetime, BaseModel, ConfigDict, Field

from parley_gateway.domain.api_fields import (
    E164,
    MAX_DESTINATION,
    MAX_ID,
    MAX_PAGE,
    MAX_REASON,
    MAX_TEXT,
    NO_NUL,
    NOT_BLANK,
)

Text = Annotated[str, Field(min_length=1, max_length=MAX_TEXT, pattern=NOT_BLANK)]
AtMostOnce = Annotated[
    bool,
    Field(
        description="Rather not sent at all than perhaps twice: where nobody can tell what became of a first attempt, "
        "the text is held and becomes a dead letter."
    ),
]
Filter = Annotated[str, Field(max_length=MAX_ID, pattern=r"^[^\x00 ]*$")]


class _Request(BaseModel):
    model_config = ConfigDict(extra="forbid", hide_input_in_errors=True)


class _Answer(BaseModel):
    model_config = ConfigDict(from_attributes=True)


class OutboundSms(_Request):
    user_number: Annotated[str, Field(pattern=E164, description="Whom to text, in E.164.", examples=["+15550123"])]
    message: Annotated[Text, Field(description="Opens a new session; the agent answers the reply.")]
    agent_number: Annotated[str, Field(pattern=E164)] | None = Field(
        default=None,
        description="The number to send from, one of the agent's. Without it: the one that the participant was last "
        "in touch with, else one of their country, else any.",
    )
    at_most_once: AtMostOnce = False


class PersonMessage(_Request):
    text: Text
    at_most_once: AtMostOnce = False


class HandOff(_Request):
    destination: Annotated[str, Field(max_length=MAX_DESTINATION, pattern=NO_NUL)] = ""
    reason: Annotated[str, Field(max_length=MAX_REASON, pattern=NO_NUL)] = ""


class Nothing(_Request):
    """An empty object, or no body at all."""


class PageQuery(BaseModel):
    model_config = ConfigDict(extra="forbid", hide_input_in_errors=True)

    page_size: int = Field(default=50, ge=1, le=MAX_PAGE)
    page_token: str = Field(
        default="", max_length=MAX_ID, pattern=NO_NUL, description="The last answer's next_page_token."
    )


class SessionsQuery(PageQuery):
    participant: Filter = Field(default="", description="Only the sessions of this participant: %2B15550123.")
    endpoint: Filter = Field(default="", description="Only the sessions of this number of ours.")


class Started(_Answer):
    session_id: str
    message_id: str


class Sent(_Answer):
    message_id: str


class Session(_Answer):
    session_id: str
    thread_id: str = Field(description="The pair of our number and theirs.")
    channel: str
    endpoint: str = Field(description="Our number.")
    participant: str = Field(description="Their number.")
    agent: str
    state: str = Field(description="open, ended or handed_off.")
    end_reason: str | None = Field(
        description="ended_by_agent, superseded, inactive, unanswered, opted_out, ended_by_request or loop."
    )
    open_time: AwareDatetime
    end_time: AwareDatetime | None
    outbound: bool = Field(description="Whether a text of ours opened it.")
    engaged: bool = Field(description="Whether the participant has written in it.")
    hand_off_destination: str | None
    hand_off_reason: str | None


class Message(_Answer):
    message_id: str
    session_id: str
    thread_id: str
    position: int = Field(description="Place in the thread: 1, 2, 3, ...")
    direction: str = Field(description="inbound or outbound.")
    kind: str | None = Field(description="Of an outbound one: reply, fallback, opening, warning, closing or person.")
    text: str
    media_urls: tuple[str, ...]
    create_time: AwareDatetime
    seq: int | None = Field(description="Place among the thread's outbound messages.")
    delivery_state: str | None = Field(
        description="Of an outbound one: pending, unknown, accepted, sent, delivered, failed, undelivered, suppressed, "
        "canceled, expired or held."
    )
    delivery_error: int | None = Field(description="The provider's error code.")
    ignore_reason: str | None = Field(
        description="Why an inbound one was stored and not given to the agent: stop, start, help, opted_out, "
        "handed_off, text_limit, repeat_limit, turn_limit, own_number, no_reply_path or too_old."
    )


class DeadLetter(_Answer):
    message: Message = Field(description="Its delivery_state and delivery_error say what became of it.")
    endpoint: str = Field(description="Our number.")
    participant: str = Field(description="Their number.")
    agent: str


class Number(_Answer):
    number: str
    agent: str
    keywords: str = Field(description="Who takes STOP, START and HELP for what they are: provider, advanced or none.")
    opt_out_scope: str | None
    sending_paused: bool
    ingest_from: AwareDatetime | None
    segments_per_second: float | None = Field(description="Null: as many as the provider takes.")
    create_time: AwareDatetime
    update_time: AwareDatetime


NextPageToken = Annotated[str, Field(description="Empty on the last page; a page before it may be short.")]


class Sessions(_Answer):
    sessions: list[Session]
    next_page_token: NextPageToken


class Messages(_Answer):
    messages: list[Message]
    next_page_token: NextPageToken


class Numbers(_Answer):
    numbers: list[Number]
    next_page_token: NextPageToken


class DeadLetters(_Answer):
    dead_letters: list[DeadLetter]
    next_page_token: NextPageToken


class Problem(_Answer):
    detail: str = Field(description="What is wrong, and what to do.")
