"""Law: what is read at one sitting stays small. Files, functions, module docstrings and the README have limits."""

import ast
from collections.abc import Iterator

from tests.laws.tree import ROOT, Breach, Source, assert_kept, is_broken_by

FILE_LINES = 400
FUNCTION_LINES = 50
DOCSTRING_LINES = 5
README_LINES = 150
# Lines that begin so are a drawing or a table, and free: a module's errors are best seen as a tree.
DRAWING = (" ", "├", "│", "└")


def long_file(source: Source) -> Iterator[Breach]:
    if source.lines > FILE_LINES:
        yield Breach(source.path, FILE_LINES + 1, f"{source.lines} lines, {FILE_LINES} are allowed: split it")


def long_function(source: Source) -> Iterator[Breach]:
    for node in source.nodes:
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            lines = (node.end_lineno or node.lineno) - node.lineno + 1
            if lines > FUNCTION_LINES:
                yield Breach(source.path, node.lineno, f"{node.name} has {lines} lines, {FUNCTION_LINES} are allowed")


def module_docstring(source: Source) -> Iterator[Breach]:
    is_empty_package = source.name == "__init__" and not source.tree.body
    if is_empty_package or source.is_stand_in:
        return
    docstring = ast.get_docstring(source.tree) or ""
    prose = [line for line in docstring.splitlines() if line and not line.startswith(DRAWING)]
    if not 1 <= len(prose) <= DOCSTRING_LINES:
        yield Breach(source.path, 1, f"say in 1 to {DOCSTRING_LINES} lines what the module owns and refuses")


def test_no_file_is_too_long(sources: list[Source]) -> None:
    assert_kept(long_file, sources)


def test_no_function_is_too_long(sources: list[Source]) -> None:
    assert_kept(long_function, sources)


def test_every_module_says_what_it_is_for(sources: list[Source]) -> None:
    assert_kept(module_docstring, sources)


def test_the_readme_is_short() -> None:
    readme = ROOT / "README.md"
    assert not readme.exists() or len(readme.read_text().splitlines()) <= README_LINES


def test_a_long_file_is_found() -> None:
    assert is_broken_by(long_file, "x = 1\n" * (FILE_LINES + 1))
    assert not is_broken_by(long_file, "x = 1\n" * FILE_LINES)


def test_a_long_function_is_found() -> None:
    assert is_broken_by(long_function, "async def f():\n" + "    x = 1\n" * FUNCTION_LINES)
    assert not is_broken_by(long_function, "async def f():\n" + "    x = 1\n" * (FUNCTION_LINES - 1))


def test_a_missing_or_rambling_docstring_is_found() -> None:
    assert is_broken_by(module_docstring, "x = 1\n")
    assert is_broken_by(module_docstring, '"""' + "word\n" * (DOCSTRING_LINES + 1) + '"""\n')
    assert not is_broken_by(module_docstring, '"""Owns x."""\nx = 1\n')
    assert not is_broken_by(module_docstring, '"""Owns the errors:\n\nError\n' + "├── One\n" * 9 + '"""\n')
    assert not is_broken_by(module_docstring, "", "services/agent/parley_agent/__init__.py")
