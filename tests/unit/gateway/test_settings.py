"""The gateway's settings: what it starts with, and what it refuses to start with."""

import re
from pathlib import Path

import pytest

from parley_chassis.settings import ProcessSettings, SettingsError, load
from parley_gateway.settings import Settings

ACCOUNT = "AC" + "1" * 32
GOOD = {
    "PUBLIC_URL": "https://sms.example.com",
    "SESSION_ADDRESS": "session-0:50051, session-1:50051",
    "NOTIFIER_ADDRESS": "notifier:50051",
    "TWILIO_ACCOUNTS": f"{ACCOUNT}=secret-one|secret-two",
}


@pytest.fixture(autouse=True)
def environment(monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in GOOD.items():
        monkeypatch.setenv(f"PARLEY_GATEWAY_{name}", value)


def problems(monkeypatch: pytest.MonkeyPatch, **changes: str | None) -> str:
    for name, value in changes.items():
        if value is None:
            monkeypatch.delenv(f"PARLEY_GATEWAY_{name}")
        else:
            monkeypatch.setenv(f"PARLEY_GATEWAY_{name}", value)
    with pytest.raises(SettingsError) as caught:
        load(Settings)
    assert "secret" not in str(caught.value)
    return str(caught.value)


def test_a_whole_environment_is_read() -> None:
    settings = load(Settings)
    assert settings.session_address == ("session-0:50051", "session-1:50051")
    assert settings.twilio_accounts == {ACCOUNT: (b"secret-one", b"secret-two")}
    assert "secret" not in repr(settings)


def test_without_an_account_there_is_no_gateway(monkeypatch: pytest.MonkeyPatch) -> None:
    assert "PARLEY_GATEWAY_TWILIO_ACCOUNTS: set it" in problems(monkeypatch, TWILIO_ACCOUNTS=None)


def test_development_is_no_excuse_for_no_account(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PARLEY_INSECURE_DEV", "1")
    assert "PARLEY_GATEWAY_TWILIO_ACCOUNTS: set it" in problems(monkeypatch, TWILIO_ACCOUNTS=None)


def test_accounts_come_from_one_place(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    assert "one of them" in problems(monkeypatch, TWILIO_ACCOUNTS_FILE=str(tmp_path / "accounts"))


@pytest.mark.parametrize(
    ("name", "value", "said"),
    [
        ("TWILIO_ACCOUNTS", "", "PARLEY_GATEWAY_TWILIO_ACCOUNTS: .*name at least one"),
        ("TWILIO_ACCOUNTS", "secret", "PARLEY_GATEWAY_TWILIO_ACCOUNTS: .*entry 1: write"),
        ("PUBLIC_URL", "", "PARLEY_GATEWAY_PUBLIC_URL: write the URL"),
        ("PUBLIC_URL", "sms.example.com", "PARLEY_GATEWAY_PUBLIC_URL: .*write https://host"),
        ("PUBLIC_URL", "https://user:secret@host", "PARLEY_GATEWAY_PUBLIC_URL"),
        ("PUBLIC_URL", "https://host/?a=b", "PARLEY_GATEWAY_PUBLIC_URL"),
        ("PUBLIC_URL", "https://host/#rc=3", "PARLEY_GATEWAY_PUBLIC_URL"),
        ("PUBLIC_URL", "https://", "PARLEY_GATEWAY_PUBLIC_URL"),
        ("SESSION_ADDRESS", " , ", "PARLEY_GATEWAY_SESSION_ADDRESS: .*write host:port"),
        ("NOTIFIER_ADDRESS", None, "PARLEY_GATEWAY_NOTIFIER_ADDRESS"),
        ("BODY_LIMIT", "big", "PARLEY_GATEWAY_BODY_LIMIT"),
        ("ANSWER_TIMEOUT", "0", "PARLEY_GATEWAY_ANSWER_TIMEOUT"),
        ("API_TIMEOUT", "0", "PARLEY_GATEWAY_API_TIMEOUT"),
        ("REQUESTS_PER_SECOND", "-1", "PARLEY_GATEWAY_REQUESTS_PER_SECOND"),
    ],
)
def test_a_bad_value_is_named(monkeypatch: pytest.MonkeyPatch, name: str, value: str | None, said: str) -> None:
    assert re.search(said, problems(monkeypatch, **{name: value}))


def test_a_path_belongs_to_the_public_url_and_a_slash_at_its_end_does_not() -> None:
    assert load(Settings, public_url="https://host:8443/parley/").public_url == "https://host:8443/parley"


def test_in_development_the_public_url_may_be_left_to_the_gateway() -> None:
    assert load(Settings, public_url="", process=ProcessSettings(insecure_dev=True)).public_url == ""
