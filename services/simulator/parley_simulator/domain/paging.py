"""Pages of a 2010-04-01 list: PageSize, PageToken, and the relative links between pages."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from urllib.parse import urlencode

from parley_simulator.domain.form import Form
from parley_simulator.domain.refusals import Refusal

DEFAULT_SIZE, MAX_SIZE = 50, 1000


@dataclass(frozen=True, slots=True)
class Place:
    """Where a page starts: after (older than) or before (newer than) the item with this sid, or at the top."""

    page: int
    size: int
    after: str = ""
    before: str = ""

    @classmethod
    def read(cls, form: Form) -> Place:
        """`Page` only names the page: without a PageToken every page is the first, as at Twilio."""
        size = _whole(form.get("PageSize"), DEFAULT_SIZE, "PageSize")
        if not 1 <= size <= MAX_SIZE:
            raise Refusal(20007, "Page size must be between 1 and 1000")
        page = _whole(form.get("Page"), 0, "Page")
        token = form.get("PageToken")
        if token and not token.startswith(("PA", "PB")):
            raise Refusal(20006, "PageToken is not valid")
        sid = token[2:]
        return cls(page, size, after=sid if token[:2] == "PA" else "", before=sid if token[:2] == "PB" else "")


def links(path: str, form: Form, place: Place, sids: Sequence[str], *, older: bool, newer: bool) -> dict[str, object]:
    """The paging fields of the answer. `sids` are the page's items; `older` and `newer`: whether there are more."""
    filters = [(name, value) for name, value in form.pairs() if name not in ("Page", "PageSize", "PageToken")]

    def link(page: int, token: str = "") -> str:
        query = [*filters, ("PageSize", str(place.size)), ("Page", str(page))]
        return f"{path}?{urlencode([*query, ('PageToken', token)] if token else query)}"

    start = place.page * place.size
    own = f"PA{place.after}" if place.after else f"PB{place.before}" if place.before else ""
    return {
        "first_page_uri": link(0),
        "end": start + max(len(sids) - 1, 0),
        "previous_page_uri": link(max(place.page - 1, 0), f"PB{sids[0]}") if newer and sids else None,
        "uri": link(place.page, own),
        "page_size": place.size,
        "start": start,
        "next_page_uri": link(place.page + 1, f"PA{sids[-1]}") if older and sids else None,
        "page": place.page,
    }


def _whole(text: str, default: int, name: str) -> int:
    if not text:
        return default
    try:
        return int(text)
    except ValueError:
        raise Refusal(20007, f"{name} must be a number") from None
