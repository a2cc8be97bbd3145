"""The paths that the gateway serves."""

from __future__ import annotations

from starlette.routing import Route, Router
from starlette.types import ASGIApp

from parley_gateway.routes.health import Live, Ready
from parley_gateway.routes.webhooks import WebhookEndpoint


def router(receive: WebhookEndpoint, report: WebhookEndpoint, ready: Ready, api: ASGIApp) -> Router:
    """Starlette's bare router: a path is matched exactly, or it is for `api` to find."""
    return Router(
        [
            Route("/twilio/sms", receive, methods=["POST"]),
            Route("/twilio/status/{delivery_id}", report, methods=["POST"]),
            Route("/twilio/sms/fallback", receive, methods=["POST"]),
            Route("/health/live", Live(), methods=["GET"]),
            Route("/health/ready", ready, methods=["GET"]),
        ],
        redirect_slashes=False,
        default=api,
    )
