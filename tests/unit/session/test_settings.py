"""The session service's settings: what they mean, and that a bad one stops the start with its name and the fix."""

from __future__ import annotations

import pytest

from parley_chassis.settings import SettingsError, load
from parley_session.settings import Settings

GOOD = {
    "PARLEY_SESSION_DATABASE_URL": "postgresql://parley_session:secret@db/parley",
    "PARLEY_SESSION_AGENTS": "*=agent:50052",
    "PARLEY_SESSION_NOTIFIER_ADDRESS": "notifier:50053",
}


@pytest.fixture(autouse=True)
def environment(monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in GOOD.items():
        monkeypatch.setenv(name, value)


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ("*=agent:50052", {"*": ("agent:50052",)}),
        ("desk=one:1|two:2, *=any:3", {"desk": ("one:1", "two:2"), "*": ("any:3",)}),
        (" desk = one:1 | two:2 ,", {"desk": ("one:1", "two:2")}),
        ("desk=[::1]:1,other=dns:///agents:2", {"desk": ("[::1]:1",), "other": ("dns:///agents:2",)}),
    ],
)
def test_where_agents_are(monkeypatch: pytest.MonkeyPatch, value: str, expected: object) -> None:
    monkeypatch.setenv("PARLEY_SESSION_AGENTS", value)
    assert load(Settings).agents == expected


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("AGENTS", ""),
        ("AGENTS", "agent:50052"),
        ("AGENTS", "desk="),
        ("AGENTS", "=agent:50052"),
        ("AGENTS", "desk=agent"),
        ("AGENTS", "desk=agent:port"),
        ("AGENTS", "desk=one:1||two:2"),
        ("AGENTS", "desk=one:1, desk=two:2"),
        ("NOTIFIER_ADDRESS", ""),
        ("NOTIFIER_ADDRESS", "notifier"),
        ("NOTIFIER_ADDRESS", "notifier:50053, :50054"),
        ("MAX_TURNS", "0"),
        ("TURN_TIMEOUT", "0"),
        ("TURN_LEASE", "-1"),
        ("DRAIN", "soon"),
        ("DATABASE_CONNECTIONS", "1"),
    ],
)
def test_a_bad_setting_is_named(monkeypatch: pytest.MonkeyPatch, name: str, value: str) -> None:
    monkeypatch.setenv(f"PARLEY_SESSION_{name}", value)
    with pytest.raises(SettingsError) as caught:
        load(Settings)
    (problem,) = caught.value.problems
    assert problem.startswith(f"PARLEY_SESSION_{name}: ")


def test_all_missing_settings_are_named_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in GOOD:
        monkeypatch.delenv(name)
    with pytest.raises(SettingsError) as caught:
        load(Settings)
    assert sorted(problem.partition(":")[0] for problem in caught.value.problems) == sorted(GOOD)


def test_the_databases_password_is_not_shown() -> None:
    assert "secret" not in repr(load(Settings))
