"""`parley text`, `send`, `skip` and `sessions`, typed at a running stack."""

from __future__ import annotations

import re
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from tests.integration.cli.stacks import RunningStack

TIMEOUT = 30.0
STATES = "pending|accepted|sent|delivered"
"""How a message may stand soon after it was said."""


@contextmanager
def followed(stack: RunningStack, *arguments: str) -> Iterator[subprocess.Popen[str]]:
    """`parley sessions … --follow` in another terminal."""
    process = stack.start("sessions", *arguments, "--follow")
    try:
        yield process
    finally:
        process.kill()
        process.communicate()


def read_until(process: subprocess.Popen[str], wanted: str) -> list[str]:
    """The lines that it writes, up to the first with `wanted` in it."""
    assert process.stdout is not None
    lines: list[str] = []
    for line in process.stdout:
        lines.append(line.rstrip("\n"))
        if wanted in line:
            return lines
    raise AssertionError(f"it ended without {wanted!r}: {lines}")


def test_a_text_is_answered(stack: RunningStack, participant: str) -> None:
    assert stack.text(participant, "Hi") == "◂ heard Hi\n"


def test_a_text_to_a_number_that_is_nobodys_names_the_fix(stack: RunningStack) -> None:
    done = stack.run("text", "Hi", "--to", "+15550009999")
    assert done.exit_code == 1
    assert "not a number of this account" in done.output


def test_a_text_that_is_not_answered_leads_to_the_sessions(stack: RunningStack, participant: str) -> None:
    stack.text(participant, "a person, please")
    done = stack.run("text", "Hello?", "--from", participant, "--timeout", "0.2")
    assert done.exit_code == 1
    assert "`parley sessions`" in done.output


def test_the_list_shows_how_each_session_stands(stack: RunningStack, participant: str) -> None:
    def states() -> list[str]:
        return [line.split()[4] for line in stack.said("sessions", "--participant", participant).splitlines()[1:]]

    stack.text(participant, "Hi")
    assert states() == ["open"]
    stack.text(participant, "a person, please")
    assert states() == ["handed_off"]
    stack.said("sessions", "end", stack.session_of(participant))
    stack.text(participant, "bye")
    assert states() == ["ended_by_agent", "ended_by_request"]


def test_a_transcript_shows_kinds_ignored_texts_and_the_end(stack: RunningStack, participant: str) -> None:
    stack.text(participant, "a person, please")
    session = stack.session_of(participant)
    stack.run("text", "Hello?", "--from", participant, "--timeout", "0.1")
    stack.said("sessions", "send", session, "I am Rosa.")
    stack.said("sessions", "resume", session)
    stack.text(participant, "bye")
    shown = stack.said("sessions", session).splitlines()
    assert shown[0].startswith(f"{session} {participant} with desk on ")
    said = [re.sub(rf"^\d\d:\d\d:\d\d  |(, |\()({STATES})\b", "", line) for line in shown[1:-1]]
    assert said == [
        "▸ a person, please",
        "◂ One moment. )",
        "▸ Hello? (ignored: handed_off)",
        "◂ I am Rosa. (person)",
        "▸ bye",
        "◂ Goodbye! )",
    ]
    assert re.fullmatch(r"ended_by_agent at \d\d:\d\d:\d\d", shown[-1])


def test_a_session_is_handed_off_resumed_and_ended(stack: RunningStack, participant: str) -> None:
    stack.text(participant, "Hi")
    session = stack.session_of(participant)
    handed_off = stack.said("sessions", "hand-off", session, "--to", "Rosa", "--reason", "a refund")
    assert handed_off.rstrip().endswith("handed_off to Rosa: a refund")
    assert stack.said("sessions", "resume", session).rstrip().endswith("open")
    assert " ended_by_request at " in stack.said("sessions", "end", session)
    done = stack.run("sessions", "send", session, "Too late")
    assert done.exit_code == 1


@pytest.mark.parametrize("command", ["send", "resume", "end", "show"])
def test_an_id_that_is_none_is_refused_in_a_sentence(stack: RunningStack, command: str) -> None:
    done = stack.run("sessions", command, "nonsense", *(["Hi"] if command == "send" else []))
    assert done.exit_code == 1
    assert done.output == "session_id: write a UUID\n"


def test_a_session_is_followed_until_it_ends(stack: RunningStack, participant: str) -> None:
    stack.text(participant, "Hi")
    session = stack.session_of(participant)
    with followed(stack, session) as process:
        assert read_until(process, "heard Hi")[0].startswith(f"{session} {participant} with desk")
        stack.text(participant, "More")
        changes = read_until(process, "heard More (delivered)")
        assert "▸ More" in changes[0] + changes[1] + changes[2]
        stack.said("sessions", "end", session)
        read_until(process, "ended_by_request at ")
        assert process.wait(TIMEOUT) == 0


def test_without_an_id_every_session_that_opens_is_followed(stack: RunningStack, participant: str) -> None:
    other = participant.replace("+1666", "+1667")
    stack.text(other, "before")
    with followed(stack, "--participant", participant) as process:
        stack.text(participant, "Hi")
        lines = read_until(process, "heard Hi (delivered)")
    assert lines[0].startswith(stack.session_of(participant))
    assert f"{participant} " in lines[-1]
    assert other not in "".join(lines)


def test_what_is_to_be_followed_and_is_not_there_is_said(stack: RunningStack) -> None:
    done = stack.run("sessions", "00000000-0000-7000-8000-000000000000", "--follow")
    assert done.exit_code == 1
    assert done.output == "no session has this session_id: `parley sessions` lists them\n"


def test_a_text_of_ours_opens_a_session(stack: RunningStack, participant: str) -> None:
    shown = stack.said("send", "Your table is ready.", "--to", participant)
    assert shown.startswith("◂ Your table is ready.\nsession ")
    assert "(opening, " in stack.said("sessions", stack.session_of(participant))


def test_a_text_of_ours_is_seen_whichever_number_it_comes_from(stack: RunningStack, participant: str) -> None:
    number = f"+1666{stack.addresses.number[-7:]}"
    stack.said("numbers", "add", number, "--agent", "desk")
    stack.run("text", "Hi", "--from", participant, "--to", number)
    shown = stack.said("send", "Your table is ready.", "--to", participant)
    assert shown.startswith("◂ Your table is ready.\nsession ")
    assert shown.endswith(f' answer it with parley text "…" --from {participant} --to {number}\n')


def test_a_text_of_ours_that_does_not_arrive_is_no_success(stack: RunningStack, participant: str) -> None:
    hold = stack.control("/holds", participant=participant)
    done = stack.run("send", "Your table is ready.", "--to", participant, "--timeout", "0.1")
    stack.control(f"/holds/{hold['id']}/release")
    assert done.exit_code == 1
    assert "--follow" in done.output


def test_time_is_skipped(stack: RunningStack) -> None:
    assert "For people it is now " in stack.said("skip", "1m")


@pytest.mark.parametrize(
    "arguments",
    [
        ("text", "Hi"),
        ("send", "Hi"),
        ("skip", "1h"),
        ("sessions",),
        ("sessions", "--follow"),
        ("sessions", "end", "x"),
        ("numbers", "list"),
        ("numbers", "add", "+15550100100", "--agent", "desk"),
        ("numbers", "remove", "+15550100100"),
        ("keys", "list"),
        ("doctor",),
    ],
    ids=" ".join,
)
def test_without_a_stack_every_command_names_the_one_that_starts_it(
    stack: RunningStack, arguments: tuple[str, ...]
) -> None:
    done = RunningStack(stack.addresses, stack.file.with_name("nothing.json")).run(*arguments)
    assert done.exit_code == 1
    assert "`parley up`" in done.output
