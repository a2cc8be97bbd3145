"""`python -m parley_notifier`: the notifier as a process of its own; with `migrate`, its schema and no more."""

from __future__ import annotations

import asyncio
import sys

from parley_chassis.lifecycle import serve
from parley_chassis.settings import load
from parley_notifier.app import migrate_database, running
from parley_notifier.settings import Settings


def main() -> None:
    if sys.argv[1:] == ["migrate"]:
        asyncio.run(migrate_database(load(Settings)))
    else:
        serve(Settings, running)


if __name__ == "__main__":
    main()
