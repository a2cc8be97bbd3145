"""The bytes of a call of the HTTP API as an entry describes it."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from tests.corpus.entries import BadEntry, Entry
from tests.corpus.webhook_bytes import participant_of
from tests.integration.gateway.twilio_side import request

KEYS = {"path", "method", "key", "json", "body", "headers"}


def api_bytes(entry: Entry, send: Mapping[str, Any], values: Mapping[str, str]) -> bytes:
    """`values` are what stands in braces: keys by their kind, ids of sessions. `json` is written as JSON."""
    if unknown := set(send) - KEYS:
        raise BadEntry(f"{entry.id}: {unknown} is no part of a call")

    def filled(text: str) -> str:
        for name, meant in {**values, "participant": participant_of(entry.number)}.items():
            text = text.replace(f"{{{name}}}", meant)
        return text

    content = b""
    if "json" in send:
        content = filled(json.dumps(send["json"])).encode()
    elif "body" in send:
        content = filled(send["body"]).encode("latin-1")
    headers: dict[str, str | None] = {"Content-Type": "application/json" if content else None}
    key = send.get("key", "all")
    if key is not None:
        headers["Authorization"] = f"Bearer {values.get(key, key)}"
    headers |= {name: value if value is None else filled(value) for name, value in send.get("headers", {}).items()}
    method = send.get("method") or ("POST" if content else "GET")
    return request(filled(send["path"]), content, headers, method)
