"""What the simulator can be told, and what it refuses."""

import pytest
from pydantic import ValidationError

from parley_simulator.settings import Settings

OURS, OTHER = "+15550001111", "+15550002222"


def phone_numbers(settings: Settings) -> list[str]:
    return [number.phone_number for number in settings.numbers]


@pytest.mark.parametrize(
    "text", [f"{OURS}, {OTHER}", f'["{OURS}", "{OTHER}"]', f'[{{"phone_number": "{OURS}"}}, "{OTHER}"]']
)
def test_numbers_are_a_list_with_commas_or_json(monkeypatch: pytest.MonkeyPatch, text: str) -> None:
    monkeypatch.setenv("PARLEY_SIMULATOR_NUMBERS", text)
    assert phone_numbers(Settings()) == [OURS, OTHER]


def test_a_number_may_come_with_its_webhooks(monkeypatch: pytest.MonkeyPatch) -> None:
    number = f'[{{"phone_number": "{OURS}", "sms_url": "http://h/sms#rc=2", "sms_fallback_url": "http://h/f"}}]'
    monkeypatch.setenv("PARLEY_SIMULATOR_NUMBERS", number)
    assert Settings().numbers[0].sms_url == "http://h/sms#rc=2"


def test_api_keys_are_a_json_object(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PARLEY_SIMULATOR_API_KEYS", '{"SK1": "secret"}')
    assert Settings().api_keys == {"SK1": "secret"}


def test_the_token_is_a_new_one_each_time() -> None:
    assert len(Settings().auth_token) == 32
    assert Settings().auth_token != Settings().auth_token


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("listen", "nowhere"),
        ("listen", "127.0.0.1"),
        ("listen", "127.0.0.1:65536"),
        ("control_listen", ":4011"),
        ("account_sid", "AC123"),
        ("auth_token", ""),
        ("numbers", "9876543"),
        ("numbers", '[{"phone_number": "+15559876543", "sms_url": "h"}]'),
        ("numbers", '[{"phone_number": "+15559876543", "colour": "red"}]'),
        ("numbers", '["+15559876543'),
        ("api_keys", "SK1"),
        ("sent_delay", "-1"),
        ("segments_per_second", "many"),
        ("concurrency", "-1"),
        ("webhook_connections", "0"),
    ],
)
def test_a_bad_value_is_refused_without_being_shown(monkeypatch: pytest.MonkeyPatch, name: str, value: str) -> None:
    monkeypatch.setenv(f"PARLEY_SIMULATOR_{name.upper()}", value)
    with pytest.raises(ValidationError) as caught:
        Settings()
    assert caught.value.errors()[0]["loc"][0] == name
    assert "9876543" not in str(caught.value)


def test_tokens_and_numbers_stay_out_of_the_repr() -> None:
    shown = repr(Settings.model_validate({"auth_token": "secret", "api_keys": {"SK1": "secret"}, "numbers": [OURS]}))
    assert "secret" not in shown
    assert OURS not in shown
