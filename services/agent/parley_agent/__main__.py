"""Starts the agent service: `python -m parley_agent`."""

from parley_agent.app import running
from parley_agent.settings import Settings
from parley_chassis.lifecycle import serve

if __name__ == "__main__":
    serve(Settings, running)
