"""The pages as the tests read them: their code blocks in order, their links, and the agent that a tutorial builds.

A block's first line may name a file in a comment, `# agent.py`; further blocks of the same file add to it.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

import yaml

ROOT = Path(__file__).resolve().parents[2]
DOCS = ROOT / "docs"
SHOWN = re.compile(r"^```(\w*)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
FILE_NAME = re.compile(r"# (\S+\.\w+)\n")
LINK = re.compile(r"\[[^]]*\]\(([^)\s]+)\)")


@dataclass(frozen=True)
class Block:
    """A fenced block: its language, its text, the line of the page that it begins on."""

    page: str
    line: int
    language: str
    text: str

    def __str__(self) -> str:
        return f"{self.page}:{self.line}"

    @property
    def file(self) -> str:
        """The file that the block is a part of; empty for one that is none's."""
        named = FILE_NAME.match(self.text)
        return named[1] if named else ""

    @property
    def commands(self) -> list[tuple[str, list[str]]]:
        """The commands of a console block, each with the lines that it prints. A `\\` at the end goes on below."""
        found: list[tuple[str, list[str]]] = []
        for line in re.sub(r"\\\n>? *", "", self.text).splitlines():
            if line.startswith("$ "):
                # What stands behind a wide gap is for the reader.
                found.append((re.sub(r" {2,}# .*", "", line[2:]), []))
            elif found:
                found[-1][1].append(line)
        return found


def blocks(page: Path) -> list[Block]:
    text = page.read_text()
    place = str(page.relative_to(ROOT)) if page.is_relative_to(ROOT) else page.name
    return [Block(place, text.count("\n", 0, shown.start()) + 1, shown[1], shown[2]) for shown in SHOWN.finditer(text)]


def links(text: str) -> list[str]:
    """What a page links to, but for other hosts."""
    without_code = SHOWN.sub("", text)
    return [target for target in LINK.findall(without_code) if "://" not in target]


def anchors(text: str) -> set[str]:
    """The names under which a page's headings can be linked to, as GitHub makes them."""
    headings = re.findall(r"^#+ (.*)$", SHOWN.sub("", text), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


def grown(before: str, block: Block) -> str:
    """The file after `block`: its functions and constants take the place of those of the same name, or are added."""
    if block.file.endswith(".yaml"):
        return yaml.safe_dump({**(yaml.safe_load(before) or {}), **(yaml.safe_load(block.text) or {})})
    parts = {**_parts(before), **_parts(block.text)}
    return "\n\n\n".join(sorted(parts.values(), key=lambda part: not part.startswith(("import", "from")))) + "\n"


def _parts(code: str) -> Mapping[str, str]:
    """A module's top-level statements by the name they bind; imports by their own text."""
    return {name: ast.unparse(node) for node in ast.parse(code).body for name in _names(node)}


def _names(node: ast.stmt) -> Iterator[str]:
    match node:
        case ast.FunctionDef(name=name) | ast.AsyncFunctionDef(name=name) | ast.ClassDef(name=name):
            yield name
        case ast.Assign(targets=[ast.Name(id=name)]):
            yield name
        case _:
            yield ast.unparse(node)
