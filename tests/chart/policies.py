"""Who reaches whom by the NetworkPolicies of a cluster, as its documentation has it. Pure: no network runs here."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from ipaddress import ip_address, ip_network
from typing import Any

Object = dict[str, Any]
NAMESPACE_NAME = "kubernetes.io/metadata.name"


@dataclass(frozen=True)
class Pod:
    """`ports` are those of its containers, by name."""

    namespace: str
    labels: Mapping[str, str]
    address: str = "10.244.0.9"
    ports: Mapping[str, int] = field(default_factory=dict)
    namespace_labels: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Outside:
    """What is no pod of the cluster: a server, the API server, the cloud's metadata."""

    address: str


Party = Pod | Outside


def reaches(policies: Iterable[Object], source: Party, target: Party, port: int, protocol: str = "TCP") -> bool:
    """Whether a connection is let out at its source and let in at its target."""
    policies = list(policies)
    out = _is_let(policies, source, target, "Egress", target, port, protocol)
    return out and _is_let(policies, target, source, "Ingress", target, port, protocol)


def lets_in(policies: Iterable[Object], source: Party, target: Party, port: int, protocol: str = "TCP") -> bool:
    """The target's side of it: whether it would be let in if it were let out."""
    return _is_let(list(policies), target, source, "Ingress", target, port, protocol)


def _is_let(
    policies: list[Object], subject: Party, peer: Party, direction: str, target: Party, port: int, protocol: str
) -> bool:
    if isinstance(subject, Outside):
        return True
    chosen = [one for one in policies if _isolates(one, subject, direction)]
    if not chosen:
        return True
    name, side = ("egress", "to") if direction == "Egress" else ("ingress", "from")
    return any(
        _has_port(rule.get("ports"), target, port, protocol) and _has_peer(rule.get(side), peer, policy)
        for policy in chosen
        for rule in policy["spec"].get(name) or []
    )


def _isolates(policy: Object, pod: Pod, direction: str) -> bool:
    spec = policy["spec"]
    kinds = spec.get("policyTypes") or ["Ingress", *(["Egress"] if "egress" in spec else [])]
    is_here = policy["metadata"]["namespace"] == pod.namespace
    return is_here and direction in kinds and selects(spec["podSelector"], pod.labels)


def _has_port(ports: list[Object] | None, target: Party, port: int, protocol: str) -> bool:
    return not ports or any(_is_port(one, target, port, protocol) for one in ports)


def _is_port(rule: Object, target: Party, port: int, protocol: str) -> bool:
    if rule.get("protocol", "TCP") != protocol:
        return False
    wanted: int | str | None = rule.get("port")
    if isinstance(wanted, str):
        return isinstance(target, Pod) and target.ports.get(wanted) == port
    if wanted is None:
        return True
    last: int = rule.get("endPort", wanted)
    return wanted <= port <= last


def _has_peer(peers: list[Object] | None, peer: Party, policy: Object) -> bool:
    return not peers or any(_is_peer(one, peer, policy) for one in peers)


def _is_peer(rule: Object, peer: Party, policy: Object) -> bool:
    if block := rule.get("ipBlock"):
        address = ip_address(peer.address)
        return _is_in(address, block["cidr"]) and not any(_is_in(address, one) for one in block.get("except", []))
    if isinstance(peer, Outside):
        return False
    if "namespaceSelector" in rule:
        names = {NAMESPACE_NAME: peer.namespace, **peer.namespace_labels}
        is_there = selects(rule["namespaceSelector"], names)
    else:
        is_there = peer.namespace == policy["metadata"]["namespace"]
    return is_there and selects(rule.get("podSelector") or {}, peer.labels)


def _is_in(address: Any, cidr: str) -> bool:
    network = ip_network(cidr)
    return bool(address.version == network.version and address in network)


def selects(selector: Object, labels: Mapping[str, str]) -> bool:
    """A label selector; an empty one selects everything."""
    if any(labels.get(key) != value for key, value in (selector.get("matchLabels") or {}).items()):
        return False
    return all(_holds(one, labels) for one in selector.get("matchExpressions") or [])


def _holds(expression: Object, labels: Mapping[str, str]) -> bool:
    key, values = expression["key"], expression.get("values", [])
    return {
        "In": labels.get(key) in values,
        "NotIn": labels.get(key) not in values,
        "Exists": key in labels,
        "DoesNotExist": key not in labels,
    }[str(expression["operator"])]
