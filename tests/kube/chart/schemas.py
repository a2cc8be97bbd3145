"""The schemas of Kubernetes' own kinds, release by release, as the package kubernetes-validate carries them."""

from __future__ import annotations

from typing import Any

import jsonschema  # type: ignore[import-untyped]
from kubernetes_validate import utils  # type: ignore[import-untyped]
from referencing import Registry, Resource

Object = dict[str, Any]
RELEASES = [f"1.{minor}" for minor in range(30, 38)]
NOT_BUILT_IN = {"Certificate"}
"""Kinds whose schemas their own makers have."""


class Schemas:
    """Of one release. The package itself reads its megabytes anew for each object."""

    def __init__(self, release: str) -> None:
        self._folder = f"kubernetes-json-schema/v{release}.0-local-strict"
        definitions = utils.schema_contents(f"{self._folder}/_definitions.json", release)
        self._registry: Any = Resource.from_contents(definitions) @ Registry()
        self._release = release
        self._validators: dict[str, Any] = {}

    def problems(self, found: Object) -> list[str]:
        """Fields that are unknown, missing or of another type."""
        group, _, version = found["apiVersion"].rpartition("/")
        name = "-".join(filter(None, [found["kind"].lower(), group.partition(".")[0], version]))
        errors = self._validator(name).iter_errors(found)
        return [f"{found['kind']}/{found['metadata']['name']} {error.json_path}: {error.message}" for error in errors]

    def _validator(self, name: str) -> Any:
        if name not in self._validators:
            schema = utils.schema_contents(f"{self._folder}/{name}.json", self._release)
            registry = Resource.from_contents(schema) @ self._registry
            self._validators[name] = jsonschema.Draft202012Validator(schema, registry=registry)
        return self._validators[name]
