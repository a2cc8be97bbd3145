"""/v1/sessions and /v1/numbers: what was said, by whom and what became of it; and people who step in."""

from __future__ import annotations

from collections.abc import Callable
from typing import Annotated, Any
from uuid import UUID

from fastapi import APIRouter, Query

from parley_gateway.domain.records import PageRequest
from parley_gateway.handlers.change_session import ChangeSession
from parley_gateway.handlers.find_session import FindSession
from parley_gateway.handlers.list_records import ListRecords
from parley_gateway.handlers.send_message import SendMessage
from parley_gateway.routes import models
from parley_gateway.routes.admission import Admitted, ReadRoute, SendRoute
from parley_gateway.routes.outbound import IdempotencyKey

AnyPage = Annotated[models.PageQuery, Query()]


class SessionRoutes:
    def __init__(self, find: FindSession, change: ChangeSession, send: SendMessage, listed: ListRecords) -> None:
        self._find = find
        self._change = change
        self._send = send
        self._list = listed

    def add_to(self, router: APIRouter) -> None:
        def reads(path: str, endpoint: Callable[..., Any], model: type[Any], summary: str, tag: str) -> None:
            router.add_api_route(
                path,
                endpoint,
                response_model=model,
                summary=summary,
                tags=[tag],
                route_class_override=ReadRoute,
                methods=["GET"],
            )

        def changes(path: str, endpoint: Callable[..., Any], model: type[Any], summary: str, status: int = 200) -> None:
            router.add_api_route(
                path,
                endpoint,
                response_model=model,
                summary=summary,
                tags=["Sessions"],
                status_code=status,
                route_class_override=SendRoute,
                methods=["POST"],
            )

        one = "/sessions/{session_id}"
        reads("/sessions", self.list_sessions, models.Sessions, "List sessions, newest first", "Sessions")
        reads(one, self.get_session, models.Session, "Look at a session", "Sessions")
        reads(
            f"{one}/messages",
            self.list_messages,
            models.Messages,
            "List its messages, oldest first",
            "Sessions",
        )
        changes(f"{one}/messages", self.send_message, models.Sent, "Write in a session, as a person", 202)
        changes(f"{one}/end", self.end_session, models.Session, "End a session")
        changes(f"{one}/hand-off", self.hand_off_session, models.Session, "Leave a session to people")
        changes(f"{one}/resume", self.resume_session, models.Session, "Give a session back to its agent")
        reads("/numbers", self.list_numbers, models.Numbers, "List our numbers", "Numbers")

    async def list_sessions(self, caller: Admitted, query: Annotated[models.SessionsQuery, Query()]) -> models.Sessions:
        page = await self._list.sessions(caller, _page(query), query.participant, query.endpoint)
        sessions = [models.Session.model_validate(session) for session in page.items]
        return models.Sessions(sessions=sessions, next_page_token=page.next_token)

    async def get_session(self, caller: Admitted, session_id: UUID) -> models.Session:
        return models.Session.model_validate(await self._find(caller, str(session_id)))

    async def list_messages(self, caller: Admitted, session_id: UUID, query: AnyPage) -> models.Messages:
        page = await self._list.messages(caller, str(session_id), _page(query))
        messages = [models.Message.model_validate(message) for message in page.items]
        return models.Messages(messages=messages, next_page_token=page.next_token)

    async def send_message(
        self, caller: Admitted, session_id: UUID, body: models.PersonMessage, idempotency_key: IdempotencyKey = None
    ) -> models.Sent:
        """The agent is not told; pause it first with hand-off."""
        message_id = await self._send(
            caller, str(session_id), body.text, idempotency_key or "", at_most_once=body.at_most_once
        )
        return models.Sent(message_id=message_id)

    async def end_session(
        self, caller: Admitted, session_id: UUID, body: models.Nothing | None = None
    ) -> models.Session:
        """Ending an ended session changes nothing."""
        return models.Session.model_validate(await self._change.end(caller, str(session_id)))

    async def hand_off_session(
        self, caller: Admitted, session_id: UUID, body: models.HandOff | None = None
    ) -> models.Session:
        """The agent is not called until the session is resumed or has ended."""
        wanted = body or models.HandOff()
        session = await self._change.hand_off(caller, str(session_id), wanted.destination, wanted.reason)
        return models.Session.model_validate(session)

    async def resume_session(
        self, caller: Admitted, session_id: UUID, body: models.Nothing | None = None
    ) -> models.Session:
        """The agent answers from the participant's next text on."""
        return models.Session.model_validate(await self._change.resume(caller, str(session_id)))

    async def list_numbers(self, caller: Admitted, query: AnyPage) -> models.Numbers:
        page = await self._list.numbers(caller, _page(query))
        numbers = [models.Number.model_validate(number) for number in page.items]
        return models.Numbers(numbers=numbers, next_page_token=page.next_token)


def _page(query: models.PageQuery) -> PageRequest:
    return PageRequest(query.page_size, query.page_token)
