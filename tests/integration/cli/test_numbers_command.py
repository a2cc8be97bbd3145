"""`parley numbers`, typed at a running stack: the register and Twilio's side of it, changed together."""

from __future__ import annotations

from typing import Any

import pytest

from tests.integration.cli.stacks import RunningStack

HERE = "/twilio/sms#rc=3"
ELSEWHERE = "https://elsewhere.example/sms"


def row_of(stack: RunningStack, number: str) -> list[str]:
    """The number's row in the list, without the number; empty where there is none."""
    rows = [line.split() for line in stack.said("numbers", "list").splitlines()]
    return next((row[1:] for row in rows if row[0] == number), [])


def owned(stack: RunningStack, number: str, **settings: Any) -> None:
    """Lets the account own the number, with these settings of Twilio's."""
    sid = stack.control("/numbers", phone_number=number)["sid"]
    if settings:
        stack.twilio(f"IncomingPhoneNumbers/{sid}.json", **settings)


def test_a_number_that_was_added_is_answered_at_once(stack: RunningStack, participant: str, number: str) -> None:
    assert f"{number} is answered by desk" in stack.said("numbers", "add", number, "--agent", "desk")
    assert row_of(stack, number) == ["desk", "provider", "its", "own", "on"]
    assert stack.said("text", "Hi", "--from", participant, "--to", number) == "◂ heard Hi\n"
    at_twilio = stack.number_at_twilio(number)
    assert at_twilio["sms_url"].startswith(f"{stack.addresses.public_url}{HERE}")
    assert at_twilio["sms_method"] == "POST"
    assert at_twilio["sms_fallback_url"].startswith(f"{stack.addresses.public_url}/twilio/sms/fallback#")


def test_keywords_and_scope_are_set_listed_and_kept(stack: RunningStack, number: str) -> None:
    options = ("--agent", "desk", "--keywords", "advanced", "--opt-out-scope", "MG1")
    stack.said("numbers", "add", number, *options)
    assert row_of(stack, number) == ["desk", "advanced", "MG1", "on"]
    stack.said("numbers", "add", number, "--agent", "desk")
    assert row_of(stack, number) == ["desk", "advanced", "MG1", "on"]
    stack.said("numbers", "add", number, "--agent", "desk", "--keywords", "none")
    assert row_of(stack, number) == ["desk", "none", "MG1", "on"]


def test_a_number_that_was_removed_is_called_for_by_nobody(stack: RunningStack, number: str) -> None:
    stack.said("numbers", "add", number, "--agent", "desk")
    assert f"{number} is forgotten" in stack.said("numbers", "remove", number)
    assert row_of(stack, number) == []
    assert stack.number_at_twilio(number)["sms_url"] == ""


def test_a_removed_number_that_leads_elsewhere_is_left_so(stack: RunningStack, number: str) -> None:
    owned(stack, number, SmsUrl=ELSEWHERE)
    assert "left as it is" in stack.said("numbers", "remove", number)
    assert stack.number_at_twilio(number)["sms_url"] == ELSEWHERE


def test_another_url_is_replaced_only_when_asked(stack: RunningStack, number: str) -> None:
    owned(stack, number, SmsUrl=ELSEWHERE)
    refused = stack.run("numbers", "add", number, "--agent", "desk", typed="n\n")
    assert refused.exit_code == 1
    assert ELSEWHERE in refused.output
    assert stack.number_at_twilio(number)["sms_url"] == ELSEWHERE
    assert row_of(stack, number) == []
    agreed = stack.run("numbers", "add", number, "--agent", "desk", typed="y\n")
    assert agreed.exit_code == 0
    assert HERE in stack.number_at_twilio(number)["sms_url"]


def test_with_yes_nothing_is_asked_and_what_was_there_is_shown(stack: RunningStack, number: str) -> None:
    application = "AP" + "0" * 32
    owned(stack, number, SmsUrl=ELSEWHERE, SmsApplicationSid=application)
    assert application in stack.said("numbers", "add", number, "--agent", "desk", "--yes")
    at_twilio = stack.number_at_twilio(number)
    assert HERE in at_twilio["sms_url"]
    assert at_twilio["sms_application_sid"] == ""


def test_a_number_in_a_messaging_service_shares_its_opt_outs(stack: RunningStack, number: str) -> None:
    owned(stack, number)
    service = stack.control("/services", friendly_name="pool", numbers=[number])["sid"]
    assert service in stack.said("numbers", "add", number, "--agent", "desk")
    assert row_of(stack, number) == ["desk", "provider", service, "on"]


def test_a_messaging_service_that_leads_elsewhere_is_told(stack: RunningStack, number: str) -> None:
    owned(stack, number)
    service = {"numbers": [number], "inbound_request_url": ELSEWHERE, "use_inbound_webhook_on_number": False}
    stack.control("/services", friendly_name="other", **service)
    done = stack.run("numbers", "add", number, "--agent", "desk")
    assert done.exit_code == 1
    assert "sends its texts elsewhere" in done.output


def test_an_agent_that_is_not_there_is_refused_with_those_that_are(stack: RunningStack, number: str) -> None:
    done = stack.run("numbers", "add", number, "--agent", "nobody")
    assert done.exit_code == 1
    assert f"'nobody': in {stack.addresses.agents} there is desk" in done.output
    assert row_of(stack, number) == []


@pytest.mark.parametrize("number", ["5550100", "nonsense", "+1 555 010 0100"])
def test_a_number_that_is_none_is_refused(stack: RunningStack, number: str) -> None:
    for arguments in (("add", number, "--agent", "desk"), ("remove", number)):
        done = stack.run("numbers", *arguments)
        assert done.exit_code == 2
        assert "E.164" in done.output


def test_keywords_that_are_none_are_refused(stack: RunningStack, number: str) -> None:
    assert stack.run("numbers", "add", number, "--agent", "desk", "--keywords", "some").exit_code == 2
