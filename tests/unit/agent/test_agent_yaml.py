"""agent.yaml: what it may say, and what is said when it says something else."""

from __future__ import annotations

import pytest
import yaml

from parley_agent.domain.agent_yaml import InvalidAgent, Profile, parse_profile
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
        limits: {turn_timeout: 1m}
        """
    ) == Profile("front_desk", "main.py", Greetings("Hello!", "Hi"), "answer", 1.5, "Sorry.", 60.0)


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("[a, b]", "must be a mapping of keys to values"),
        ("greting: greet", "greting is not a key: use sms, limits, name, file, greeting_text, greeting, settle,"),
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
        parsed("greeting: loud\nsettle: 1\nlimits: {memory: 1}\ncolour: red")
    assert len(caught.value.problems) == 4


def test_a_directory_whose_name_is_none_needs_one_in_the_file() -> None:
    assert parsed("name: desk", "My Agent").name == "desk"
    with pytest.raises(InvalidAgent, match="name is missing, and the directory's name cannot stand for it"):
        parsed("", "My Agent")
