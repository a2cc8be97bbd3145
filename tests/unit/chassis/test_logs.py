"""Log lines: JSON with names and places, and never what an exception or somebody else's line quotes."""

import asyncio
import json
import logging
from collections.abc import Callable, Iterator
from datetime import datetime
from typing import Any

import psycopg
import pytest
from hypothesis import given
from hypothesis import strategies as st

from parley_chassis.logs import QUIET, JsonFormatter, Pseudonyms, configure
from parley_chassis.settings import ProcessSettings

NUMBER = "+15550123456"


@pytest.fixture
def restored_logging() -> Iterator[None]:
    """Gives back what `configure` sets for the whole process."""
    root = logging.getLogger()
    handlers, level, raises = root.handlers[:], root.level, logging.raiseExceptions
    levels = {name: logging.getLogger(name).level for name in QUIET}
    yield
    root.handlers[:], logging.raiseExceptions = handlers, raises
    root.setLevel(level)
    for name, before in levels.items():
        logging.getLogger(name).setLevel(before)


def line(
    name: str, message: str, *arguments: object, error: BaseException | None = None, **extra: Any
) -> dict[str, Any]:
    """The line that a record becomes."""
    information = (type(error), error, error.__traceback__) if error else None
    record = logging.getLogger(name).makeRecord(
        name, logging.INFO, "file.py", 1, message, arguments, information, extra=extra
    )
    text = JsonFormatter().format(record)
    assert "\n" not in text
    written: dict[str, Any] = json.loads(text)
    return written


def raised(act: Callable[[], None]) -> Exception:
    try:
        act()
    except Exception as error:
        return error
    raise AssertionError("nothing was raised")


def test_a_line_has_its_time_in_utc_its_event_and_its_fields() -> None:
    written = line("parley_session.app", "turn_committed", turn_id="t-1", items=3)
    assert datetime.fromisoformat(written.pop("time")).utcoffset() is not None
    assert written == {
        "level": "INFO",
        "logger": "parley_session.app",
        "event": "turn_committed",
        "turn_id": "t-1",
        "items": 3,
    }


def test_a_field_does_not_take_the_place_of_a_standard_one() -> None:
    written = line("parley", "event", level="x", time="x", at="x")
    assert written["level"] == "INFO"
    assert written["time"] != "x"
    assert "at" not in written


def test_a_line_break_stays_inside_its_line() -> None:
    assert line("parley", "event", text="a\nb\u2028c")["text"] == "a\nb\u2028c"


def test_of_an_exception_the_class_and_the_place_are_written_and_never_the_text() -> None:
    def fail() -> None:
        raise ValueError(f"no session for {NUMBER}")

    written = line("parley", "failed", error=raised(fail))
    assert written["error"] == "ValueError"
    assert written["at"][-1].endswith(" fail")
    assert NUMBER not in json.dumps(written)


def test_causes_are_named_by_their_classes() -> None:
    def fail() -> None:
        try:
            int(NUMBER + "x")
        except ValueError as error:
            raise KeyError(NUMBER) from error

    def suppress() -> None:
        try:
            int("x")
        except ValueError:
            raise KeyError(NUMBER) from None

    assert line("parley", "failed", error=raised(fail))["error"] == "KeyError < ValueError"
    assert line("parley", "failed", error=raised(suppress))["error"] == "KeyError"


def test_the_members_of_a_group_are_named() -> None:
    group = ExceptionGroup(NUMBER, [ValueError(NUMBER), OSError()])
    assert line("parley", "failed", error=group)["error"] == "ExceptionGroup[ValueError, OSError]"


def test_exceptions_that_cause_each_other_end() -> None:
    first, second = ValueError(), KeyError()
    first.__cause__, second.__cause__ = second, first
    assert line("parley", "failed", error=first)["error"].startswith("ValueError < KeyError < ")


def test_what_a_foreign_line_fills_in_is_left_out() -> None:
    text = "error ignored terminating %r: %s"
    written = line("psycopg", text, "pipeline", psycopg.errors.UniqueViolation(f"Key (number)=({NUMBER})"))
    assert written["event"] == text


def test_a_foreign_line_that_is_no_text_is_written() -> None:
    assert line("grpc", ValueError("x"))["event"] == "x"  # type: ignore[arg-type]


async def test_the_loops_own_reports_repeat_nothing(restored_logging: None, capfd: pytest.CaptureFixture[str]) -> None:
    configure(ProcessSettings())

    async def fail() -> None:
        raise ValueError(NUMBER)

    def fail_with(_argument: str) -> None:
        raise ValueError(NUMBER)

    failing = asyncio.create_task(fail())
    await asyncio.wait({failing})
    del failing  # "Task exception was never retrieved"
    asyncio.get_running_loop().call_soon(fail_with, NUMBER)
    await asyncio.sleep(0)
    await asyncio.sleep(0)
    lines = [json.loads(text) for text in capfd.readouterr().err.splitlines()]
    first, second = sorted(written["event"] for written in lines)
    assert first.startswith("Exception in callback")
    assert second == "Task exception was never retrieved"
    assert {written["error"] for written in lines} == {"ValueError"}
    assert NUMBER not in json.dumps(lines)


def test_configured_logs_are_json_on_standard_error(restored_logging: None, capfd: pytest.CaptureFixture[str]) -> None:
    configure(ProcessSettings(log_level="WARNING"))
    configure(ProcessSettings(log_level="WARNING"))  # a second time changes nothing
    logging.getLogger("parley_x").info("unseen")
    logging.getLogger("parley_x").warning("seen")
    captured = capfd.readouterr()
    assert captured.out == ""
    assert [json.loads(text)["event"] for text in captured.err.splitlines()] == ["seen"]


@pytest.mark.parametrize("name", ["psycopg.pool", "aiohttp.access", "twilio.http_client", "uvicorn.access", "alembic"])
def test_a_library_that_writes_a_line_for_each_call_is_quiet(
    restored_logging: None, capfd: pytest.CaptureFixture[str], name: str
) -> None:
    configure(ProcessSettings(log_level="DEBUG"))
    logging.getLogger(name).info("connection requested")
    assert capfd.readouterr().err == ""


def test_a_line_that_cannot_be_formatted_is_not_printed_either(
    restored_logging: None, capfd: pytest.CaptureFixture[str]
) -> None:
    configure(ProcessSettings())
    logging.getLogger("parley_x").warning("event %d", NUMBER)
    assert NUMBER not in capfd.readouterr().err


def test_fields_of_any_kind_can_be_written() -> None:
    assert line("parley", "event", value={1, 2}.__class__, keys={b"a": 1})["value"] == "<class 'set'>"


def test_a_number_has_the_same_name_under_the_same_key_only() -> None:
    assert Pseudonyms("key")(NUMBER) == Pseudonyms("key")(NUMBER)
    assert Pseudonyms("key")(NUMBER) != Pseudonyms("other")(NUMBER)
    assert Pseudonyms()(NUMBER) != Pseudonyms()(NUMBER)


@given(st.integers(1_000_000, 999_999_999_999_999))
def test_a_name_shows_the_last_two_digits_and_no_more(digits: int) -> None:
    number = f"+{digits}"
    name = Pseudonyms("key")(number)
    prefix, digest, last = name.split("-")
    assert (prefix, len(digest), last) == ("p", 8, number[-2:])
    assert number[:-2] not in name
