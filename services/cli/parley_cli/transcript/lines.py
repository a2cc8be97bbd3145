"""A message or a session as one line of the terminal's markup."""

from __future__ import annotations

from rich.markup import escape

from parley_cli.stack.session_api import Message, Session, delivery_of, is_ended, is_inbound, kind_of, state_of

REPLY = "reply"


def line_of(message: Message) -> str:
    time = message.create_time.ToDatetime().strftime("%H:%M:%S")
    arrow = "▸" if is_inbound(message) else "[cyan]◂[/cyan]"
    pictures = f" [dim]+ {len(message.media_urls)} media[/dim]" if message.media_urls else ""
    fate = ", ".join(_inbound_fate(message) if is_inbound(message) else _outbound_fate(message))
    return f"[dim]{time}[/dim]  {arrow} {escape(message.text)}{pictures}" + (f" [dim]({fate})[/dim]" if fate else "")


def standing_of(session: Session) -> str:
    """How the session stands: `open`, `handed_off to desk: asked for a person`, `ended_by_agent at 12:00:01`."""
    standing = state_of(session)
    if is_ended(session):
        return f"{standing} at {session.end_time.ToDatetime():%H:%M:%S}"
    if standing == "handed_off":
        to = f" to {session.hand_off_destination}" if session.hand_off_destination else ""
        why = f": {session.hand_off_reason}" if session.hand_off_reason else ""
        return f"{standing}{to}{why}"
    return standing


def heading_of(session: Session) -> str:
    parties = f"{session.participant} with {session.agent} on {session.endpoint}"
    return f"[bold]{session.session_id}[/bold] [dim]{escape(parties)}[/dim] {escape(standing_of(session))}"


def _inbound_fate(message: Message) -> list[str]:
    return [f"ignored: {message.ignore_reason}"] if message.ignore_reason else []


def _outbound_fate(message: Message) -> list[str]:
    kind = kind_of(message)
    error = [f"error {message.delivery_error}"] if message.delivery_error else []
    return [*([kind] if kind not in ("", REPLY) else []), delivery_of(message), *error]
