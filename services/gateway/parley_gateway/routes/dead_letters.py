"""/v1/dead-letters: messages that did not reach their participants, and what people decide about them."""

from __future__ import annotations

from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Query, Response

from parley_gateway.domain.records import PageRequest
from parley_gateway.handlers.list_records import ListRecords
from parley_gateway.handlers.settle_dead_letter import SettleDeadLetter
from parley_gateway.routes import models
from parley_gateway.routes.admission import Admitted, ReadRoute, SendRoute

TAG = "Dead letters"


class DeadLetterRoutes:
    def __init__(self, listed: ListRecords, settle: SettleDeadLetter) -> None:
        self._list = listed
        self._settle = settle

    def add_to(self, router: APIRouter) -> None:
        router.add_api_route(
            "/dead-letters",
            self.list_dead_letters,
            response_model=models.DeadLetters,
            summary="List what did not reach its participant, the latest first",
            tags=[TAG],
            route_class_override=ReadRoute,
            methods=["GET"],
        )
        router.add_api_route(
            "/dead-letters/{message_id}/retry",
            self.retry_dead_letter,
            response_model=models.Sent,
            summary="Send it again, as a new message",
            tags=[TAG],
            status_code=202,
            route_class_override=SendRoute,
            methods=["POST"],
        )
        router.add_api_route(
            "/dead-letters/{message_id}/drop",
            self.drop_dead_letter,
            summary="Settle it without sending it",
            tags=[TAG],
            status_code=204,
            response_class=Response,
            route_class_override=SendRoute,
            methods=["POST"],
        )

    async def list_dead_letters(
        self, caller: Admitted, query: Annotated[models.PageQuery, Query()]
    ) -> models.DeadLetters:
        """Failed, undelivered, expired and held messages, until somebody has retried or dropped them."""
        page = await self._list.dead_letters(caller, PageRequest(query.page_size, query.page_token))
        letters = [models.DeadLetter.model_validate(letter) for letter in page.items]
        return models.DeadLetters(dead_letters=letters, next_page_token=page.next_token)

    async def retry_dead_letter(
        self, caller: Admitted, message_id: UUID, body: models.Nothing | None = None
    ) -> models.Sent:
        """In the open session, or in one that it opens. Retrying again gives the same message."""
        return models.Sent(message_id=await self._settle.retry(caller, str(message_id)))

    async def drop_dead_letter(
        self, caller: Admitted, message_id: UUID, body: models.Nothing | None = None
    ) -> Response:
        """Dropping it again changes nothing."""
        await self._settle.drop(caller, str(message_id))
        return Response(status_code=204)
