"""What the chart lets the operator do is what operator/deploy/rbac.yaml does, for all namespaces and for some."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from pathlib import Path

from tests.chart.rendering import Object, Rendered, documents

RBAC = Path(__file__).parents[2] / "operator/deploy/rbac.yaml"
Configuration = Callable[[str], Rendered]
EVERYWHERE = "*"
Permission = tuple[str, str, str, str, str]
"""(namespace, API group, resource, name of one object or "", verb)"""


def granted(objects: Iterable[Object]) -> set[Permission]:
    """What the bindings among `objects` give, rule by rule."""
    objects = list(objects)
    found = set()
    for binding in objects:
        if not binding["kind"].endswith("Binding"):
            continue
        reference = binding["roleRef"]
        place = binding["metadata"].get("namespace", EVERYWHERE)
        [role] = [
            one
            for one in objects
            if (one["kind"], one["metadata"]["name"]) == (reference["kind"], reference["name"])
            and one["metadata"].get("namespace") in (None, place)
        ]
        assert len(binding["subjects"]) == 1
        for rule in role["rules"]:
            found |= {
                (place, group, resource, name, verb)
                for group in rule["apiGroups"]
                for resource in rule["resources"]
                for name in rule.get("resourceNames", [""])
                for verb in rule["verbs"]
            }
    return found


def test_all_namespaces_are_looked_after_as_the_operators_own_file_says(minimal: Rendered) -> None:
    assert granted(minimal.objects) == granted(documents(RBAC.read_text()))


def test_for_some_namespaces_nothing_is_given_elsewhere(configuration: Configuration) -> None:
    found = granted(configuration("operator-namespaced").objects)
    wide = granted(documents(RBAC.read_text()))
    namespaced = {one for one in wide if one[1] == "parley.dev" or one[2] == "events"}
    assert {one[0] for one in found} == {EVERYWHERE, "team-a", "team-b"}
    for namespace in ("team-a", "team-b"):
        assert {one[1:] for one in found if one[0] == namespace} == {one[1:] for one in namespaced}
    everywhere = {one for one in found if one[0] == EVERYWHERE}
    names = {(EVERYWHERE, "", "namespaces", name, "get") for name in ("team-a", "team-b")}
    assert everywhere == (wide - namespaced - {(EVERYWHERE, "", "namespaces", "", "get")}) | names


def test_nothing_is_given_to_all_verbs_resources_or_groups(minimal: Rendered) -> None:
    for permission in granted(minimal.objects):
        assert "*" not in permission[1:]
        assert permission[2] != "secrets"


def test_without_an_operator_nobody_has_permissions(configuration: Configuration) -> None:
    rendered = configuration("no-operator")
    assert not rendered.of_kind("Role", "ClusterRole", "RoleBinding", "ClusterRoleBinding")
    assert "operator" not in rendered.components
