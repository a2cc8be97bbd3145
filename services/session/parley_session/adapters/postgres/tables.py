"""The tables as SQLAlchemy describes them, for the statements that people wait for. Migrations create them."""

from __future__ import annotations

from sqlalchemy import (
    BigInteger,
    Boolean,
    Column,
    DateTime,
    Double,
    Integer,
    Interval,
    LargeBinary,
    MetaData,
    SmallInteger,
    Table,
    Text,
    Uuid,
)
from sqlalchemy.dialects.postgresql import ARRAY, JSONB

metadata = MetaData(schema="session")
Time = DateTime(timezone=True)
Id = Uuid(as_uuid=False)

numbers = Table(
    "numbers",
    metadata,
    Column("number", Text(collation="C"), primary_key=True),
    Column("agent", Text, nullable=False),
    Column("create_time", Time, nullable=False),
    Column("update_time", Time, nullable=False),
    Column("settings", JSONB, nullable=False),
    Column("keywords", SmallInteger, nullable=False),
    Column("opt_out_scope", Text(collation="C"), nullable=False),
    Column("sending_paused", Boolean, nullable=False),
    Column("ingest_from", Time, nullable=False),
    Column("segments_per_second", Double, nullable=False),
)

agents = Table(
    "agents",
    metadata,
    Column("name", Text(collation="C"), primary_key=True),
    Column("version", Text, nullable=False),
    Column("settings", JSONB, nullable=False),
    Column("describe_time", Time, nullable=False),
)

threads = Table(
    "threads",
    metadata,
    Column("id", Id, primary_key=True),
    Column("channel", SmallInteger, nullable=False),
    Column("endpoint", Text(collation="C"), nullable=False),
    Column("participant", Text(collation="C"), nullable=False),
    Column("session_id", Id),
    Column("last_position", BigInteger, nullable=False),
    Column("last_inbound", BigInteger, nullable=False),
    Column("taken", BigInteger, nullable=False),
    Column("last_seq", BigInteger, nullable=False),
    Column("active_time", Time),
    Column("create_time", Time, nullable=False),
    Column("endings", SmallInteger, nullable=False),
    Column("pace", Text, nullable=False),
)

sessions = Table(
    "sessions",
    metadata,
    Column("id", Id, primary_key=True),
    Column("thread_id", Id, nullable=False),
    Column("agent", Text, nullable=False),
    Column("settings", JSONB, nullable=False),
    Column("first_position", BigInteger, nullable=False),
    Column("started", Boolean, nullable=False),
    Column("state", Text, nullable=False),
    Column("end_reason", SmallInteger),
    Column("open_time", Time, nullable=False),
    Column("end_time", Time),
    Column("due_time", Time),
    Column("outbound", Boolean, nullable=False),
    Column("engaged", Boolean, nullable=False),
    Column("handed_off", Boolean, nullable=False),
    Column("hand_off_destination", Text, nullable=False),
    Column("hand_off_reason", Text, nullable=False),
    Column("warning_id", Id),
    Column("grace_end", Time),
    Column("awaits_coverage", Boolean, nullable=False),
    Column("end_owed", Boolean, nullable=False),
)

turns = Table(
    "turns",
    metadata,
    Column("id", Id, primary_key=True),
    Column("thread_id", Id, nullable=False),
    Column("session_id", Id, nullable=False),
    Column("kind", SmallInteger, nullable=False),
    Column("open", Boolean, nullable=False),
    Column("claimed", Boolean, nullable=False),
    Column("fence", Integer, nullable=False),
    Column("attempt", Integer, nullable=False),
    Column("first_position", BigInteger, nullable=False),
    Column("last_position", BigInteger, nullable=False),
    Column("wake_time", Time, nullable=False),
    Column("away_since", Time),
    Column("outcome", SmallInteger),
    Column("traceparent", Text, nullable=False),
    Column("create_time", Time, nullable=False),
    Column("commit_time", Time),
)

messages = Table(
    "messages",
    metadata,
    Column("id", Id, primary_key=True),
    Column("thread_id", Id, nullable=False),
    Column("session_id", Id),
    Column("turn_id", Id),
    Column("position", BigInteger, nullable=False),
    Column("direction", SmallInteger, nullable=False),
    Column("text", Text, nullable=False),
    Column("media_urls", JSONB),
    Column("seq", BigInteger, nullable=False),
    Column("delivery_state", SmallInteger, nullable=False),
    Column("delivery_error", Integer, nullable=False),
    Column("source_id", Text),
    Column("ignore_reason", Text, nullable=False),
    Column("traceparent", Text, nullable=False),
    Column("create_time", Time, nullable=False),
    Column("kind", SmallInteger, nullable=False),
)

sources = Table(
    "sources",
    metadata,
    Column("source_id", Text(collation="C"), primary_key=True),
    Column("message_id", Id, nullable=False),
    Column("create_time", Time, nullable=False),
)

outbox = Table(
    "outbox",
    metadata,
    Column("message_id", Id, primary_key=True),
    Column("next_submit_time", Time, nullable=False),
    Column("submits", Integer, nullable=False),
    Column("canceled", Boolean, nullable=False),
    Column("at_most_once", Boolean, nullable=False),
    Column("expire_time", Time),
)

dead_letters = Table(
    "dead_letters",
    metadata,
    Column("message_id", Id, primary_key=True),
    Column("thread_id", Id, nullable=False),
    Column("session_id", Id),
    Column("create_time", Time, nullable=False),
    Column("settle_time", Time),
    Column("retry_id", Id),
)

clock = Table(
    "clock",
    metadata,
    Column("sole", Boolean, primary_key=True, server_default="true"),
    Column("ahead", Interval, nullable=False),
)

opt_outs = Table(
    "opt_outs",
    metadata,
    Column("scope", Text(collation="C"), primary_key=True),
    Column("participant", Text(collation="C"), primary_key=True),
    Column("stop_time", Time),
    Column("stop_source", Text, nullable=False),
    Column("start_time", Time),
    Column("start_source", Text, nullable=False),
    Column("next_submit_time", Time),
)

requests = Table(
    "requests",
    metadata,
    Column("id", Text(collation="C"), primary_key=True),
    Column("fingerprint", Text, nullable=False),
    Column("session_id", Id, nullable=False),
    Column("message_id", Id, nullable=False),
    Column("create_time", Time, nullable=False),
)

keys = Table(
    "keys",
    metadata,
    Column("id", Id, primary_key=True),
    Column("name", Text, nullable=False),
    Column("digest", LargeBinary, nullable=False),
    Column("agents", ARRAY(Text), nullable=False),
    Column("scopes", ARRAY(SmallInteger), nullable=False),
    Column("create_time", Time, nullable=False),
    Column("expire_time", Time),
    Column("revoke_time", Time),
)
