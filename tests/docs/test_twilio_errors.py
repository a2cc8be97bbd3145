"""The page about Twilio's error codes says of each what the notifier's table does."""

from __future__ import annotations

from parley_notifier.domain.error_codes import ANSWER, BOTH, ERROR_CODES, REPORT, ErrorCode, Verdict
from tests.docs.pages import DOCS

WHEN = {ANSWER: "at once", REPORT: "later", BOTH: "at once or later"}
HEAD = "| code | meaning | known | the text | stops | alarm | a new text may succeed |"


def line(row: ErrorCode) -> str:
    text = "suppressed from a toll-free number, else failed" if row.only_toll_free else row.verdict.value
    ends = row.verdict in (Verdict.FAIL, Verdict.HOLD)
    later = row.later or ("after a change" if ends and row.told else "") or "-"
    return f"| {row.code} | {row.meaning} | {WHEN[row.where]} | {text} | {row.stops or '-'} | " + (
        f"{'yes' if row.told else '-'} | {later} |"
    )


def test_the_page_has_the_table_as_it_is() -> None:
    rows = [row for row in (DOCS / "twilio-errors.md").read_text().splitlines() if row.startswith("|")]
    wanted = [HEAD, "|---|---|---|---|---|---|---|", *(line(ERROR_CODES[code]) for code in sorted(ERROR_CODES))]
    assert rows == wanted, "write these rows into docs/twilio-errors.md:\n" + "\n".join(wanted)
