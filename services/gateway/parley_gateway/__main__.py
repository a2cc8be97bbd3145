"""`python -m parley_gateway`: the gateway as a process of its own."""

from __future__ import annotations

from parley_chassis.lifecycle import serve
from parley_gateway.app import running
from parley_gateway.settings import Settings

if __name__ == "__main__":
    serve(Settings, running)
