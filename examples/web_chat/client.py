"""Chats with an agent in a terminal, over Parley's public gRPC API and nothing else.

Each line is sent with ReceiveMessages; WatchSession brings what is said. While the service is away both are repeated:
a line under its own source_id, so that it counts once, and the watch behind its last cursor, so that it misses nothing.
"""

import argparse
import os
import sys
import threading
import time
import uuid
from collections.abc import Callable
from typing import Any

import grpc

from parley.channel.v1.channel_pb2 import CHANNEL_WEB_CHAT
from parley.session.v1 import session_service_pb2 as api
from parley.session.v1.session_pb2 import InboundMessage, Message, ReceiveResult, Session
from parley.session.v1.session_service_pb2_grpc import SessionServiceStub

TIMEOUT, PAUSE = 10.0, 0.25
PASSING = (grpc.StatusCode.UNAVAILABLE, grpc.StatusCode.DEADLINE_EXCEEDED)


class Chat:
    def __init__(self, channel: grpc.Channel, agent: str, visitor: str, key: str) -> None:
        self.sessions = SessionServiceStub(channel)
        self.agent = agent
        self.visitor = visitor
        self.metadata = (("authorization", f"Bearer {key}"),) if key else ()
        self.answered = threading.Event()
        self.leaving = False
        self.shown = 0  # position of the last message shown: a watch that is continued may repeat some

    def send(self, text: str) -> None:
        self.answered.clear()
        message = InboundMessage(channel=CHANNEL_WEB_CHAT, endpoint=self.agent, participant=self.visitor)
        message.source_id, message.text = str(uuid.uuid4()), text
        request = api.ReceiveMessagesRequest(messages=[message])
        outcome = self.call(self.sessions.ReceiveMessages, request).results[0].outcome
        if outcome not in (ReceiveResult.OUTCOME_ACCEPTED, ReceiveResult.OUTCOME_DUPLICATE):
            print(f"-- not taken: {ReceiveResult.Outcome.Name(outcome)}", flush=True)
            self.answered.set()

    def follow(self) -> None:
        """Shows one session after the other."""
        watched = ""
        while not self.leaving:
            session_id = self.newest()
            if session_id == watched:
                time.sleep(PAUSE)
            else:
                watched = session_id
                self.watch(session_id)

    def newest(self) -> str:
        request = api.ListSessionsRequest(page_size=1, participant=self.visitor, endpoint=self.agent)
        return "".join(session.session_id for session in self.call(self.sessions.ListSessions, request).sessions)

    def watch(self, session_id: str) -> None:
        """Shows what is said until the session has ended."""
        cursor = ""
        while True:
            request = api.WatchSessionRequest(session_id=session_id, cursor=cursor)
            try:
                for told in self.sessions.WatchSession(request, metadata=self.metadata):
                    self.show(told)
                    cursor = told.cursor
                return
            except grpc.RpcError as error:
                wait_or_raise(error)

    def show(self, told: api.WatchSessionResponse) -> None:
        if told.HasField("session"):
            if told.session.state == Session.STATE_ENDED:
                print("-- the session has ended", flush=True)
        elif told.message.position > self.shown:
            self.shown = told.message.position
            if told.message.direction == Message.DIRECTION_OUTBOUND:
                print(f"{self.agent}: {told.message.text}", flush=True)
                self.answered.set()

    def call(self, method: Callable[..., Any], request: Any) -> Any:
        """Repeats a call that changes nothing when it is repeated, until it is answered."""
        while True:
            try:
                return method(request, timeout=TIMEOUT, metadata=self.metadata)
            except grpc.RpcError as error:
                wait_or_raise(error)


def wait_or_raise(error: grpc.RpcError) -> None:
    if not (isinstance(error, grpc.Call) and error.code() in PASSING):
        raise error
    time.sleep(PAUSE)


def main() -> None:
    parser = argparse.ArgumentParser(description="Chat with a Parley agent. PARLEY_API_KEY is presented if it is set.")
    parser.add_argument("--address", required=True, help="host:port of the session service")
    parser.add_argument("--agent", required=True, help="the agent's name")
    parser.add_argument("--visitor", default=str(uuid.uuid4()), help="who you are, to come back to a session")
    options = parser.parse_args()
    with grpc.insecure_channel(options.address) as channel:
        chat = Chat(channel, options.agent, options.visitor, os.environ.get("PARLEY_API_KEY", ""))
        shower = threading.Thread(target=chat.follow, daemon=True)
        shower.start()
        for line in filter(None, map(str.strip, sys.stdin)):
            chat.send(line)
        chat.answered.wait(TIMEOUT)
        chat.leaving = True
        if session_id := chat.newest():
            chat.call(chat.sessions.EndSession, api.EndSessionRequest(session_id=session_id))
        shower.join(TIMEOUT)


if __name__ == "__main__":
    main()
