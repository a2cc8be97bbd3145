"""Chats with an agent in a terminal, over Parley's public gRPC API and nothing else.

Each line is sent with ReceiveMessages; WatchSession brings what is said in the session. Both are repeated when the
service is away: a line under its own source_id, so that it counts once, and the watch behind its last cursor.
"""

from __future__ import annotations

import argparse
import os
import sys
import threading
import time
import uuid
from collections.abc import Iterator

import grpc

from parley.channel.v1.channel_pb2 import CHANNEL_WEB_CHAT
from parley.session.v1.session_pb2 import InboundMessage, Message, ReceiveResult, Session
from parley.session.v1.session_service_pb2 import (
    EndSessionRequest,
    ListSessionsRequest,
    ReceiveMessagesRequest,
    WatchSessionRequest,
)
from parley.session.v1.session_service_pb2_grpc import SessionServiceStub

TIMEOUT = 10.0
PAUSE = 0.3
PASSING = (grpc.StatusCode.UNAVAILABLE, grpc.StatusCode.DEADLINE_EXCEEDED)


class Chat:
    """One visitor's conversation with one agent."""

    def __init__(self, sessions: SessionServiceStub, agent: str, visitor: str, key: str) -> None:
        self.sessions = sessions
        self.agent = agent
        self.visitor = visitor
        self.metadata = (("authorization", f"Bearer {key}"),) if key else ()
        self.shown = 0
        """Position of the last message that was printed: a watch that is continued may repeat some."""

    def send(self, text: str) -> None:
        message = InboundMessage(
            channel=CHANNEL_WEB_CHAT,
            endpoint=self.agent,
            participant=self.visitor,
            source_id=str(uuid.uuid4()),
            text=text,
        )
        request = ReceiveMessagesRequest(messages=[message])
        while True:
            try:
                result = self.sessions.ReceiveMessages(request, timeout=TIMEOUT, metadata=self.metadata).results[0]
            except grpc.RpcError as error:
                if error.code() not in PASSING:
                    raise
            else:
                if result.outcome == ReceiveResult.OUTCOME_UNKNOWN_NUMBER:
                    sys.exit(f"no agent is called {self.agent}, or it is away")
                if result.outcome != ReceiveResult.OUTCOME_FAILED:
                    return
            time.sleep(PAUSE)

    def newest(self) -> Session | None:
        request = ListSessionsRequest(page_size=1, participant=self.visitor, endpoint=self.agent)
        found = self.sessions.ListSessions(request, timeout=TIMEOUT, metadata=self.metadata).sessions
        return found[0] if found else None

    def follow(self) -> None:
        """Prints one session after the other, for as long as the program runs."""
        session_id = cursor = ""
        while True:
            try:
                session = self.newest()
                if session and session.session_id != session_id:
                    session_id, cursor = session.session_id, ""
                if session_id and cursor != "over":
                    for cursor in self.watch(session_id, cursor):  # noqa: B007, where to go on if the stream breaks
                        pass
                    cursor = "over"
            except grpc.RpcError as error:
                if error.code() not in PASSING:
                    raise
            time.sleep(PAUSE)

    def watch(self, session_id: str, cursor: str) -> Iterator[str]:
        """Prints what is told; yields the place to continue from."""
        request = WatchSessionRequest(session_id=session_id, cursor=cursor)
        for told in self.sessions.WatchSession(request, metadata=self.metadata):
            if told.HasField("session"):
                if told.session.state == Session.STATE_ENDED:
                    print("-- the session has ended", flush=True)
            elif told.message.position > self.shown:
                self.shown = told.message.position
                if told.message.direction == Message.DIRECTION_OUTBOUND:
                    print(f"{self.agent}: {told.message.text}", flush=True)
            yield told.cursor

    def leave(self) -> None:
        session = self.newest()
        if session:
            request = EndSessionRequest(session_id=session.session_id)
            self.sessions.EndSession(request, timeout=TIMEOUT, metadata=self.metadata)


def main() -> None:
    parser = argparse.ArgumentParser(description="Chat with a Parley agent.")
    parser.add_argument("--address", required=True, help="host:port of the session service")
    parser.add_argument("--agent", required=True, help="the agent's name")
    parser.add_argument("--visitor", default=str(uuid.uuid4()), help="who you are, to come back to a session")
    options = parser.parse_args()
    with grpc.insecure_channel(options.address) as channel:
        key = os.environ.get("PARLEY_API_KEY", "")
        chat = Chat(SessionServiceStub(channel), options.agent, options.visitor, key)
        threading.Thread(target=chat.follow, daemon=True).start()
        for line in sys.stdin:
            if line.strip():
                chat.send(line.strip())
        chat.leave()


if __name__ == "__main__":
    main()
