"""Renders the chart by the newest helm of the store, and reads what came out."""

from __future__ import annotations

import subprocess
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from tests.kube.tools import Helm

Object = dict[str, Any]
CHART = Path(__file__).parents[2] / "helm/parley"
CONFIGURATIONS = sorted((CHART / "ci").glob("*-values.yaml"))
"""A file for each supported configuration."""
SERVICES = ("gateway", "session", "agent", "notifier", "operator")
COMPONENT = "app.kubernetes.io/component"
NAMESPACE = "team-sms"


class RefusedError(Exception):
    """helm rendered nothing; its words are the message."""


@dataclass(frozen=True)
class Rendered:
    """What a release consists of, hooks included."""

    objects: list[Object]

    def of_kind(self, *kinds: str) -> list[Object]:
        return [one for one in self.objects if one["kind"] in kinds]

    def the(self, kind: str, component: str) -> Object:
        [found] = [one for one in self.of_kind(kind) if component_of(one) == component]
        return found

    @property
    def components(self) -> list[str]:
        """Those that have a Deployment."""
        return [component_of(one) for one in self.of_kind("Deployment")]

    @property
    def pods(self) -> dict[str, Object]:
        """The pod template of each Deployment and Job, by its component."""
        return {component_of(one): one["spec"]["template"] for one in self.of_kind("Deployment", "Job")}


def component_of(found: Object) -> str:
    return str(found["metadata"]["labels"].get(COMPONENT, ""))


def containers(pod: Object) -> list[Object]:
    return [*pod["spec"].get("initContainers", []), *pod["spec"]["containers"]]


def variables(container: Object) -> dict[str, Object]:
    """Each entry of `env`, by its name."""
    return {entry["name"]: entry for entry in container.get("env", [])}


def told(container: Object) -> dict[str, str]:
    """The variables whose values the manifest says."""
    return {name: entry["value"] for name, entry in variables(container).items() if "value" in entry}


def values_of(configuration: str) -> Object:
    """Of a file in ci/, by its name without `-values.yaml`."""
    content: Object = yaml.safe_load((CHART / "ci" / f"{configuration}-values.yaml").read_text())
    return content


def merged(base: Object, change: Object) -> Object:
    """As helm merges values: maps by key, anything else as a whole; None takes a key away."""
    result = {key: value for key, value in base.items() if change.get(key, value) is not None}
    for key, value in change.items():
        if value is None:
            continue
        both_maps = isinstance(value, dict) and isinstance(result.get(key), dict)
        result[key] = merged(result[key], value) if both_maps else value
    return result


def render(helm: Helm, values: Object, *flags: str, chart: Path = CHART, release: str = "parley") -> Rendered:
    """Raises RefusedError."""
    command = [str(helm.program), "template", release, str(chart), f"--namespace={NAMESPACE}", "--values=-", *flags]
    done = subprocess.run(command, input=yaml.safe_dump(values), capture_output=True, text=True, check=False)
    if done.returncode:
        raise RefusedError(done.stderr.strip())
    return Rendered(list(documents(done.stdout)))


def documents(text: str) -> Iterator[Object]:
    # The C parser: the other takes a second for what this takes a tenth.
    loader = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
    yield from filter(None, yaml.load_all(text, loader))


def strings(found: Any) -> Iterable[str]:
    """Every string in an object, keys left out."""
    if isinstance(found, dict):
        for value in found.values():
            yield from strings(value)
    elif isinstance(found, list):
        for value in found:
            yield from strings(value)
    elif isinstance(found, str):
        yield found
