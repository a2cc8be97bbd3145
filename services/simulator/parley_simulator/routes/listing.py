"""Pages of a list in the two ways of Twilio's APIs: links beside the items, or in `meta`."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from parley_simulator.domain.paging import ItemT, Place, cut, links, meta
from parley_simulator.routes.request import ApiRequest, Reply


def listed(request: ApiRequest, key: str, items: Sequence[ItemT], show: Callable[[ItemT], object]) -> Reply:
    """As the 2010 API does. Raises Refusal."""
    place = Place.read(request.query)
    page, older, newer = cut(items, place)
    paging = links(request.path, request.query, place, [item.sid for item in page], older=older, newer=newer)
    return 200, {**paging, key: [show(item) for item in page]}


def listed_in_meta(request: ApiRequest, key: str, items: Sequence[ItemT], show: Callable[[ItemT], object]) -> Reply:
    """As the APIs that came later do. Raises Refusal."""
    place = Place.read(request.query)
    page, older, newer = cut(items, place)
    sids = [item.sid for item in page]
    paging = meta(request.url(), key, request.query, place, sids, older=older, newer=newer)
    return 200, {"meta": paging, key: [show(item) for item in page]}
