"""Takes up changes of the accounts file, so that auth tokens are replaced without a restart."""

from __future__ import annotations

import logging

from parley_gateway.ports import AccountsFile

log = logging.getLogger(__name__)

INTERVAL = 2.0
"""Seconds between two looks at the file."""


class ReloadAccounts:
    """A file that cannot be used changes nothing: what was read last stays in force."""

    def __init__(self, file: AccountsFile) -> None:
        self._file = file

    async def __call__(self) -> bool:
        try:
            if self._file.reload():
                log.info("accounts_reloaded")
        except (OSError, ValueError) as error:
            # The text of a ValueError names an entry by its place; of an OSError only its kind is told.
            problem = str(error) if isinstance(error, ValueError) else type(error).__name__
            log.error("accounts_not_reloaded", extra={"problem": problem})
        return False
