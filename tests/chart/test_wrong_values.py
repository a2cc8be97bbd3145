"""Values that are wrong are refused before anything is installed, by words that name the value and the fix."""

from __future__ import annotations

import pytest

from tests.chart.rendering import RefusedError, merged, render, values_of
from tests.chart.wrong_values import FOLDER, WRONG, check_refusal
from tests.kube.tools import Helm


@pytest.mark.parametrize("name", WRONG)
def test_a_wrong_value_is_refused_with_its_remedy(helm: Helm, name: str) -> None:
    check_refusal(helm, name)


def test_everything_that_is_missing_is_told_at_once(helm: Helm) -> None:
    with pytest.raises(RefusedError) as refused:
        render(helm, {})
    said = str(refused.value)
    for name in ("publicUrl", "database.session", "database.notifier", "twilio.accounts", "api.existingSecret"):
        assert f"- {name}" in said


def test_wrong_values_of_two_kinds_are_told_at_once(helm: Helm) -> None:
    change = {"publicUrl": "sms", "ingress": {"enabled": True, "tls": {"enabled": True}}}
    with pytest.raises(RefusedError, match=r"(?s)publicUrl is sms.*ingress\.tls\.secretName is empty"):
        render(helm, merged(values_of("minimal"), change))


def test_each_golden_file_belongs_to_a_wrong_value() -> None:
    for folder in FOLDER.iterdir():
        assert {file.stem for file in folder.iterdir()} == set(WRONG), folder.name
