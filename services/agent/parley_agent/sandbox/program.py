"""An agent's own code: imports it, checks its functions, and runs turns with them in this process.

Isolates nothing: a worker or a test stands around it.
"""

from __future__ import annotations

import asyncio
import importlib
import importlib.util
import inspect
import os
import sys
from collections.abc import Callable, Iterator
from types import CoroutineType, ModuleType, TracebackType
from typing import Any

from parley_agent.domain.greeting import Greetings, greeting
from parley_agent.domain.replies import Said, interpret, spoken
from parley_agent.domain.state_codec import OwnClasses, StateError, decode, encode
from parley_agent.domain.texts import UnusableReturn
from parley_agent.domain.turn import Failed, Plan, Ran, Turn, plan
from parley_agent.sandbox.conv import Conversation, take_hand_off, take_queued

NAMES = {"start": ("start", "start_function"), "respond": ("respond",), "end": ("end", "end_function")}
"""What each function may be called in the agent's file."""
ARGUMENTS = {"start": ("conv",), "respond": ("conv", "message"), "end": ("conv",)}
SHOWN_FRAMES = 20

Function = Callable[..., Any]


class Unloadable(Exception):
    """The agent's file cannot be used. The message names the file and the fix."""


class Fault(Exception):
    """The agent's code failed in a turn; `failed` says where, without any value. The cause is its own exception."""

    def __init__(self, failed: Failed) -> None:
        super().__init__(failed.what)
        self.failed = failed


class Program:
    """The imported agent of one directory. Its directory is the first place that Python imports from."""

    def __init__(self, directory: str, file: str, greetings: Greetings) -> None:
        self._directory = os.path.realpath(directory)
        self._greetings = greetings
        self._classes = OwnClasses(self._owns, self._find)
        sys.path.insert(0, self._directory)
        try:
            self.module = importlib.import_module(file.removesuffix(".py"))
        except (Exception, SystemExit) as error:
            raise Unloadable(f"{file}: {_import_problem(error, self._places(error.__traceback__))}") from error
        self._functions = _functions_of(self.module, file)

    def run(self, turn: Turn) -> Ran:
        """Runs the turn. Raises Fault when the agent's code fails in it."""
        try:
            conv = Conversation(turn, self.decoded(turn.state))
            replies, last = self._converse(conv, plan(turn))
            hand_off = None if last.hang_up else last.hand_off
            return Ran(replies, encode(conv.state, self._classes), last.hang_up, hand_off)
        except StateError as error:
            raise Fault(Failed(str(error))) from error

    def decoded(self, state: str) -> dict[str, Any]:
        """The values that `run` has stored as `state`. Raises StateError."""
        return decode(state, self._classes)

    def _converse(self, conv: Conversation, steps: Plan) -> tuple[list[str], Said]:
        """The replies, and what the last function that was called wants."""
        if steps.end:
            return [], self._call("end", conv)
        replies: list[str] = []
        if steps.start:
            said = self._call("start", conv)
            text = self._greeting(said, conv)
            if steps.greet and text:
                replies.append(text)
            if said.is_last:
                return replies, said
        if steps.respond_to is None:
            return replies, Said()
        said = self._call("respond", conv, steps.respond_to)
        if text := spoken(said, take_queued(conv)):
            replies.append(text)
        return replies, said

    def _greeting(self, said: Said, conv: Conversation) -> str:
        configured = self._greetings.for_channel(str(conv.channel_type))
        try:
            return greeting(said, take_queued(conv), conv.state.get("greet_message"), configured)
        except UnusableReturn as error:
            raise Fault(Failed(f"start() {error}")) from error

    def _call(self, name: str, conv: Conversation, *arguments: object) -> Said:
        function = self._functions.get(name)
        if function is None:
            return Said()
        try:
            returned = function(conv, *arguments)
            if isinstance(returned, CoroutineType):
                returned = asyncio.run(returned)
            return interpret(returned).handing_off(take_hand_off(conv)) if name != "end" else Said()
        except UnusableReturn as error:
            raise Fault(Failed(f"{name}() {error}", self._places(error.__traceback__))) from error
        except (Exception, SystemExit) as error:
            places = self._places(error.__traceback__)
            at = f" at {places[-1]}" if places else ""
            raise Fault(Failed(f"{name}() raised {type(error).__name__}{at}", places)) from error

    def _places(self, traceback: TracebackType | None) -> list[str]:
        """`agent.py:12 in respond` for each frame since the agent's code began, outermost first."""
        places: list[str] = []
        while traceback is not None:
            code = traceback.tb_frame.f_code
            path = os.path.realpath(code.co_filename)
            if path.startswith(self._directory + os.sep):
                places.append(f"{os.path.relpath(path, self._directory)}:{traceback.tb_lineno} in {code.co_name}")
            elif places:
                places.append(f"{os.sep.join(path.split(os.sep)[-2:])}:{traceback.tb_lineno} in {code.co_name}")
            traceback = traceback.tb_next
        return places[-SHOWN_FRAMES:]

    def _owns(self, module: str) -> bool:
        try:
            loaded = sys.modules.get(module)
            spec = loaded.__spec__ if loaded else importlib.util.find_spec(module)
        except (ImportError, AttributeError, ValueError):
            return False
        origin = spec.origin if spec else None
        return origin is not None and os.path.realpath(origin).startswith(self._directory + os.sep)

    def _find(self, module: str, qualified: str) -> object:
        found: Any = importlib.import_module(module)
        for part in qualified.split("."):
            found = getattr(found, part)
        return found


def _functions_of(module: ModuleType, file: str) -> dict[str, Function]:
    functions = dict(_found_functions(module, file))
    if "respond" not in functions:
        raise Unloadable(f"{file}: defines no respond(conv, message): add it, it answers the participant's texts")
    for name, function in functions.items():
        arguments = ARGUMENTS[name]
        try:
            inspect.signature(function).bind(*arguments)
        except TypeError:
            wanted = f"{name}({', '.join(arguments)})"
            raise Unloadable(f"{file}: {function.__name__} does not take what it is called with: {wanted}") from None
    return functions


def _found_functions(module: ModuleType, file: str) -> Iterator[tuple[str, Function]]:
    for name, spellings in NAMES.items():
        found = [spelling for spelling in spellings if hasattr(module, spelling)]
        if len(found) > 1:
            raise Unloadable(f"{file}: defines both {found[0]} and {found[1]}: keep one of them")
        for spelling in found:
            function = getattr(module, spelling)
            if not callable(function):
                raise Unloadable(f"{file}: {spelling} is not a function: define it with def")
            yield name, function


def _import_problem(error: BaseException, places: list[str]) -> str:
    """What to tell the developer. No conversation has begun, so the exception's own text tells nothing about one."""
    if isinstance(error, SyntaxError):
        return f"line {error.lineno} is not valid Python: {error.msg}"
    at = f" at {places[-1]}" if places else ""
    return f"could not be imported: {type(error).__name__}: {error}{at}"
