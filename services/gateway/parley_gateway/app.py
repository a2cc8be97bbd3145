"""Puts the gateway together and runs it: HTTP server, batches to the services behind, loops."""

from __future__ import annotations

import logging
import socket
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, replace
from typing import Any

from starlette.types import ASGIApp

from parley_chassis.batcher import Batcher, log_sizes
from parley_chassis.lifecycle import loop_running
from parley_chassis.logs import Pseudonyms
from parley_chassis.settings import SettingsError
from parley_chassis.telemetry import Telemetry
from parley_gateway.adapters.accounts import FixedAccounts, MountedAccounts
from parley_gateway.adapters.http_protocol import RequestLimits
from parley_gateway.adapters.http_server import bind, serving
from parley_gateway.adapters.intake import IntakeLimits
from parley_gateway.adapters.key_client import GrpcKeys
from parley_gateway.adapters.notifier_client import GrpcDeliveries
from parley_gateway.adapters.session_api_client import GrpcSessionApi
from parley_gateway.adapters.session_client import GrpcSessions
from parley_gateway.domain.tally import Tally
from parley_gateway.handlers.admit_caller import AdmitCaller
from parley_gateway.handlers.change_session import ChangeSession
from parley_gateway.handlers.find_session import FindSession
from parley_gateway.handlers.list_records import ListRecords
from parley_gateway.handlers.open_webhook import OpenWebhook
from parley_gateway.handlers.receive_webhook import ReceiveWebhook
from parley_gateway.handlers.report_delivery import ReportDelivery
from parley_gateway.handlers.send_message import SendMessage
from parley_gateway.handlers.settle_dead_letter import SettleDeadLetter
from parley_gateway.handlers.start_session import StartSession
from parley_gateway.ports import Accounts
from parley_gateway.routes import router
from parley_gateway.routes.answers import REPORTED, STORED
from parley_gateway.routes.api import ApiRoutes, api
from parley_gateway.routes.dead_letters import DeadLetterRoutes
from parley_gateway.routes.health import Ready
from parley_gateway.routes.outbound import OutboundRoutes
from parley_gateway.routes.sessions import SessionRoutes
from parley_gateway.routes.webhooks import WebhookEndpoint
from parley_gateway.settings import Settings
from parley_gateway.workers import log_refusals, reload_accounts

log = logging.getLogger(__name__)

# One flush at a time keeps the texts of a participant in the order of their arrival, and fills the batches best.
FLIGHTS = 1
BATCH = 200


@dataclass(frozen=True, slots=True)
class Gateway:
    """A running gateway. `url` is where it listens, `public_url` where Twilio is told to call.

    `tally` counts webhooks, `api_tally` calls of the HTTP API.
    """

    url: str
    public_url: str
    tally: Tally
    api_tally: Tally
    batchers: dict[str, Batcher[Any, Any]]

    @property
    def stats(self) -> dict[str, Any]:
        """Of webhooks: answers by status, refusals by reason, (items, flushes) by batcher."""
        return {
            "answers": dict(self.tally.answers),
            "refusals": dict(self.tally.refusals),
            "batches": {name: (batcher.items, batcher.batches) for name, batcher in self.batchers.items()},
        }


@asynccontextmanager
async def running(settings: Settings, telemetry: Telemetry | None = None) -> AsyncIterator[Gateway]:
    """Runs the gateway until left; then takes no more webhooks, answers those under way, and flushes what was taken.

    Raises SettingsError when it cannot listen or cannot read the accounts.
    """
    async with AsyncExitStack() as stack:
        if telemetry is None:
            telemetry = Telemetry("gateway", settings.process)
            stack.callback(telemetry.close)
        tally = await _tally("webhooks_refused", stack)
        accounts = await _accounts(settings, stack)
        limits = IntakeLimits(settings.answer_timeout, settings.waiting_limit, BATCH, FLIGHTS, settings.text_queue)
        sessions = GrpcSessions(
            settings.session_address, settings.process, timeout=settings.call_timeout, limits=limits
        )
        stack.push_async_callback(sessions.close)
        deliveries = GrpcDeliveries(
            settings.notifier_address,
            settings.process,
            timeout=settings.call_timeout,
            limits=replace(limits, queue=settings.report_queue),
        )
        stack.push_async_callback(deliveries.close)
        api_tally = await _tally("api_calls_refused", stack)
        http_api = _http_api(settings, telemetry, api_tally, stack)

        bound = stack.enter_context(bind(settings.listen))
        url = _url(bound)
        public_url = settings.public_url or url
        open_webhook = OpenWebhook(public_url, accounts, settings.field_limit)
        receive = ReceiveWebhook(open_webhook, sessions, telemetry, Pseudonyms(settings.process.log_key))
        ready = Ready()
        webhooks = _webhooks(settings, receive, ReportDelivery(open_webhook, deliveries), tally)
        app = router(*webhooks, ready, http_api)
        requests = RequestLimits(settings.head_limit, settings.receive_timeout, settings.idle_timeout)
        drain = settings.receive_timeout + settings.answer_timeout
        await stack.enter_async_context(serving(app, bound, requests, drain))
        stack.callback(ready.stop)
        log.info("gateway_listening", extra={"url": url, "public_url": public_url})
        batchers: dict[str, Batcher[Any, Any]] = {"receive": sessions.batcher, "report": deliveries.batcher}
        stack.callback(log_sizes, batchers)
        yield Gateway(url, public_url, tally, api_tally, batchers)


async def _accounts(settings: Settings, stack: AsyncExitStack) -> Accounts:
    if settings.twilio_accounts_file is None:
        return FixedAccounts(settings.twilio_accounts)
    try:
        mounted = MountedAccounts(settings.twilio_accounts_file)
    except (OSError, ValueError) as error:
        problem = error.strerror if isinstance(error, OSError) else error
        raise SettingsError([f"PARLEY_GATEWAY_TWILIO_ACCOUNTS_FILE: {problem}"]) from None
    reload = reload_accounts.ReloadAccounts(mounted)
    await stack.enter_async_context(loop_running("reload_accounts", reload, interval=reload_accounts.INTERVAL))
    return mounted


async def _tally(event: str, stack: AsyncExitStack) -> Tally:
    """A tally whose refusals the log is told of as `event`."""
    tally = Tally()
    log_tally = log_refusals.LogRefusals(tally, event)
    await stack.enter_async_context(loop_running(event, log_tally, interval=log_refusals.INTERVAL))
    return tally


def _webhooks(
    settings: Settings, receive: ReceiveWebhook, report: ReportDelivery, tally: Tally
) -> tuple[WebhookEndpoint, WebhookEndpoint]:
    return (
        WebhookEndpoint(receive, STORED, settings.body_limit, tally),
        WebhookEndpoint(report, REPORTED, settings.body_limit, tally),
    )


def _http_api(settings: Settings, telemetry: Telemetry, tally: Tally, stack: AsyncExitStack) -> ASGIApp:
    """With channels of its own: what happens to its calls is no matter of the webhooks'."""
    addresses, process, timeout = settings.session_address, settings.process, settings.api_timeout
    sessions = GrpcSessionApi(addresses, process, timeout=timeout)
    stack.push_async_callback(sessions.close)
    keys = GrpcKeys(addresses, process, timeout=timeout)
    stack.push_async_callback(keys.close)
    admit = AdmitCaller(keys, settings.requests_per_second)
    stack.push_async_callback(admit.close)
    find = FindSession(sessions)
    listed = ListRecords(sessions, sessions, find)
    routes = ApiRoutes(
        OutboundRoutes(StartSession(sessions, telemetry)),
        SessionRoutes(find, ChangeSession(sessions, find), SendMessage(sessions, find, telemetry), listed),
        DeadLetterRoutes(listed, SettleDeadLetter(sessions)),
    )
    return api(admit, routes, settings.body_limit, tally)


def _url(bound: socket.socket) -> str:
    """Where this machine reaches the socket."""
    host, port = bound.getsockname()[:2]
    if host in ("0.0.0.0", "::"):  # noqa: S104
        host = "localhost"
    return f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"
