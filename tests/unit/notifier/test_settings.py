"""The notifier's settings: what is wrong is named, and unsafe durations are refused."""

from typing import Any

import pytest

from parley_chassis.settings import ProcessSettings, SettingsError, load
from parley_notifier.settings import Settings

GOOD: dict[str, Any] = {
    "process": ProcessSettings(insecure_dev=True),
    "database_url": "postgresql://x",
    "session_address": "127.0.0.1:1, 127.0.0.1:2",
    "callback_url": "https://gateway.example.com",
    "twilio_account_sid": "AC" + "0" * 32,
    "twilio_auth_token": "secret",
}


def problems(**fields: Any) -> str:
    with pytest.raises(SettingsError) as caught:
        load(Settings, **(GOOD | fields))
    return "\n".join(caught.value.problems)


def test_good_settings_are_taken() -> None:
    settings = load(Settings, **GOOD)
    assert settings.session_address == ("127.0.0.1:1", "127.0.0.1:2")
    assert settings.twilio_url == "https://api.twilio.com"
    assert settings.terms.problems(settings.send_timeout) == []


@pytest.mark.parametrize(
    ("field", "value", "words"),
    [
        ("callback_url", "gateway", "PARLEY_NOTIFIER_CALLBACK_URL"),
        ("callback_url", "https://my_gateway.example.com", "underscore"),
        ("twilio_url", "ftp://x", "PARLEY_NOTIFIER_TWILIO_URL"),
        ("twilio_account_sid", "SK" + "0" * 32, "PARLEY_NOTIFIER_TWILIO_ACCOUNT_SID"),
        ("session_address", "", "PARLEY_NOTIFIER_SESSION_ADDRESS"),
        ("slots", 0, "PARLEY_NOTIFIER_SLOTS"),
        ("lease", -1.0, "PARLEY_NOTIFIER_LEASE"),
        ("margin", 14.0, "outlive its lease"),
        ("lease", 20.0, "no send could begin"),
        ("settle", 59.0, "count as absent"),
        ("connect_timeout", 15.0, "connect_timeout"),
        ("timeout_limit", 1001, "PARLEY_NOTIFIER_TIMEOUT_LIMIT"),
        ("timeout_poll", 0, "PARLEY_NOTIFIER_TIMEOUT_POLL"),
        ("list_interval", 0, "PARLEY_NOTIFIER_LIST_INTERVAL"),
        ("coverage_lag", -1, "PARLEY_NOTIFIER_COVERAGE_LAG"),
        ("status_ages", "3600, 900", "write rising ages"),
        ("status_ages", "0", "PARLEY_NOTIFIER_STATUS_AGES"),
    ],
)
def test_a_bad_value_is_named(field: str, value: Any, words: str) -> None:
    assert words in problems(**{field: value})


def test_secrets_are_in_no_text_of_the_settings() -> None:
    assert "secret" not in repr(load(Settings, **GOOD))
    assert "postgresql" not in repr(load(Settings, **GOOD))
