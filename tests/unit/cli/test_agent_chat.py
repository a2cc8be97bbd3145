"""`parley agent chat`, as it is typed at: through a pipe, with agents of the test's own."""

from __future__ import annotations

from pathlib import Path
from textwrap import dedent

import pytest
from typer.testing import CliRunner

from parley_cli.__main__ import parley

CODE = """
import logging


def respond(conv, message):
    if message == "person":
        return {"utterance": "One moment.", "handoff": {"destination": "desk"}}
    if message == "bye":
        return {"utterance": "Goodbye!", "hangup": True}
    if message == "print":
        print("looked it up")
        logging.getLogger("agent").info("found it")
    if message == "crash":
        return total(0)
    if message == "number":
        return 7
    conv.state.count = (conv.state.count or 0) + 1
    return f"{conv.state.count}: {message}"


def total(count):
    return 1 / count


def end(conv):
    print(f"ended: {conv.end_reason} after {conv.state.count}")
"""


@pytest.fixture
def agent(tmp_path: Path) -> Path:
    return written(
        tmp_path / "agents" / "counter", "greeting: answer\nfallback_text: Sorry!\nclosing_text: Bye then.\n"
    )


def written(folder: Path, settings: str = "", code: str = CODE) -> Path:
    folder.mkdir(parents=True)
    (folder / "agent.yaml").write_text(settings)
    (folder / "agent.py").write_text(dedent(code))
    return folder


def chat(agent: Path | str, *lines: str, agents: Path | None = None) -> list[str]:
    """What is shown after each of the lines was typed, without the prompt's echo."""
    arguments = ["agent", "chat", str(agent), *(["--agents", str(agents)] if agents else [])]
    done = CliRunner().invoke(parley(), arguments, input="".join(f"{line}\n" for line in lines))
    assert done.exit_code == 0, done.output
    shown = done.output.splitlines()
    assert "/help" in shown[0]
    return [line for line in shown[1:] if line and not line.startswith("▸")]


def test_texts_are_answered_and_both_sides_are_in_the_transcript(agent: Path) -> None:
    done = CliRunner().invoke(parley(), ["agent", "chat", str(agent)], input="Hi\nHo\n")
    assert [line for line in done.output.splitlines()[1:] if line] == ["▸ Hi", "◂ 1: Hi", "▸ Ho", "◂ 2: Ho"]


def test_a_pipe_gets_no_colours(agent: Path) -> None:
    assert "\x1b" not in "".join(chat(agent, "Hi", "/state", "/trace", "/help"))


def test_an_agent_is_found_by_its_name(agent: Path) -> None:
    assert chat("counter", "Hi", agents=agent.parent) == ["◂ 1: Hi"]


def test_an_unknown_name_is_answered_with_those_there_are_and_the_path(agent: Path) -> None:
    done = CliRunner().invoke(parley(), ["agent", "chat", "nobody", "--agents", str(agent.parent)])
    assert done.exit_code == 2
    assert "'nobody'" in done.output
    assert f"in {agent.parent} there is counter" in done.output


def test_a_folder_without_an_agent_is_said_to_be_none(tmp_path: Path) -> None:
    done = CliRunner().invoke(parley(), ["agent", "chat", str(tmp_path)])
    assert done.exit_code == 2
    assert "agent.yaml" in done.output


def test_code_that_cannot_be_imported_is_shown_with_its_line(tmp_path: Path) -> None:
    agent = written(tmp_path / "broken", code="def respond(conv, message)\n    return 1\n")
    done = CliRunner().invoke(parley(), ["agent", "chat", str(agent)])
    assert done.exit_code == 2
    assert "agent.py: line 1 is not valid Python" in done.output
    assert "Traceback" not in done.output


def test_state_shows_what_the_agent_remembers(agent: Path) -> None:
    assert chat(agent, "Hi", "/state")[-1] == "{'count': 1}"


def test_trace_shows_what_went_in_what_came_out_and_how_long_it_took(agent: Path) -> None:
    shown = "\n".join(chat(agent, "Hi", "print", "/trace"))
    _, _, traced = shown.partition("given")
    assert "'text': 'print'" in traced
    assert "'user: Hi'" in traced
    assert "{'count': 1}" in traced
    assert "'replies': ['2: print']" in traced
    assert "printed looked it up" in traced
    assert "INFO agent: found it" in traced
    assert " ms of the 300 s" in traced


def test_a_trace_before_the_first_text_says_so(agent: Path) -> None:
    assert chat(agent, "/trace") == ["there was no turn yet: text something"]


def test_what_the_code_prints_stands_before_its_reply(agent: Path) -> None:
    assert chat(agent, "print") == ["│ looked it up", "│ INFO agent: found it", "◂ 1: print"]


def test_an_error_shows_the_agents_own_lines_and_none_of_ours(agent: Path) -> None:
    shown = chat(agent, "crash", "Hi")
    assert "✗ agent.py:14 in respond" in shown
    assert "✗     return total(0)" in shown
    assert "✗ agent.py:22 in total" in shown
    assert "✗ ZeroDivisionError: division by zero" in shown
    assert not [line for line in shown if "program.py" in line or "testing.py" in line]
    assert shown[-2:] == ["after three such attempts the participant would get: Sorry!", "◂ 1: Hi"]


def test_a_return_value_of_no_use_is_named(agent: Path) -> None:
    assert chat(agent, "number")[0].startswith("✗ the agent returned")


def test_a_day_of_silence_is_warned_about_and_ended_after_the_grace(agent: Path) -> None:
    assert chat(agent, "Hi", "/skip 24h", "/skip 10m", "Hi") == [
        "◂ 1: Hi",
        "after 24 h",
        "◂ Parley Are you still there? Reply within 10 minutes to keep this conversation open.",
        "10 min more, and the session is ended",
        "after 10 min more",
        "◂ Parley Bye then.",
        "│ ended: INACTIVE after 1",
        "the session has ended as INACTIVE; your next text opens another",
        "◂ 1: Hi",
    ]


def test_an_answer_to_the_warning_keeps_the_session(agent: Path) -> None:
    shown = chat(agent, "Hi", "/skip 24h", "Yes", "/skip 10m")
    assert shown[-2:] == ["◂ 2: Yes", "23 h 50 min more, and the session is warned"]


@pytest.mark.parametrize("typed", ["/skip", "/skip soon", "/skip 24"])
def test_a_skip_without_a_duration_is_answered_with_how_to_write_one(agent: Path, typed: str) -> None:
    assert "90s, 10m, 24h" in chat(agent, "Hi", typed)[-1]


def test_nobody_is_warned_before_the_first_text(agent: Path) -> None:
    assert chat(agent, "/skip 24h") == ["no session is open: there is nobody to warn"]


def test_people_take_over_and_give_back(agent: Path) -> None:
    shown = chat(agent, "person", "Anyone?", "/write I am Rosa.", "/skip 24h", "/resume", "Thanks", "/resume")
    assert shown == [
        "◂ One moment.",
        "handed off to desk: /write TEXT answers as a person, /resume gives it back",
        "people have the session, the agent does not hear of it: /write TEXT, /resume or /end",
        "◂ person I am Rosa.",
        "people have the session: it is neither warned nor ended",
        "the agent has the session again, from your next text on",
        "◂ 1: Thanks",
        "nothing to resume: the agent has the session",
    ]


def test_an_end_runs_the_agents_end_and_the_next_text_begins_anew(agent: Path) -> None:
    shown = chat(agent, "Hi", "/end", "Hi", "bye", "Hi")
    assert shown == [
        "◂ 1: Hi",
        "│ ended: ENDED_BY_REQUEST after 1",
        "the session has ended; your next text opens another",
        "◂ 1: Hi",
        "◂ Goodbye!",
        "│ ended: ENDED_BY_AGENT after 1",
        "the agent has ended the session; your next text opens another",
        "◂ 1: Hi",
    ]


def test_help_lists_every_command_and_an_unknown_one_leads_there(agent: Path) -> None:
    shown = chat(agent, "/nonsense", "/help")
    assert shown[0] == "there is no /nonsense: /help lists what there is"
    commands = {line.split()[0] for line in shown[1:]}
    assert commands == {"/state", "/trace", "/skip", "/write", "/resume", "/end", "/help", "/quit"}


def test_quit_leaves_and_what_follows_is_not_read(agent: Path) -> None:
    assert chat(agent, "/quit", "Hi") == []
