"""Builds a simulator from its settings and runs it."""

from __future__ import annotations

import os
import random
import time
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager

from parley_simulator.adapters.hook_client import hook_client
from parley_simulator.adapters.listener import listening
from parley_simulator.domain.faults import FaultSchedule
from parley_simulator.domain.lifecycle import Pace
from parley_simulator.domain.stock import stocked
from parley_simulator.domain.world import Account, Limits, World
from parley_simulator.handlers.accept_outbound import AcceptOutbound
from parley_simulator.handlers.buy_number import BuyNumber
from parley_simulator.handlers.create_message import CreateMessage
from parley_simulator.handlers.decide_papers import DecidePapers
from parley_simulator.handlers.deliver_hook import DeliverHook, HookStyle
from parley_simulator.handlers.deliver_inbound import DeliverInbound
from parley_simulator.handlers.disturb_request import Interference
from parley_simulator.handlers.end_agent import EndAgent
from parley_simulator.handlers.hold_requests import Holds, Then
from parley_simulator.handlers.receive_text import ReceiveText
from parley_simulator.handlers.record_stations import RecordStations
from parley_simulator.handlers.release_number import ReleaseNumber
from parley_simulator.handlers.report_status import ReportStatus
from parley_simulator.handlers.skip_time import SkipTime
from parley_simulator.handlers.stock_inventory import StockInventory
from parley_simulator.handlers.watch_log import Watch
from parley_simulator.ports import HookClient
from parley_simulator.routes.api import Api
from parley_simulator.routes.available import AvailableRoutes
from parley_simulator.routes.control import control_plane
from parley_simulator.routes.messages import MessageRoutes
from parley_simulator.routes.numbers import NumberRoutes
from parley_simulator.routes.papers import PaperRoutes
from parley_simulator.routes.registrations import RegistrationRoutes
from parley_simulator.routes.services import ServiceRoutes
from parley_simulator.routes.table import table
from parley_simulator.settings import Settings
from parley_simulator.simulator import Simulator
from parley_simulator.workers.errands import BackgroundErrands
from parley_simulator.workers.lifecycle import Lifecycle


@asynccontextmanager
async def running(settings: Settings) -> AsyncIterator[Simulator]:
    """The simulator serves both listeners while the context is open; leaving it cuts what is still held."""
    async with AsyncExitStack() as stack:
        client = await stack.enter_async_context(
            hook_client(at_once=settings.webhook_connections, keep_alive=settings.webhook_keep_alive)
        )
        errands = BackgroundErrands()
        stack.push_async_callback(errands.close)
        parts = _Parts(settings, client, errands)
        errands.start(parts.lifecycle.run())
        simulator = parts.simulator
        simulator.api_url = await stack.enter_async_context(listening(parts.api, settings.listen))
        simulator.control_url = await stack.enter_async_context(
            listening(control_plane(simulator), settings.control_listen)
        )
        for number in settings.numbers:
            simulator.add_number(number.phone_number, sms_url=number.sms_url, sms_fallback_url=number.sms_fallback_url)
        try:
            yield simulator
        finally:
            simulator.close()
            parts.interference.close()
            parts.holds.clear(Then.CUT)


class _Parts:
    """What a simulator is made of, joined."""

    def __init__(self, settings: Settings, client: HookClient, errands: BackgroundErrands) -> None:
        world, watch = _world(settings), Watch()
        style = HookStyle(settings.sign_port, settings.token_per_attempt, settings.webhook_retry_pause)
        end_agent = EndAgent(watch)
        stations = RecordStations(world.journal, time.time, watch, end_agent)
        deliver = DeliverHook(world, time.time, _new_id, client, style, stations)
        self.lifecycle = Lifecycle(time.time, ReportStatus(world, time.time, deliver), errands, watch, world.journal)
        pace = Pace(settings.sent_delay, settings.delivered_delay)
        accept = AcceptOutbound(world, time.time, _new_id, pace, self.lifecycle, watch)
        deliver_inbound = DeliverInbound(world, _new_id, deliver, accept)
        receive = ReceiveText(world, time.time, _new_id, accept, deliver_inbound, errands, watch, stations)
        self.holds = Holds(watch)
        self.interference = Interference(world.faults, self.holds)
        create = CreateMessage(world, time.time, accept)
        messages = MessageRoutes(world, create, self.interference, stations)
        release = ReleaseNumber(world, watch)
        resources = (
            AvailableRoutes(world),
            NumberRoutes(world, time.time, BuyNumber(world, time.time, _new_id, watch), release),
            ServiceRoutes(world, time.time, _new_id),
            PaperRoutes(world, time.time, _new_id),
            RegistrationRoutes(world, time.time, _new_id),
        )
        self.api = Api(world, table(world, self.interference, messages, resources), time.time, _new_id, watch)
        skip_time = SkipTime(time.time, watch)
        self.simulator = Simulator(
            world,
            time.time,
            _new_id,
            watch,
            self.holds,
            receive,
            self.lifecycle,
            stations,
            skip_time,
            end_agent,
            StockInventory(world, watch),
            DecidePapers(world, time.time, _new_id, watch),
            release,
        )


def _world(settings: Settings) -> World:
    return World(
        Account(settings.account_sid, settings.auth_token, settings.api_keys),
        Limits(settings.concurrency, settings.segments_per_second, settings.queue_seconds),
        FaultSchedule(random.Random(settings.seed).random),
        inventory=stocked(settings.stock),
    )


def _new_id() -> str:
    """Not from the seed: a simulator that starts again must not give the sids of its former life."""
    return os.urandom(16).hex()
