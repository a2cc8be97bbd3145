"""An agent's code, run in this process by the harness that the tests of agents use."""

from __future__ import annotations

from pathlib import Path
from textwrap import dedent

import pytest

from parley_agent.domain.agent_yaml import InvalidAgent
from parley_agent.domain.hand_off import HandOff
from parley_agent.sandbox.program import Fault, Unloadable
from parley_agent.testing import Chat


def written(directory: Path, code: str, settings: str = "name: desk", **more: str) -> Path:
    directory.mkdir(exist_ok=True)
    (directory / "agent.yaml").write_text(dedent(settings))
    (directory / "agent.py").write_text(dedent(code))
    for name, text in more.items():
        (directory / f"{name}.py").write_text(dedent(text))
    return directory


RESPOND = "def respond(conv, message): return 'heard ' + message\n"
SEED = """
def start(conv):
    if conv.channel_type == "sms":
        conv.state.greet_message = "Hi, you've reached [Company]. How can I help?"
"""


@pytest.mark.parametrize(
    ("mode", "replies"),
    [
        ("greet", ["Hi, you've reached [Company]. How can I help?"]),
        ("answer", ["heard hello\nthere"]),
        ("greet_and_answer", ["Hi, you've reached [Company]. How can I help?", "heard hello\nthere"]),
    ],
)
def test_the_mode_says_whether_the_first_texts_are_greeted_or_answered(
    tmp_path: Path, mode: str, replies: list[str]
) -> None:
    agent = written(tmp_path, SEED + RESPOND, f"name: desk\ngreeting: {mode}")
    assert Chat(agent).text("hello", "there") == replies


def test_the_history_holds_the_text_when_start_runs_in_every_mode(tmp_path: Path) -> None:
    code = "def start(conv): return conv.history[-1].text.upper()\n" + RESPOND
    assert Chat(written(tmp_path, code)).text("hello") == ["HELLO"]


def test_respond_finds_the_text_at_the_end_of_the_history(tmp_path: Path) -> None:
    code = "def respond(conv, message): return f'{conv.history[-1].text} {len(conv.history)}'"
    chat = Chat(written(tmp_path, code, "name: desk\ngreeting: greet_and_answer"))
    assert chat.text("one")[-1] == "one 1"
    assert chat.text("two") == ["two 4"]


def test_an_agent_without_start_greets_by_its_settings(tmp_path: Path) -> None:
    settings = "greeting_text: Welcome!\nsms: {greeting_text: Hi!}\nname: desk"
    assert Chat(written(tmp_path, RESPOND, settings)).text("a") == ["Hi!"]
    assert Chat(tmp_path, channel="webchat").text("a") == ["Welcome!"]


def test_an_outbound_text_is_followed_by_the_answer_without_a_greeting(tmp_path: Path) -> None:
    code = SEED + "def respond(conv, message): return conv.history[0].text + '/' + (conv.state.greet_message or '')[:2]"
    chat = Chat(written(tmp_path, code))
    chat.reach_out("Your car is ready.")
    assert chat.text("thanks") == ["Your car is ready./Hi"]


def test_a_hang_up_in_start_answers_nothing(tmp_path: Path) -> None:
    code = "def start(conv): return {'utterance': 'Closed.', 'hangup': True}\n" + RESPOND
    chat = Chat(written(tmp_path, code, "name: desk\ngreeting: greet_and_answer"))
    assert chat.text("hello") == ["Closed."]
    assert chat.hung_up


@pytest.mark.parametrize(
    ("body", "replies"),
    [
        ("return {'utterance': 'A moment.', 'handoff': {'destination': 'billing', 'reason': message}}", ["A moment."]),
        ("return {'hand_off': {'destination': 'billing', 'reason': message, 'utterance': 'Ok.'}}", ["Ok."]),
        ("return conv.call_handoff(destination='billing', reason=message, utterance='Bye.')", ["Bye."]),
        ("conv.call_handoff('billing', reason=message)", []),
        ("conv.call_handoff('billing', message, 'called'); return 'returned'", ["returned"]),
    ],
)
def test_an_agent_hands_off_and_hears_nothing_until_people_give_the_session_back(
    tmp_path: Path, body: str, replies: list[str]
) -> None:
    code = f"def respond(conv, message):\n    if message != 'help': return message\n    {body}"
    chat = Chat(written(tmp_path, code, "name: desk\ngreeting: answer"))
    assert (chat.text("hi"), chat.handed_off) == (["hi"], None)
    assert chat.text("help") == replies
    assert (chat.handed_off, chat.hung_up) == (HandOff("billing", "help"), False)
    assert chat.text("hello?") == []
    chat.write("I'm Jo.")
    assert chat.history[-2:] == [("user", "hello?"), ("agent", "I'm Jo.")]
    chat.resume()
    assert chat.text("thanks") == ["thanks"]


def test_a_hang_up_outranks_a_hand_off(tmp_path: Path) -> None:
    code = "def respond(conv, message):\n    conv.call_handoff('x')\n    return {'hangup': True, 'handoff': 'y'}"
    chat = Chat(written(tmp_path, code, "name: desk\ngreeting: answer"))
    assert chat.text("bye") == []
    assert (chat.hung_up, chat.handed_off) == (True, None)


def test_a_hand_off_in_start_answers_nothing_and_greets_with_its_own_words_only(tmp_path: Path) -> None:
    code = "def start(conv): conv.call_handoff('desk', utterance=conv.history[-1].text.upper() or None)\n" + RESPOND
    settings = "name: desk\ngreeting: greet_and_answer\ngreeting_text: Welcome!"
    chat = Chat(written(tmp_path, code, settings))
    assert (chat.text("hello"), chat.handed_off) == (["HELLO"], HandOff("desk"))
    silent = Chat(written(tmp_path, "def start(conv): return {'handoff': 'desk'}\n" + RESPOND, settings))
    assert (silent.text("hello"), silent.handed_off) == ([], HandOff("desk"))


def test_a_session_that_has_ended_is_not_handed_off(tmp_path: Path) -> None:
    chat = Chat(written(tmp_path, "def end(conv): return conv.call_handoff('late') or {'handoff': 'late'}\n" + RESPOND))
    ended = chat._turn("end", ())
    with chat._installed():
        assert chat._program.run(ended).hand_off is None


def test_end_knows_why(tmp_path: Path) -> None:
    code = f"""
    import pathlib
    def respond(conv, message): return {{"hangup": message == "bye"}}
    def end(conv):
        with pathlib.Path({str(tmp_path / "ended")!r}).open("a") as log: log.write(conv.end_reason + " ")
    """
    chat = Chat(written(tmp_path, code, "name: desk\ngreeting: answer"))
    for text, reason in (("bye", ""), ("hi", ""), ("hi", "INACTIVE")):
        chat.text(text)
        chat.end(reason)
    assert (tmp_path / "ended").read_text() == "ENDED_BY_AGENT ENDED_BY_REQUEST INACTIVE "


def test_silence_is_no_reply(tmp_path: Path) -> None:
    code = "def start(conv): return {'utterance': ''}\ndef respond(conv, message): conv.say(message)"
    chat = Chat(written(tmp_path, code))
    assert chat.text("hello") == []
    assert chat.text("echo") == ["echo"]
    assert chat.text(" ") == []


def test_end_runs_and_says_nothing(tmp_path: Path) -> None:
    code = RESPOND + "import pathlib\ndef end(conv):\n    pathlib.Path(conv.state.path).touch()\n    return 'bye'\n"
    code += f"def start(conv): conv.state.path = {str(tmp_path / 'ended')!r}"
    chat = Chat(written(tmp_path, code))
    chat.text("hello")
    chat.end()
    assert (tmp_path / "ended").exists()
    assert chat.history == []


def test_the_adks_names_of_the_functions_are_served(tmp_path: Path) -> None:
    code = "def start_function(conv): return 'started'\ndef end_function(conv): 1 / 0\n" + RESPOND
    chat = Chat(written(tmp_path, code))
    assert chat.text("hello") == ["started"]
    with pytest.raises(ZeroDivisionError):
        chat.end()


def test_async_functions_are_awaited(tmp_path: Path) -> None:
    code = """
    import asyncio
    async def respond(conv, message):
        await asyncio.sleep(0)
        return message
    """
    assert Chat(written(tmp_path, code, "name: desk\ngreeting: answer")).text("hello") == ["hello"]


def test_classes_of_the_agents_own_modules_survive_in_the_state(tmp_path: Path) -> None:
    code = """
    def respond(conv, message):
        from models import Order      # only now: another worker may not have imported it yet
        order = conv.state.order or Order([])
        order.items.append(message)
        conv.state.order = order
        return ",".join(order.items)
    """
    models = "from dataclasses import dataclass\n@dataclass\nclass Order:\n    items: list\n"
    chat = Chat(written(tmp_path, code, "name: desk\ngreeting: answer", models=models))
    assert chat.text("tea") == ["tea"]
    assert Chat(tmp_path).state == {}
    assert chat.text("milk") == ["tea,milk"]
    assert chat.state.order.items == ["tea", "milk"]


def test_agents_with_modules_of_the_same_name_do_not_see_each_other(tmp_path: Path) -> None:
    code = "import words\ndef start(conv): return words.HELLO\n" + RESPOND
    one = Chat(written(tmp_path / "one", code, words="HELLO = 'one'"))
    two = Chat(written(tmp_path / "two", code, words="HELLO = 'two'"))
    assert (one.text("a"), two.text("a")) == (["one"], ["two"])
    assert one.module("words").HELLO == "one"


@pytest.mark.parametrize(
    ("code", "what", "frames"),
    [
        (
            "def respond(conv, message): raise ValueError(message)",
            "respond() raised ValueError at agent.py:1 in respond",
            1,
        ),
        ("def respond(conv, message): return helper(message)\ndef helper(m): return {}[m]", "agent.py:2 in helper", 2),
        ("import sys\ndef respond(conv, message): sys.exit(message)", "respond() raised SystemExit at agent.py:2", 1),
        ("def respond(conv, message): return [message]", "respond() returned a list", 0),
        ("def respond(conv, message): conv.say([message])", "respond() gave conv.say() its text as a list", 3),
        ("def respond(conv, message): conv.state.x = {message}, object()", "conv.state['x'][1] is of type object", 0),
        (
            "import json\ndef respond(conv, message): json.loads(message)",
            "raised JSONDecodeError at json/decoder.py",
            4,
        ),
    ],
)
def test_a_failure_says_where_and_never_what(tmp_path: Path, code: str, what: str, frames: int) -> None:
    chat = Chat(written(tmp_path, code, "name: desk\ngreeting: answer"))
    turn = chat._turn("message", ("a secret",))
    with chat._installed(), pytest.raises(Fault) as caught:
        chat._program.run(turn)
    failed = caught.value.failed
    assert what in failed.what
    assert len(failed.frames) == frames
    assert "secret" not in f"{failed.what}{failed.frames}"


@pytest.mark.parametrize(
    ("code", "problem"),
    [
        ("def start(conv): pass", "agent.py: defines no respond(conv, message): add it"),
        (
            "def respond(message): pass",
            "agent.py: respond does not take what it is called with: respond(conv, message)",
        ),
        ("respond = 5", "agent.py: respond is not a function: define it with def"),
        (
            RESPOND + "def start(conv): 1\ndef start_function(conv): 1",
            "defines both start and start_function: keep one",
        ),
        (RESPOND + "def end(): 1", "agent.py: end does not take what it is called with: end(conv)"),
        ("def respond(conv message): pass", "agent.py: line 1 is not valid Python"),
        ("\nimport nowhere", "could not be imported: ModuleNotFoundError: No module named 'nowhere' at agent.py:2"),
        ("import sys\nsys.exit(3)", "could not be imported: SystemExit: 3 at agent.py:2"),
    ],
)
def test_an_agent_that_cannot_be_used_is_refused_with_the_fix(tmp_path: Path, code: str, problem: str) -> None:
    with pytest.raises(Unloadable) as caught:
        Chat(written(tmp_path, code))
    assert problem in str(caught.value)


def test_a_state_that_is_none_fails_the_turn(tmp_path: Path) -> None:
    chat = Chat(written(tmp_path, RESPOND))
    chat._state = "[]"
    with pytest.raises(Exception, match="the stored state is not a JSON object"):
        chat.text("hello")


def test_a_directory_without_an_agent_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InvalidAgent, match="holds no agent: add a folder"):
        Chat(tmp_path)
