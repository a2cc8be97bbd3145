"""The pages show one PhoneNumber: the one of examples/, which make test-kube applies."""

from __future__ import annotations

from tests.docs.pages import DOCS, ROOT, blocks

EXAMPLE = (ROOT / "examples/phone-number.yaml").read_text()


def test_every_phone_number_that_a_page_shows_is_the_example() -> None:
    pages = [ROOT / "README.md", *sorted(DOCS.glob("*.md"))]
    shown = [block for page in pages for block in blocks(page) if "kind: PhoneNumber\n" in block.text]
    assert {block.page for block in shown} >= {"docs/phone-numbers.md"}
    assert {str(block) for block in shown if block.text != EXAMPLE} == set()
