"""Brings a participant's text to the number's webhook, else to its fallback, and does what the answer says."""

from __future__ import annotations

from parley_simulator.domain.answers import Answer, read_answer
from parley_simulator.domain.creation import Draft
from parley_simulator.domain.hooks import Attempt
from parley_simulator.domain.messages import OUTBOUND_REPLY, Message
from parley_simulator.domain.messaging_services import Webhook
from parley_simulator.domain.opt_outs import UNSUBSCRIBED
from parley_simulator.domain.world import World
from parley_simulator.handlers.accept_outbound import AcceptOutbound
from parley_simulator.handlers.deliver_hook import DeliverHook, Hook
from parley_simulator.ports import Ids

DELIVERED, FALLBACK, LOST = "delivered", "fallback", "lost"
GEO_FIELDS = tuple(f"{side}{part}" for side in ("From", "To") for part in ("City", "State", "Zip", "Country"))


class DeliverInbound:
    def __init__(self, world: World, ids: Ids, deliver: DeliverHook, accept: AcceptOutbound) -> None:
        self._world = world
        self._ids = ids
        self._deliver = deliver
        self._accept = accept

    async def __call__(self, webhook: Webhook, message: Message) -> str:
        """DELIVERED, FALLBACK or LOST: then it is only in the log."""
        params, token = self._params(message), self._ids()
        error = await self._call(Hook("inbound", message.sid, webhook.url, params, webhook.method, token), message)
        if error is None:
            return DELIVERED
        if not webhook.fallback_url:
            return LOST
        params += [("ErrorCode", str(error)), ("ErrorUrl", webhook.url.partition("#")[0])]
        fallback = Hook("fallback", message.sid, webhook.fallback_url, params, webhook.fallback_method, token)
        return FALLBACK if await self._call(fallback, message) is None else LOST

    async def _call(self, hook: Hook, message: Message) -> int | None:
        """The error code for which the next URL is asked, if any."""
        attempt: Attempt = await self._deliver(hook)
        if attempt.failure is not None:
            return attempt.alert_code
        answer = read_answer(attempt.content_type, attempt.body)
        for code in (answer.error, answer.warning):
            if code is not None:
                self._deliver.alert(code, message.sid)
        self._reply(answer, message)
        return answer.error

    def _reply(self, answer: Answer, message: Message) -> None:
        if not answer.replies:
            return
        block = self._world.opt_outs.block(message.to, message.from_)
        if block is not None and not block.late:
            self._deliver.alert(UNSUBSCRIBED, message.sid)
            return
        code = block.code if block is not None else None
        for reply in answer.replies:
            draft = Draft(message.to, message.from_, reply, (), "", code, message.service_sid)
            self._accept(draft, direction=OUTBOUND_REPLY)

    def _params(self, message: Message) -> list[tuple[str, str]]:
        """What Twilio sends; the fields that it knows only sometimes are blank, and signed all the same."""
        params = [
            ("AccountSid", self._world.account.sid),
            ("ApiVersion", "2010-04-01"),
            ("Body", message.body),
            ("From", message.from_),
            ("MessageSid", message.sid),
            ("NumMedia", str(len(message.media))),
            ("NumSegments", str(message.segments)),
            ("SmsMessageSid", message.sid),
            ("SmsSid", message.sid),
            ("SmsStatus", "received"),
            ("To", message.to),
            *((name, "") for name in GEO_FIELDS),
        ]
        if message.service_sid:
            params.append(("MessagingServiceSid", message.service_sid))
        if message.opt_out_type:
            params.append(("OptOutType", message.opt_out_type))
        for position, media in enumerate(message.media):
            params.append((f"MediaUrl{position}", media.url))
            params.append((f"MediaContentType{position}", media.content_type))
        return params
