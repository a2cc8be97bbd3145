"""The kill switch: spec.sending reaches the session service past every queue, also while a resource is worked on."""

from __future__ import annotations

import logging

from parley_operator.domain.resource import Resource
from parley_operator.errors import Refused
from parley_operator.handlers.observe_register import ObservedRegister

log = logging.getLogger(__name__)


class SwitchSending:
    """Acts on a change that the watch tells of. What it cannot do, the next reconciliation does."""

    def __init__(self, register: ObservedRegister) -> None:
        self._register = register

    async def __call__(self, before: Resource | None, now: Resource) -> None:
        is_turned = before is not None and before.spec.sending != now.spec.sending
        # Stopping is done for a paused resource too: whoever throws this switch means it.
        may_act = not now.spec.sending or not now.spec.paused
        if not (is_turned and may_act and now.status.phone_number) or now.deleting:
            return
        names = {"namespace": now.namespace, "resource": now.name, "sending": now.spec.sending}
        try:
            await self._register.switch_sending(now.status.phone_number, sending=now.spec.sending)
        except Refused as refused:
            log.warning("sending_not_switched", extra={**names, "reason": refused.failure.reason})
        else:
            log.info("sending_switched", extra=names)
