"""Who reaches whom by the chart's NetworkPolicies: a table for the least configuration, and what values change."""

from __future__ import annotations

from collections.abc import Callable, Iterable

import pytest

from tests.chart.policies import Outside, Party, Pod, lets_in, reaches, selects
from tests.chart.rendering import (
    COMPONENT,
    NAMESPACE,
    Object,
    Rendered,
    component_of,
    containers,
    merged,
    render,
    values_of,
)
from tests.kube.tools import Helm

Configuration = Callable[[str], Rendered]
CLIENT = {"parley.dev/client": "true"}
TARGETS: dict[str, tuple[Party | str, int]] = {
    "gateway": ("gateway", 8080),
    "session": ("session", 50051),
    "agent": ("agent", 50052),
    "notifier": ("notifier", 50053),
    "operator": ("operator", 8082),
    "database": (Outside("10.20.30.40"), 5432),
    "internet": (Outside("203.0.113.10"), 443),
    "cluster": (Outside("10.96.7.7"), 443),
    "metadata": (Outside("169.254.169.254"), 80),
    "apiserver": (Outside("10.96.0.1"), 6443),
    "other": (Pod("elsewhere", {"app": "other"}), 8080),
}
# A row for each source: what it reaches.
TABLE = """
gateway           session notifier
session           agent notifier database
agent             internet
notifier          session database internet
operator          session internet cluster apiserver
migrate-session   database
migrate-notifier  database
client            gateway session database internet cluster metadata apiserver other
stranger          gateway database internet cluster metadata apiserver other
far-client        gateway database internet cluster metadata apiserver other
ingress           gateway database internet cluster metadata apiserver other
"""
# Who is let in there, whoever lets them out.
DOORS = """
gateway   session agent notifier operator migrate-session migrate-notifier client stranger far-client ingress
session   gateway notifier operator client
agent     session
notifier  gateway session
operator
"""
SOURCES: dict[str, Party] = {
    "client": Pod(NAMESPACE, CLIENT),
    "stranger": Pod(NAMESPACE, {"app": "other"}),
    "far-client": Pod("web", CLIENT, namespace_labels={"team": "web-chat"}),
    "ingress": Pod("ingress-nginx", {"app": "controller"}),
}


def pods(rendered: Rendered) -> dict[str, Pod]:
    """A pod of each Deployment and Job."""
    return {
        component: Pod(
            NAMESPACE,
            template["metadata"]["labels"],
            ports={p["name"]: p["containerPort"] for c in containers(template) for p in c.get("ports", [])},
        )
        for component, template in rendered.pods.items()
    }


def policies(rendered: Rendered) -> list[Object]:
    return [merged({"metadata": {"namespace": NAMESPACE}}, one) for one in rendered.of_kind("NetworkPolicy")]


def reached(rendered: Rendered, source: str, names: Iterable[str] = TARGETS) -> list[str]:
    there, rules = pods(rendered), policies(rendered)
    party = there.get(source) or SOURCES[source]
    found = []
    for name in names:
        target, port = TARGETS[name]
        to = there[target] if isinstance(target, str) else target
        if source != name and reaches(rules, party, to, port):
            found.append(name)
    return found


@pytest.mark.parametrize("row", TABLE.strip().splitlines(), ids=lambda row: row.split()[0])
def test_each_pod_reaches_what_it_needs_and_no_more(minimal: Rendered, row: str) -> None:
    source, *expected = row.split()
    assert reached(minimal, source) == expected


@pytest.mark.parametrize("row", DOORS.strip().splitlines(), ids=lambda row: row.split()[0])
def test_each_pod_is_reached_by_who_needs_it_and_nobody_else(minimal: Rendered, row: str) -> None:
    name, *expected = row.split()
    there, rules = pods(minimal), policies(minimal)
    everybody = {**there, **SOURCES}
    let_in = [one for one, party in everybody.items() if lets_in(rules, party, there[name], TARGETS[name][1])]
    assert set(let_in) - {name} == set(expected)


def test_every_pod_is_covered_in_both_directions(minimal: Rendered, available: Rendered, mutual: Rendered) -> None:
    for rendered in (minimal, available, mutual):
        for name, pod in pods(rendered).items():
            covering = [one for one in policies(rendered) if selects(one["spec"]["podSelector"], pod.labels)]
            assert covering, name
            assert all(one["spec"]["policyTypes"] == ["Ingress", "Egress"] for one in covering), name


def test_all_pods_of_the_release_ask_dns_and_nobody_else_for_names(minimal: Rendered) -> None:
    dns, fake = Pod("kube-system", {"k8s-app": "kube-dns"}), Pod("elsewhere", {"k8s-app": "kube-dns"})
    for pod in pods(minimal).values():
        for protocol in ("UDP", "TCP"):
            assert reaches(policies(minimal), pod, dns, 53, protocol)
            assert not reaches(policies(minimal), pod, fake, 53, protocol)


def test_health_of_the_operator_is_the_kubelets_alone(minimal: Rendered) -> None:
    rules, there = policies(minimal), pods(minimal)
    everybody = [*there.values(), *SOURCES.values()]
    assert not any(reaches(rules, source, there["operator"], 8082) for source in everybody)


def test_a_release_is_closed_to_another_of_the_same_namespace(helm: Helm, minimal: Rendered) -> None:
    other = render(helm, values_of("minimal"), release="second-parley")
    rules = policies(minimal) + policies(other)
    assert not reaches(rules, pods(other)["gateway"], pods(minimal)["session"], 50051)
    assert reaches(rules, pods(other)["gateway"], pods(other)["session"], 50051)


def test_the_ingress_controller_may_be_the_only_way_in(available: Rendered) -> None:
    assert reached(available, "ingress", ["gateway"]) == ["gateway"]
    assert reached(available, "stranger", ["gateway"]) == []


def test_clients_of_named_namespaces_reach_the_session_api_and_nothing_else(available: Rendered) -> None:
    services = ["gateway", "session", "agent", "notifier", "operator"]
    assert reached(available, "far-client", services) == ["session"]
    there, rules = pods(available), policies(available)
    unlabelled = Pod("web", {"app": "web"}, namespace_labels={"team": "web-chat"})
    assert not reaches(rules, unlabelled, there["session"], 50051)


def test_a_named_database_is_the_only_one_reached(available: Rendered) -> None:
    for source in ("session", "notifier", "migrate-session"):
        there, rules = pods(available)[source], policies(available)
        assert reaches(rules, there, Outside("10.20.30.40"), 5432)
        assert not reaches(rules, there, Outside("10.20.31.40"), 5432)


def test_spans_reach_the_collector(configuration: Configuration) -> None:
    rendered = configuration("telemetry")
    collector = Pod("observability", {"app": "collector"})
    there, rules = pods(rendered), policies(rendered)
    senders = {name for name, pod in there.items() if reaches(rules, pod, collector, 4317)}
    traced = {
        name
        for name, pod in rendered.pods.items()
        if any(entry["name"] == "PARLEY_OTLP_ENDPOINT" for one in containers(pod) for entry in one["env"])
    }
    assert senders == traced
    assert {"gateway", "session", "agent", "notifier"} <= senders


def test_policies_can_be_left_out(configuration: Configuration) -> None:
    rendered = configuration("no-policies-no-hooks")
    assert not rendered.of_kind("NetworkPolicy")


def test_agents_of_other_namespaces_are_reached(configuration: Configuration) -> None:
    rendered = configuration("agents-elsewhere")
    there, rules = pods(rendered), policies(rendered)
    assert reaches(rules, there["session"], Pod("bots", {"app": "bot"}), 50052)
    assert "agent" not in there
    assert {component_of(one) for one in rendered.of_kind("NetworkPolicy")} == {
        "gateway", "session", "notifier", "operator", "migrate"
    }  # fmt: skip
    assert all(COMPONENT in one["metadata"]["labels"] for one in rendered.of_kind("NetworkPolicy"))
