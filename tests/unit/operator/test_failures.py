"""Twilio's refusals: each code has a class, words that name the next step, and a pause that fits."""

from __future__ import annotations

import pytest

from parley_operator.domain.failures import REFUSED, Kind, refusal

CODES = [21402, 21403, 21404, 21406, 21407, 21421, 21422, 21451, 21452, 21613, 21615, 21631, 21649, 21650]
CODES += [21710, 21711, 21712, 21714, 21715, 22300, 20003, 20429]


@pytest.mark.parametrize("code", CODES)
def test_a_known_code_says_what_to_do(code: int) -> None:
    failure = refusal(400, code)
    assert failure.code == code
    assert failure.reason.isalnum()
    assert failure.message.endswith(".")
    assert failure.retry_after > 0


@pytest.mark.parametrize(
    ("status", "kind"),
    [(401, Kind.ADMIN), (403, Kind.ADMIN), (404, Kind.GONE), (429, Kind.BUSY), (500, Kind.OPEN), (503, Kind.OPEN)],
)
def test_an_answer_without_a_code_is_judged_by_its_status(status: int, kind: Kind) -> None:
    assert refusal(status, 0).kind is kind


def test_a_code_that_nobody_knows_is_named_with_its_page() -> None:
    failure = refusal(400, 29999)
    assert failure.kind is Kind.SPEC
    assert "errors/29999" in failure.message


def test_what_passes_by_itself_is_tried_again_soon_and_what_a_person_mends_later() -> None:
    pauses = {
        kind: {refusal(400, code).retry_after for code, (of, *_) in REFUSED.items() if of is kind} for kind in Kind
    }
    assert max(pauses[Kind.BUSY]) < min(pauses[Kind.ADMIN]) < min(pauses[Kind.SPEC])
