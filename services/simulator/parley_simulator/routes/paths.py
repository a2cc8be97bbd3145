"""Finds what a path of the REST API names: a tree of segments, in which a literal one comes before a name."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterable
from dataclasses import dataclass, field
from typing import TypeAlias

from parley_simulator.routes.request import ApiRequest, Reply

Act: TypeAlias = Callable[[ApiRequest], Awaitable[Reply]]
SUFFIX = ".json"


@dataclass(frozen=True, slots=True)
class Endpoint:
    """`path` has names in braces: {account}, {sid} for the resource, {item} for what is in it."""

    method: str
    path: str
    operation: str
    act: Act


@dataclass(slots=True)
class Node:
    by_method: dict[str, Endpoint] = field(default_factory=dict)
    names: tuple[str, ...] = ()
    literal: dict[str, Node] = field(default_factory=dict)
    named: Node | None = None


@dataclass(frozen=True, slots=True)
class Found:
    by_method: dict[str, Endpoint]
    names: dict[str, str]


class Paths:
    def __init__(self, endpoints: Iterable[Endpoint]) -> None:
        self._root = Node()
        for endpoint in endpoints:
            self._add(endpoint)

    def find(self, path: str) -> Found | None:
        node, values = self._root, []
        for segment in _segments(path):
            following = node.literal.get(segment)
            if following is None:
                following = node.named if segment and segment != SUFFIX else None
                values.append(segment)
            if following is None:
                return None
            node = following
        return Found(node.by_method, dict(zip(node.names, values, strict=True))) if node.by_method else None

    def _add(self, endpoint: Endpoint) -> None:
        node, names = self._root, []
        for segment in _segments(endpoint.path):
            if segment.startswith("{"):
                names.append(segment[1:-1])
                node.named = node.named or Node()
                node = node.named
            else:
                node = node.literal.setdefault(segment, Node())
        node.names = tuple(names)
        node.by_method[endpoint.method] = endpoint


def _segments(path: str) -> list[str]:
    """The suffix is a segment of its own at the end."""
    if path.endswith(SUFFIX):
        return [*path[1 : -len(SUFFIX)].split("/"), SUFFIX]
    return path[1:].split("/")
