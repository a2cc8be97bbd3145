"""What makes the chart's README and the schema's descriptions from values.yaml, and notices where they part."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest

from helm import readme

VERIFY = ["--verify"]


@pytest.fixture
def chart(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A copy of the chart that a test may change."""
    copy = tmp_path / "parley"
    shutil.copytree(readme.CHART, copy)
    monkeypatch.setattr(readme, "CHART", copy)
    return copy


def change(file: Path, old: str, new: str) -> None:
    text = file.read_text()
    assert old in text
    file.write_text(text.replace(old, new, 1))


def test_the_chart_says_what_its_values_say() -> None:
    assert readme.main(VERIFY) == 0


def test_a_description_that_was_changed_is_noticed_until_it_is_written(
    chart: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    change(chart / "values.yaml", "# -- How fast", "# -- How quickly")
    assert readme.main(VERIFY) == 1
    assert capsys.readouterr().out.splitlines() == [
        "README.md: is not what values.yaml says: run make generate and commit",
        "values.schema.json: is not what values.yaml says: run make generate and commit",
    ]
    assert readme.main([]) == 0
    assert readme.main(VERIFY) == 0


def test_a_value_without_a_description_is_named(chart: Path, capsys: pytest.CaptureFixture[str]) -> None:
    change(chart / "values.yaml", "  # -- How fast", "  # How fast")
    assert readme.main([]) == 1
    assert "values.yaml: defaults.autoscaling.behavior has no description" in capsys.readouterr().out


def test_a_value_that_the_schema_does_not_know_is_named(chart: Path, capsys: pytest.CaptureFixture[str]) -> None:
    change(chart / "values.yaml", "notifier:\n  # -- Requests", "notifier:\n  pace: 3 # -- none\n  # -- Requests")
    assert readme.main(VERIFY) == 1
    assert "values.schema.json: knows no notifier.pace, which values.yaml has" in capsys.readouterr().out


def test_a_value_that_only_the_schema_knows_is_named(chart: Path, capsys: pytest.CaptureFixture[str]) -> None:
    schema = json.loads((chart / "values.schema.json").read_text())
    schema["properties"]["agent"]["properties"]["pace"] = {"type": "integer"}
    (chart / "values.schema.json").write_text(json.dumps(schema))
    assert readme.main(VERIFY) == 1
    assert "values.yaml: has no agent.pace, which values.schema.json knows" in capsys.readouterr().out
