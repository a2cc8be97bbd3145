"""`parley doctor`: a tick where all is well, and where something is broken a cross with what to do."""

from __future__ import annotations

import dataclasses
import re
from pathlib import Path
from typing import Any

import pytest

from parley_cli.stack.stack_file import StackAddresses
from tests.integration.cli.stacks import RunningStack


def findings(output: str) -> dict[str, tuple[str, str]]:
    """(sign, text with the advice) by name."""
    found: dict[str, tuple[str, str]] = {}
    name = ""
    for line in output.splitlines():
        if match := re.match(r"([✓✗–])  (.+?)  +(\S.*)", line):
            name = match[2]
            found[name] = match[1], match[3].rstrip()
        else:
            found[name] = found[name][0], f"{found[name][1]} {line.strip()}"
    return found


def examined(stack: RunningStack, *, healthy: bool) -> dict[str, tuple[str, str]]:
    done = stack.run("doctor")
    assert done.exit_code == (0 if healthy else 1), done.output
    return findings(done.output)


@pytest.fixture
def altered(stack: RunningStack, tmp_path: Path) -> Any:
    """The stack as a file describes it that is wrong in one thing."""

    def alter(**addresses: str) -> RunningStack:
        file = tmp_path / "stack.json"
        changed: StackAddresses = dataclasses.replace(stack.addresses, **addresses)
        file.write_text(changed.to_json())
        return RunningStack(changed, file)

    return alter


@pytest.fixture(autouse=True)
def only_the_stacks_own_number(stack: RunningStack) -> None:
    """Numbers of other tests may be in any state."""
    for line in stack.said("numbers", "list").splitlines()[1:]:
        if (number := line.split()[0]) != stack.addresses.number:
            stack.said("numbers", "remove", number)


def test_a_stack_that_has_just_started_is_well(stack: RunningStack) -> None:
    found = examined(stack, healthy=True)
    assert {sign for sign, _ in found.values()} <= {"✓", "–"}
    services = ["session", "agent", "notifier", "gateway"]
    rest = ["public URL", "database", "clock, database", "migrations", "credentials", "clock, Twilio"]
    assert list(found) == [*services, *rest, stack.addresses.number]
    assert found[stack.addresses.number] == ("✓", "answered by desk; its webhooks lead here")


@pytest.mark.parametrize("service", ["session", "agent", "notifier"])
def test_a_service_that_is_away_is_found(altered: Any, service: str) -> None:
    sign, advice = examined(altered(**{service: "127.0.0.1:1"}), healthy=False)[service]
    assert sign == "✗"
    assert "parley up" in advice


def test_a_gateway_that_is_away_is_found(altered: Any) -> None:
    assert examined(altered(gateway="http://127.0.0.1:1"), healthy=False)["gateway"][0] == "✗"


def test_a_public_url_that_leads_nowhere_is_found(altered: Any) -> None:
    found = examined(altered(public_url="http://127.0.0.1:1"), healthy=False)
    assert found["public URL"][0] == "✗"
    assert "tunnel" in found["public URL"][1]


def test_a_public_url_that_leads_to_something_else_is_found(stack: RunningStack, altered: Any) -> None:
    sign, advice = examined(altered(public_url=stack.addresses.control), healthy=False)["public URL"]
    assert sign == "✗"
    assert "not as a gateway" in advice


def test_wrong_credentials_are_found_and_hide_the_numbers(altered: Any) -> None:
    found = examined(altered(auth_token="wrong"), healthy=False)
    assert found["credentials"][0] == "✗"
    assert "console.twilio.com" in found["credentials"][1]
    assert found["numbers"][0] == "–"


def test_a_twilio_that_is_away_is_found(altered: Any) -> None:
    sign, advice = examined(altered(twilio="http://127.0.0.1:1"), healthy=False)["credentials"]
    assert sign == "✗"
    assert "does not answer" in advice


def test_a_database_that_is_not_migrated_is_found(stack: RunningStack, altered: Any) -> None:
    empty = stack.addresses.database_url.replace("/parley?", "/postgres?")
    found = examined(altered(database_url=empty), healthy=False)
    assert found["database"][0] == "✓"
    assert found["migrations"][0] == "✗"


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("SmsUrl", "https://elsewhere.example/sms"),
        ("SmsMethod", "GET"),
        ("SmsFallbackUrl", "https://elsewhere.example/sms"),
        ("SmsApplicationSid", "AP" + "0" * 32),
    ],
)
def test_a_number_whose_texts_go_elsewhere_is_found(stack: RunningStack, number: str, field: str, value: str) -> None:
    stack.said("numbers", "add", number, "--agent", "desk")
    sid = stack.number_at_twilio(number)["sid"]
    stack.twilio(f"IncomingPhoneNumbers/{sid}.json", **{field: value})
    sign, advice = examined(stack, healthy=False)[number]
    assert (sign, advice.startswith(f"{field}: ")) == ("✗", True)
    assert f"`parley numbers add {number} --agent desk`" in advice
    stack.said("numbers", "add", number, "--agent", "desk", "--yes")
    assert examined(stack, healthy=True)[number][0] == "✓"


def test_a_messaging_service_that_takes_the_texts_is_found(stack: RunningStack, number: str) -> None:
    stack.said("numbers", "add", number, "--agent", "desk")
    elsewhere = {"inbound_request_url": "https://elsewhere.example/sms", "use_inbound_webhook_on_number": False}
    service = stack.control("/services", friendly_name="pool", numbers=[number], **elsewhere)["sid"]
    sign, advice = examined(stack, healthy=False)[number]
    assert (sign, service in advice, "elsewhere" in advice) == ("✗", True, True)


def test_opt_outs_that_only_twilio_shares_are_found(stack: RunningStack, number: str) -> None:
    stack.said("numbers", "add", number, "--agent", "desk")
    service = stack.control("/services", friendly_name="pool", numbers=[number])["sid"]
    sign, advice = examined(stack, healthy=False)[number]
    assert (sign, f"--opt-out-scope {service}" in advice) == ("✗", True)
