"""Pages of a list: PageSize, PageToken, and the links between pages: relative ones, or absolute ones in `meta`."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol, TypeVar
from urllib.parse import urlencode

from parley_simulator.domain.form import Form
from parley_simulator.domain.refusals import Refusal

DEFAULT_SIZE, MAX_SIZE = 50, 1000


class Item(Protocol):
    @property
    def sid(self) -> str: ...


ItemT = TypeVar("ItemT", bound=Item)


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


def cut(items: Sequence[ItemT], place: Place) -> tuple[Sequence[ItemT], bool, bool]:
    """The page of `items` at `place`, and whether there are items after it and before it. Raises Refusal 20006."""
    start, anchor = 0, place.after or place.before
    if anchor:
        at = next((position for position, item in enumerate(items) if item.sid == anchor), None)
        if at is None:
            raise Refusal(20006, "PageToken is not valid")
        start = at + 1 if place.after else max(at - place.size, 0)
    return items[start : start + place.size], start + place.size < len(items), start > 0


def meta(url: str, key: str, form: Form, place: Place, sids: Sequence[str], *, older: bool, newer: bool) -> object:
    """The paging of a v1 list: `url` is the list's own, `key` names its items."""
    paging = links(url, form, place, sids, older=older, newer=newer)
    return {
        "key": key,
        "page": place.page,
        "page_size": place.size,
        "first_page_url": paging["first_page_uri"],
        "previous_page_url": paging["previous_page_uri"],
        "next_page_url": paging["next_page_uri"],
        "url": paging["uri"],
    }


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
