"""Takes up changes of the mounted Twilio accounts, and has the resources that use them worked on at once."""

from __future__ import annotations

import logging

from parley_operator.domain.known import KnownResources
from parley_operator.handlers.see_resource import Ask
from parley_operator.ports import Accounts

log = logging.getLogger(__name__)

INTERVAL = 2.0
"""Seconds between two looks at the files."""


class ReloadAccounts:
    def __init__(self, accounts: Accounts, known: KnownResources, ask: Ask) -> None:
        self._accounts = accounts
        self._known = known
        self._ask = ask

    async def __call__(self) -> bool:
        changed = self._accounts.reload()
        for name in changed:
            log.info("account_reloaded", extra={"account": name})
        for key in self._known.keys() if changed else ():
            resource = self._known.get(key)
            if resource is not None and resource.spec.account in changed:
                self._ask(key)
        return False
