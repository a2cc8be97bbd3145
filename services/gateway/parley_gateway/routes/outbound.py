"""POST /v1/outbound-sms, as clients of PolyAI's endpoint know it."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Header

from parley_gateway.domain.api_fields import IDEMPOTENCY_KEY
from parley_gateway.domain.records import OutboundText
from parley_gateway.handlers.start_session import StartSession
from parley_gateway.routes import models
from parley_gateway.routes.admission import Admitted, SendRoute

IdempotencyKey = Annotated[
    str | None,
    Header(
        alias="Idempotency-Key",
        pattern=IDEMPOTENCY_KEY,
        description="A request that is made again with the same one changes nothing and is answered alike.",
    ),
]
AgentName = Annotated[
    str | None,
    Header(alias="X-TOKEN-ID", description="The agent. May be left out with a key that is for exactly one."),
]


class OutboundRoutes:
    def __init__(self, start: StartSession) -> None:
        self._start = start

    def add_to(self, router: APIRouter) -> None:
        router.add_api_route(
            "/outbound-sms",
            self.send_outbound_sms,
            methods=["POST"],
            status_code=202,
            response_model=models.Started,
            summary="Text somebody, and open a session",
            tags=["Texts"],
            route_class_override=SendRoute,
        )

    async def send_outbound_sms(
        self,
        caller: Admitted,
        body: models.OutboundSms,
        agent: AgentName = None,
        idempotency_key: IdempotencyKey = None,
    ) -> models.Started:
        """The text is the first of a new session; the agent is called when the participant replies."""
        outbound = OutboundText(
            agent or caller.only_agent, body.user_number, body.message, body.agent_number or "", body.at_most_once
        )
        started = await self._start(caller, outbound, idempotency_key or "")
        return models.Started(session_id=started.session_id, message_id=started.message_id)
