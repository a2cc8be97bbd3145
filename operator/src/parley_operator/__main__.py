"""`python -m parley_operator`: the operator as a process of its own. Its settings: parley_operator.settings."""

from __future__ import annotations

from parley_chassis.lifecycle import serve
from parley_operator.app import running
from parley_operator.settings import Settings


def main() -> None:
    serve(Settings, running)


if __name__ == "__main__":
    main()
