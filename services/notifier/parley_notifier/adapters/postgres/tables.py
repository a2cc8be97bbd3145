"""The tables of the schema `notifier`, as SQLAlchemy describes them. Migrations create them."""

from __future__ import annotations

from sqlalchemy import (
    BigInteger,
    Boolean,
    Column,
    DateTime,
    Double,
    Integer,
    MetaData,
    SmallInteger,
    Table,
    Text,
    Uuid,
)

metadata = MetaData(schema="notifier")
Time = DateTime(timezone=True)
Id = Uuid(as_uuid=False)

lanes = Table(
    "lanes",
    metadata,
    Column("thread_id", Id, primary_key=True),
    Column("sender", Text(collation="C"), nullable=False),
    Column("participant", Text(collation="C"), nullable=False),
    Column("next_seq", BigInteger, nullable=False),
    Column("in_flight", BigInteger),
    Column("wake_time", Time),
    Column("opt_out_scope", Text(collation="C"), nullable=False),
)

deliveries = Table(
    "deliveries",
    metadata,
    Column("id", Id, primary_key=True),
    Column("thread_id", Id, nullable=False),
    Column("seq", BigInteger, nullable=False),
    Column("text", Text, nullable=False),
    Column("segments", SmallInteger, nullable=False),
    Column("state", Text, nullable=False),
    Column("canceled", Boolean, nullable=False),
    Column("attempt", Integer, nullable=False),
    Column("owner", Text(collation="C"), nullable=False),
    Column("started_time", Time),
    Column("due_time", Time),
    Column("absent_time", Time),
    Column("sid", Text(collation="C"), nullable=False),
    Column("status", Text, nullable=False),
    Column("error_code", Integer, nullable=False),
    Column("traceparent", Text, nullable=False),
    Column("create_time", Time, nullable=False),
    Column("at_most_once", Boolean, nullable=False),
    Column("expire_time", Time),
    Column("paced", Boolean, nullable=False),
)

senders = Table(
    "senders",
    metadata,
    Column("sender", Text(collation="C"), primary_key=True),
    Column("sending_paused", Boolean, nullable=False),
    Column("segments_per_second", Double, nullable=False),
    Column("update_time", Time, nullable=False),
    Column("paused_until", Time),
    Column("next_time", Time),
)

attempts = Table(
    "attempts",
    metadata,
    Column("delivery_id", Id, primary_key=True),
    Column("attempt", Integer, primary_key=True),
    Column("started_time", Time, nullable=False),
    Column("finished_time", Time, nullable=False),
    Column("outcome", Text, nullable=False),
    Column("http_status", SmallInteger, nullable=False),
    Column("error_code", Integer, nullable=False),
    Column("sid", Text(collation="C"), nullable=False),
    Column("request_id", Text(collation="C"), nullable=False),
)

reports = Table(
    "reports",
    metadata,
    Column("message_sid", Text(collation="C"), primary_key=True),
    Column("status", Text(collation="C"), primary_key=True),
    Column("delivery_id", Id, nullable=False),
    Column("error_code", Integer, nullable=False),
    Column("receive_time", Time, nullable=False),
)

unrecorded = Table(
    "unrecorded",
    metadata,
    Column("delivery_id", Id, primary_key=True),
    Column("times", Integer, nullable=False),
)

opt_outs = Table(
    "opt_outs",
    metadata,
    Column("scope", Text(collation="C"), primary_key=True),
    Column("participant", Text(collation="C"), primary_key=True),
    Column("opted_out", Boolean, nullable=False),
    Column("event_time", Time, nullable=False),
)

coverage = Table(
    "coverage",
    metadata,
    Column("account_sid", Text(collation="C"), primary_key=True),
    Column("start_time", Time, nullable=False),
    Column("listed_time", Time, nullable=False),
    Column("owner", Text(collation="C"), nullable=False),
    Column("lease_until", Time, nullable=False),
)

polls = Table(
    "polls",
    metadata,
    Column("age_seconds", Double, primary_key=True),
    Column("polled_id", Id),
    Column("owner", Text(collation="C"), nullable=False),
    Column("lease_until", Time, nullable=False),
)

gate = Table(
    "gate",
    metadata,
    Column("sole", Boolean, primary_key=True, server_default="true"),
    Column("closed", Boolean, nullable=False),
    Column("reason", Text, nullable=False),
    Column("recovering", Boolean, nullable=False),
    Column("change_time", Time, nullable=False),
    Column("identity", Text, nullable=False),
    Column("server_start", Time, nullable=False),
    Column("beat_time", Time, nullable=False),
    Column("lost_since", Time),
    Column("recover_time", Time),
    Column("outbound_covered", Boolean, nullable=False),
)

orphans = Table(
    "orphans",
    metadata,
    Column("sid", Text(collation="C"), primary_key=True),
    Column("sender", Text(collation="C"), nullable=False),
    Column("participant", Text(collation="C"), nullable=False),
    Column("text", Text, nullable=False),
    Column("create_time", Time, nullable=False),
    Column("delivery_id", Id),
)
