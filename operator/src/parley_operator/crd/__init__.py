"""The CustomResourceDefinition of PhoneNumber: phonenumbers.yaml is the one source, the chart's is a copy."""

from __future__ import annotations

from importlib.resources import files


def text() -> str:
    """The manifest, as `kubectl apply -f` takes it."""
    return (files(__name__) / "phonenumbers.yaml").read_text(encoding="utf-8")
