"""What can go wrong inside the simulator besides the refusals that Twilio itself would answer."""

from __future__ import annotations


class ConnectionCut(Exception):
    """The connection of this request is to be closed without an answer."""


class BadRequestError(Exception):
    """A request to the control plane that cannot be done; the text names the field and the fix."""
