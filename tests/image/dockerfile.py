"""The Dockerfile, stage by stage: as much of its grammar as ours uses."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass, field
from pathlib import Path

ROOT = Path(__file__).parents[2]


@dataclass
class Stage:
    """One FROM and what follows it, as pairs of an instruction and its words."""

    name: str
    base: str
    steps: list[tuple[str, str]] = field(default_factory=list)

    def words(self, instruction: str) -> list[str]:
        return [words for name, words in self.steps if name == instruction]

    @property
    def command(self) -> list[str]:
        [words] = self.words("CMD")
        found: list[str] = json.loads(words)
        return found

    @property
    def environment(self) -> dict[str, str]:
        return dict(pair.split("=", 1) for words in self.words("ENV") for pair in words.split())


def stages(text: str | None = None) -> list[Stage]:
    """In their order; the last one is the image."""
    text = (ROOT / "Dockerfile").read_text() if text is None else text
    lines = re.sub(r"^\s*#.*\n", "", text, flags=re.MULTILINE).replace("\\\n", " ").splitlines()
    found: list[Stage] = []
    for line in filter(str.strip, lines):
        instruction, words = line.split(None, 1)
        if instruction == "FROM":
            base, _, name = words.partition(" AS ")
            found.append(Stage(name.strip(), base.strip()))
        elif found:
            found[-1].steps.append((instruction, words.strip()))
    return found
