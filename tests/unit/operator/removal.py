"""Takes one guard out of the operator for a while, and says so where the guard is not what it was.

Nothing of the product knows of this. Its functions stay the objects that they are, whoever holds them, and run other
code.
"""

from __future__ import annotations
import __future__

import inspect
import sys
import textwrap
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from parley_operator.domain import deletion


class GuardMoved(Exception):
    """The code that a control takes out is not there any more: the control has to follow it."""


@contextmanager
def without(function: Callable[..., Any], guard: str, instead: str = "False") -> Iterator[None]:
    """`guard`, which must be there once in the source of `function`, is replaced by `instead`."""
    source = textwrap.dedent(inspect.getsource(function))
    if source.count(guard) != 1:
        raise GuardMoved(f"{function.__qualname__} has no longer exactly one `{guard}`")
    scope: dict[str, Any] = {}
    flags = __future__.annotations.compiler_flag
    broken = source.replace(guard, instead)
    module = vars(sys.modules[function.__module__])
    exec(compile(broken, inspect.getfile(function), "exec", flags, dont_inherit=True), module, scope)
    whole = function.__code__
    function.__code__ = scope[function.__name__].__code__
    try:
        yield
    finally:
        function.__code__ = whole


@contextmanager
def without_reason(words: str) -> Iterator[None]:
    """The reason not to release a number that begins so."""
    whole = deletion.REASONS
    left = tuple(reason for reason in whole if not reason[1].startswith(words))
    if len(left) != len(whole) - 1:
        raise GuardMoved(f"there is no longer exactly one reason that begins with `{words}`")
    deletion.REASONS = left
    try:
        yield
    finally:
        deletion.REASONS = whole
