"""agent.yaml: what it may say, and what is said when it says something else."""

from __future__ import annotations

import pytest
import yaml

from parley_agent.domain.agent_yaml import InvalidAgent, Profile, SessionSettings, parse_profile
from parley_agent.domain.greeting import Greetings


def parsed(text: str, directory: str = "desk") -> Profile:
    return parse_profile(yaml.safe_load(text), "agents/desk/agent.yaml", directory)


def test_an_empty_file_is_an_agent_with_the_name_of_its_directory() -> None:
    assert parsed("") == Profile(name="desk")


def test_every_key_has_its_meaning() -> None:
    assert parsed(
        """
        name: front_desk
        file: main.py
        greeting: answer
        greeting_text: " Hello! "
        sms: {greeting_text: Hi}
        settle: 1500ms
        fallback_text: Sorry.
        on_open_session: join
        inactive_after: 12h
        grace: 90s
        warning_text: Still there?
        closing_text: Bye!
        unengaged_ttl: 7d
        text_limit: 20
        repeat_limit: 3
        turn_limit: 40
        validity: 90m
        limits: {turn_timeout: 1m}
        """
    ) == Profile(
        "front_desk",
        "main.py",
        Greetings("Hello!", "Hi"),
        SessionSettings(
            greeting="answer",
            settle=1.5,
            fallback_text="Sorry.",
            on_open_session="join",
            inactive_after=43_200.0,
            grace=90.0,
            warning_text="Still there?",
            closing_text="Bye!",
            unengaged_ttl=604_800.0,
            text_limit=20,
            repeat_limit=3,
            turn_limit=40,
            validity=5400.0,
        ),
        60.0,
    )


@pytest.mark.parametrize(
    ("text", "key", "value"),
    [
        ("settle: 0", "settle", 0.0),
        ("settle: 5s", "settle", 5.0),
        ("inactive_after: 0", "inactive_after", 0.0),
        ("inactive_after: 0s", "inactive_after", 0.0),
        ("inactive_after: 1m", "inactive_after", 60.0),
        ("inactive_after: 30d", "inactive_after", 2_592_000.0),
        ("grace: 1m", "grace", 60.0),
        ("grace: 24h", "grace", 86_400.0),
        ("unengaged_ttl: 1m", "unengaged_ttl", 60.0),
        ("unengaged_ttl: 365d", "unengaged_ttl", 31_536_000.0),
        ('closing_text: ""', "closing_text", ""),
        (f"warning_text: {'x' * 1600}", "warning_text", "x" * 1600),
        ("text_limit: 0", "text_limit", 0),
        ("text_limit: 1000", "text_limit", 1000),
        ("repeat_limit: 0", "repeat_limit", 0),
        ("repeat_limit: 100", "repeat_limit", 100),
        ("turn_limit: 0", "turn_limit", 0),
        ("turn_limit: 1000", "turn_limit", 1000),
        ("grace:", "grace", None),
    ],
)
def test_the_ends_of_a_range_belong_to_it(text: str, key: str, value: object) -> None:
    assert getattr(parsed(text).sessions, key) == value


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("[a, b]", "must be a mapping of keys to values"),
        (
            "greting: greet",
            "greting is not a key: use sms, limits, name, file, greeting_text, greeting, settle, fallba",
        ),
        ("name: Front Desk", "name must be lower-case letters"),
        ("name: 5", "name must be lower-case letters"),
        ("file: ../other.py", "file must be the name of a Python file in this directory"),
        (
            "greeting: Hello there",
            "greeting must be one of greet, answer, greet_and_answer; the text of a greeting goes",
        ),
        ("greeting: [greet]", "greeting must be one of"),
        ("settle: 2", 'settle must be a number with its unit, e.g. "500ms"'),
        ("settle: 6s", 'settle must be from "0s" to "5s"'),
        ("settle: -1s", "settle must be a number with its unit"),
        ("fallback_text: +15005550006", "fallback_text must be a text: put it in quotes"),
        (f"greeting_text: {'x' * 1601}", "greeting_text has 1601 characters and 1600 are allowed"),
        ('fallback_text: " "', "fallback_text is empty: write a text, or leave the key out for the default"),
        ('warning_text: ""', "warning_text is empty: write a text"),
        ('closing_text: "a\\0b"', "closing_text has a character that no message can carry"),
        (f"closing_text: {'x' * 1601}", "closing_text has 1601 characters and 1600 are allowed: shorten it"),
        ("on_open_session: ignore", "on_open_session must be one of supersede, join, reject"),
        ("inactive_after: 59s", 'inactive_after must be from "1m" to "30d", or 0 for never'),
        ("inactive_after: 31d", 'inactive_after must be from "1m" to "30d", or 0 for never'),
        ("inactive_after: never", 'inactive_after must be a number with its unit, e.g. "500ms", "2s", "10m", "24h"'),
        ("grace: 0", 'grace must be from "1m" to "24h"'),
        ("grace: 25h", 'grace must be from "1m" to "24h"'),
        ("unengaged_ttl: 0s", 'unengaged_ttl must be from "1m" to "365d"'),
        ("unengaged_ttl: 366d", 'unengaged_ttl must be from "1m" to "365d"'),
        ("text_limit: 1001", "text_limit must be a whole number from 1 to 1000, or 0 for no limit"),
        ("text_limit: -1", "text_limit must be a whole number"),
        ("text_limit: 1.5", "text_limit must be a whole number"),
        ("text_limit: true", "text_limit must be a whole number"),
        ("repeat_limit: 101", "repeat_limit must be a whole number from 1 to 100, or 0 for no limit"),
        ("turn_limit: ten", "turn_limit must be a whole number from 1 to 1000, or 0 for no limit"),
        ("sms: hello", "sms must be a mapping of keys to values"),
        ("sms: {text: hello}", "sms.text is not a key: use greeting_text"),
        ("limits: {turn_timeout: 0s}", 'limits.turn_timeout must be from "1ms" to "5m"'),
        ("limits: {turn_timeout: 6m}", 'limits.turn_timeout must be from "1ms" to "5m"'),
    ],
)
def test_what_is_wrong_is_named_with_its_file_and_its_fix(text: str, problem: str) -> None:
    with pytest.raises(InvalidAgent) as caught:
        parsed(text)
    (found,) = caught.value.problems
    assert found.startswith(f"agents/desk/agent.yaml: {problem}")


def test_everything_that_is_wrong_is_reported_at_once() -> None:
    with pytest.raises(InvalidAgent) as caught:
        parsed("greeting: loud\nsettle: 1\ngrace: 0\nturn_limit: x\nlimits: {memory: 1}\ncolour: red")
    assert len(caught.value.problems) == 6


def test_a_directory_whose_name_is_none_needs_one_in_the_file() -> None:
    assert parsed("name: desk", "My Agent").name == "desk"
    with pytest.raises(InvalidAgent, match="name is missing, and the directory's name cannot stand for it"):
        parsed("", "My Agent")
