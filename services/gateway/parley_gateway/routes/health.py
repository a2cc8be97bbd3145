"""Whether the process lives and whether to send it webhooks.

Ready means serving and not stopping. That the session service is there is not asked: a webhook that cannot be stored
is answered 503, which Twilio repeats, while a gateway taken out of service would not be reached at all.
"""

from __future__ import annotations

from starlette.types import Receive, Scope, Send

from parley_gateway.routes.answers import Answer

ALIVE = Answer(200, '{"status":"ok"}', "application/json")
STOPPING = Answer(503, '{"status":"stopping"}', "application/json")


class Live:
    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        await ALIVE.send(send)


class Ready:
    def __init__(self) -> None:
        self._stopping = False

    def stop(self) -> None:
        self._stopping = True

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        await (STOPPING if self._stopping else ALIVE).send(send)
