"""The paths that the gateway serves."""

from __future__ import annotations

from starlette.routing import Route, Router

from parley_gateway.routes.health import Live, Ready
from parley_gateway.routes.webhooks import WebhookEndpoint


def router(receive: WebhookEndpoint, report: WebhookEndpoint, ready: Ready) -> Router:
    """Starlette's bare router: a path is matched exactly, or it is not found."""
    return Router(
        [
            Route("/twilio/sms", receive, methods=["POST"]),
            Route("/twilio/status/{delivery_id}", report, methods=["POST"]),
            Route("/twilio/sms/fallback", receive, methods=["POST"]),
            Route("/health/live", Live(), methods=["GET"]),
            Route("/health/ready", ready, methods=["GET"]),
        ],
        redirect_slashes=False,
    )
