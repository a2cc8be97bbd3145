"""Ids are UUIDs of version 7: unique, and in the order of time to the millisecond."""

from __future__ import annotations

import time
from uuid import RFC_4122, UUID

from parley_session.adapters.ids import new_id


def test_an_id_is_a_uuid_of_version_7_that_knows_its_time() -> None:
    before = time.time_ns() // 1_000_000
    identity = UUID(new_id())
    after = time.time_ns() // 1_000_000
    assert (identity.version, identity.variant) == (7, RFC_4122)
    assert before <= identity.int >> 80 <= after


def test_ids_do_not_repeat() -> None:
    assert len({new_id() for _ in range(10_000)}) == 10_000
