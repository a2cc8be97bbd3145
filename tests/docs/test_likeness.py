"""What the other tests of pages rely on: a page that shows something else than is printed is found out."""

from __future__ import annotations

import pytest

from tests.docs.likeness import Likeness, Unlike
from tests.docs.pages import Block, grown

ID, OTHER = "01a20925-d87c-7465-a9ed-f90415dd4da4", "01a20927-2b15-70a5-a1f3-e95d59efd633"


@pytest.mark.parametrize(
    ("shown", "printed"),
    [
        (["16:03:24  ▸ Hi"], ["09:00:01  ▸ Hi"]),
        (["it is 2026-11-23 16:03:48 UTC."], ["it is 2027-01-01 00:00:00 UTC."]),
        (["phone  http://127.0.0.1:4711/phone"], ["phone                http://127.0.0.1:35749/phone   "]),
        (["…", "last"], ["one", "two", "last"]),
        (["…", "last"], ["last"]),
        (["first", "…"], ["first", "", "two"]),
        (['{"id":"…","state":"open",…}'], ['{"id":"7","state":"open","agent":"x"}']),
        ([f"session {ID}", f"again {ID}"], [f"session {OTHER}", f"again {OTHER}"]),
    ],
)
def test_what_differs_from_run_to_run_makes_no_difference(shown: list[str], printed: list[str]) -> None:
    Likeness().compare(shown, printed)


@pytest.mark.parametrize(
    ("shown", "printed"),
    [
        (["Hi"], ["Hello"]),
        (["Hi"], []),
        ([], ["a warning"]),
        (["one", "two"], ["two", "one"]),
        (["one", "…", "three"], ["one", "two"]),
        (["2 passed in 0.02s"], ["1 passed, 1 failed in 0.02s"]),
        (['{"id":"…","state":"open",…}'], ['{"id":"7","state":"ended","agent":"x"}']),
        ([f"session {ID}", f"again {ID}"], [f"session {OTHER}", f"again {ID}"]),
    ],
)
def test_anything_else_is_unlike(shown: list[str], printed: list[str]) -> None:
    with pytest.raises(Unlike):
        Likeness().compare(shown, printed)


def test_an_id_of_the_page_stands_for_the_real_one_from_then_on() -> None:
    likeness = Likeness()
    likeness.compare([f"session {ID}"], [f"session {OTHER}"])
    assert likeness.real(f"parley sessions {ID}") == f"parley sessions {OTHER}"


def test_a_block_replaces_what_has_its_name_and_adds_the_rest() -> None:
    block = Block(
        "page.md", 1, "python", "# agent.py\nimport json\n\ndef b():\n    return 2\n\ndef c():\n    return 3\n"
    )
    module: dict[str, int] = {}
    exec(grown("A = 1\n\ndef b():\n    return 1\n", block), module)
    assert (module["A"], module["b"](), module["c"]()) == (1, 2, 3)  # type: ignore[operator]


def test_settings_are_added_by_their_key() -> None:
    block = Block("page.md", 1, "yaml", "# agent.yaml\ngrace: 5m\nname: b\n")
    assert grown("name: a\n", block).split("\n") == ["grace: 5m", "name: b", ""]


def test_a_console_block_is_commands_and_what_they_print() -> None:
    block = Block("page.md", 1, "console", "$ one \\\n    --two   # why\nthree\n\nfour\n$ five\n")
    assert block.commands == [("one --two", ["three", "", "four"]), ("five", [])]
