"""Writes the chart's README.md from README.md.in and the comments of values.yaml, and the descriptions in its schema.

`python helm/readme.py` writes both; with `--verify` it changes nothing, and fails where they are not what it would
write, where a value has no description, or where schema and values.yaml do not know the same values.
"""

from __future__ import annotations

import json
import re
import sys
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml

CHART = Path(__file__).parent / "parley"
TABLES = "{{values}}"
KEY = re.compile(r"^(?P<indent> *)(?P<key>[A-Za-z][A-Za-z0-9]*):")
DESCRIPTION, HEADING = re.compile(r"^ *# -- (?P<text>.+)$"), re.compile(r"^# ## (?P<text>.+)$")
DESCRIBED_BY = "#/properties/defaults/properties/"
OF_ANY_CHART = {"global"}
EACH_SERVICE = ("tls", "existingSecrets")

Place = tuple[str, ...]


@dataclass
class Section:
    """A heading of values.yaml, the sentences under it, and the described values that follow."""

    title: str
    sentences: list[str] = field(default_factory=list)
    rows: list[tuple[Place, str]] = field(default_factory=list)


def sections(text: str) -> list[Section]:
    found: list[Section] = []
    keys: list[str] = []
    description = ""
    for line in text.splitlines():
        if heading := HEADING.match(line):
            found.append(Section(heading["text"]))
        elif said := DESCRIPTION.match(line):
            description = said["text"]
        elif key := KEY.match(line):
            keys[len(key["indent"]) // 2 :] = [key["key"]]
            if description:
                found[-1].rows.append((tuple(keys), description))
            description = ""
        elif found and line.startswith("# ") and not found[-1].rows:
            found[-1].sentences.append(line.removeprefix("# "))
    return found


def tables(found: list[Section], values: dict[str, Any]) -> str:
    return "\n\n".join("\n".join(_table(section, values)) for section in found)


def _table(section: Section, values: dict[str, Any]) -> Iterator[str]:
    yield f"### {section.title}\n"
    if section.sentences:
        yield " ".join(section.sentences) + "\n"
    yield "| value | | default |\n|---|---|---|"
    for path, description in section.rows:
        default = json.dumps(value_at(values, path), ensure_ascii=False).replace("|", "\\|")
        yield f"| `{'.'.join(path)}` | {description.replace('|', chr(92) + '|')} | `{default}` |"


def value_at(values: Any, path: Place) -> Any:
    for key in path:
        values = values[key]
    return values


def described_schema(schema: dict[str, Any], found: list[Section]) -> dict[str, Any]:
    for section in found:
        for path, description in section.rows:
            place = schema
            for key in path:
                # What the schema does not know is a stranger, and told as that.
                place = place.get("properties", {}).get(key, {})
            place["description"] = description.replace("`", "")
    return schema


def undescribed(values: Any, described: set[Place], path: Place = ()) -> Iterator[str]:
    if path in described:
        return
    if not isinstance(values, dict) or not values:
        yield f"values.yaml: {'.'.join(path)} has no description; write `# -- ...` above it"
        return
    for key, value in values.items():
        yield from undescribed(value, described, (*path, key))


def strangers(schema: dict[str, Any], values: Any, path: Place = ()) -> Iterator[str]:
    """Values that only one of the schema and values.yaml knows. What refers to `defaults` is theirs."""
    properties = schema.get("properties")
    if not isinstance(properties, dict) or not isinstance(values, dict):
        return
    for key in values.keys() - properties.keys():
        yield f"values.schema.json: knows no {'.'.join((*path, key))}, which values.yaml has"
    for key, place in properties.items():
        if key in values:
            yield from strangers(place, values[key], (*path, key))
        elif not (place.get("$ref", "").startswith(DESCRIBED_BY) or key in OF_ANY_CHART or path == EACH_SERVICE):
            yield f"values.yaml: has no {'.'.join((*path, key))}, which values.schema.json knows"


def main(arguments: list[str]) -> int:
    text = (CHART / "values.yaml").read_text()
    values, found = yaml.safe_load(text), sections(text)
    schema = described_schema(json.loads((CHART / "values.schema.json").read_text()), found)
    described = {path for section in found for path, _ in section.rows}
    problems = [*undescribed(values, described), *strangers(schema, values)]
    written = {
        CHART / "README.md": (CHART / "README.md.in").read_text().replace(TABLES, tables(found, values)),
        CHART / "values.schema.json": json.dumps(schema, indent=2, ensure_ascii=False) + "\n",
    }
    for file, content in written.items():
        if "--verify" not in arguments:
            file.write_text(content)
        elif not file.is_file() or file.read_text() != content:
            problems.append(f"{file.name}: is not what values.yaml says: run make generate and commit")
    print(*(problems or ["The chart's README and schema say what values.yaml says."]), sep="\n")  # noqa: T201
    return int(bool(problems))


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
