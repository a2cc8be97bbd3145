"""The pages hold together: what they link to is there, what they name is there, and no page is left out."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from tests.docs.pages import DOCS, ROOT, Block, anchors, blocks, links

PAGES = sorted(
    page
    for pattern in ("*.md", "docs/**/*.md", "agents/*.md", "examples/**/*.md", "services/*/*.md", "bench/*.md")
    for page in ROOT.glob(pattern)
)
# tests/laws holds the pages at the root to this already.
NAMED_PATH = re.compile(r"`((?:services|tests|protos|agents|bench|examples|docs)/[\w./-]*)`")
MADE_BY_THE_READER = re.compile(r"^\$ mkdir -p (\w+/\w+)", re.MULTILINE)


def broken_links(page: Path) -> list[str]:
    return [target for target in links(page.read_text()) if not resolves(page, target)]


def resolves(page: Path, target: str) -> bool:
    path, _, anchor = target.partition("#")
    place = (page.parent / path).resolve() if path else page
    return place.exists() and (not anchor or anchor in anchors(place.read_text()))


def absent_paths(page: Path) -> list[str]:
    text = page.read_text()
    made = tuple(MADE_BY_THE_READER.findall(text))
    return [path for path in NAMED_PATH.findall(text) if not (ROOT / path).exists() and not path.startswith(made)]


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_every_link_leads_somewhere(page: Path) -> None:
    assert broken_links(page) == []


@pytest.mark.parametrize("page", sorted(DOCS.glob("*.md")), ids=lambda page: page.name)
def test_every_path_that_a_page_of_docs_names_exists(page: Path) -> None:
    assert absent_paths(page) == []


def test_each_page_of_docs_is_linked_to_by_another() -> None:
    linked = {
        (page.parent / target.partition("#")[0]).resolve() for page in PAGES for target in links(page.read_text())
    }
    assert [page.name for page in DOCS.glob("*.md") if page not in linked] == []


@pytest.mark.parametrize("block", [block for page in sorted(DOCS.glob("*.md")) for block in blocks(page)], ids=str)
def test_every_block_says_what_it_is(block: Block) -> None:
    assert block.language in ("console", "python", "yaml")


def test_a_link_that_leads_nowhere_is_found(tmp_path: Path) -> None:
    page = tmp_path / "page.md"
    page.write_text(
        "# Here it is\n[a](page.md) [b](gone.md) [c](#here-it-is) [d](page.md#gone) [e](https://example.com)\n"
    )
    assert broken_links(page) == ["gone.md", "page.md#gone"]


def test_a_path_that_is_gone_is_found(tmp_path: Path) -> None:
    page = tmp_path / "page.md"
    page.write_text("```console\n$ mkdir -p agents/mine\n```\n`agents/mine/agent.py`, `agents/echo`, `agents/gone`\n")
    assert absent_paths(page) == ["agents/gone"]
