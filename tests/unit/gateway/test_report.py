"""The status callback's fields."""

import pytest

from parley_gateway.domain.refusals import Malformed
from parley_gateway.domain.report import Report, parse_report

ID = "018f3c1e-0000-7000-8000-000000000001"
SID = "SM" + "0" * 32
FIELDS = {"MessageSid": SID, "MessageStatus": "delivered", "AccountSid": "AC" + "0" * 32}


def parsed(**changes: str) -> Report:
    return parse_report([*{**FIELDS, **changes}.items()], ID, 7)


def test_a_report_is_read_whole() -> None:
    assert parsed(ErrorCode="30003", MessageStatus="undelivered") == Report(ID, SID, "undelivered", 30003, 7)


@pytest.mark.parametrize("status", ["queued", "sent", "partially_delivered", "some-new-status"])
def test_statuses_are_passed_on_as_they_are(status: str) -> None:
    assert parsed(MessageStatus=status).status == status


def test_no_error_is_zero() -> None:
    assert parsed().error_code == parsed(ErrorCode="").error_code == 0


@pytest.mark.parametrize(
    ("changes", "problem"),
    [
        ({"MessageSid": "SM1"}, "MessageSid"),
        ({"MessageStatus": ""}, "MessageStatus"),
        ({"MessageStatus": "Delivered"}, "MessageStatus"),
        ({"MessageStatus": "a" * 33}, "MessageStatus"),
        ({"MessageStatus": "sent\n"}, "MessageStatus"),
        ({"ErrorCode": "none"}, "ErrorCode"),
        ({"ErrorCode": "1" * 10}, "ErrorCode"),
        ({"ErrorCode": "²"}, "ErrorCode"),
    ],
)
def test_other_fields_are_refused(changes: dict[str, str], problem: str) -> None:
    with pytest.raises(Malformed, match=problem):
        parsed(**changes)


@pytest.mark.parametrize("name", ["MessageSid", "MessageStatus"])
def test_a_missing_field_is_named(name: str) -> None:
    with pytest.raises(Malformed, match=f"{name}: is missing"):
        parse_report([pair for pair in FIELDS.items() if pair[0] != name], ID, 7)


@pytest.mark.parametrize("name", ["AccountSid", "MessageSid", "MessageStatus", "ErrorCode"])
def test_a_field_that_is_used_may_come_once(name: str) -> None:
    with pytest.raises(Malformed, match=f"{name}: comes more than once"):
        parse_report([*FIELDS.items(), (name, "1"), (name, "1")], ID, 7)
