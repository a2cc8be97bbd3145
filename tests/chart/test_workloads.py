"""What holds of every pod that the chart makes, in every supported configuration."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable

import pytest

import parley_agent.settings
import parley_gateway.settings
import parley_notifier.settings
import parley_operator.settings
import parley_session.settings
from parley_chassis.environment import misspelt_variables, unknown_variables
from parley_chassis.grpc_server import DRAIN
from parley_chassis.settings import ProcessSettings, ServiceSettings
from parley_operator.workers.reconcile_numbers import GRACE
from tests.chart.rendering import (
    CONFIGURATIONS,
    Object,
    RefusedError,
    Rendered,
    containers,
    merged,
    render,
    strings,
    told,
    values_of,
    variables,
)
from tests.kube.tools import Helm

SETTINGS: dict[str, type[ServiceSettings]] = {
    "gateway": parley_gateway.settings.Settings,
    "session": parley_session.settings.Settings,
    "agent": parley_agent.settings.Settings,
    "notifier": parley_notifier.settings.Settings,
    "operator": parley_operator.settings.Settings,
}
CREDENTIALS = {"account_sid", "api_key_sid", "api_key_secret", "auth_token"}
EXAMPLES = ("minimal", "high-availability", "tls-secrets", "agents-image", "telemetry", "operator-namespaced")


@pytest.fixture(scope="module", params=EXAMPLES)
def rendered(configuration: Callable[[str], Rendered], request: pytest.FixtureRequest) -> Rendered:
    """`make test-kube` looks at all the others too, on a real API server."""
    return configuration(request.param)


def default(service: str, name: str) -> float:
    value = SETTINGS[service].model_fields[name].default
    assert isinstance(value, float)
    return value


def test_every_container_is_restricted_and_bounded(rendered: Rendered) -> None:
    for component, pod in rendered.pods.items():
        whole = pod["spec"]["securityContext"]
        assert whole["runAsNonRoot"] is True, component
        assert whole["seccompProfile"] == {"type": "RuntimeDefault"}, component
        for container in containers(pod):
            assert container["securityContext"] == {
                "allowPrivilegeEscalation": False,
                "readOnlyRootFilesystem": True,
                "capabilities": {"drop": ["ALL"]},
            }, component
            assert {"cpu", "memory"} <= set(container["resources"]["requests"]), component
            assert "memory" in container["resources"]["limits"], component


def test_secrets_come_by_reference(rendered: Rendered) -> None:
    assert not rendered.of_kind("Secret")
    for component, pod in rendered.pods.items():
        for container in containers(pod):
            shown = told(container)
            for name in ("PARLEY_API_KEY", "PARLEY_API_KEYS", "PARLEY_LOG_KEY", "PGPASSWORD"):
                assert name not in shown, component
            for value in strings(container):
                assert not re.search(r"://[^/@\s]+:[^/@\s]+@", value), f"{component} shows a password"


def test_references_are_to_secrets(rendered: Rendered) -> None:
    for component, pod in rendered.pods.items():
        for container in containers(pod):
            for name, entry in variables(container).items():
                assert "value" in entry or list(entry["valueFrom"]) == ["secretKeyRef"], f"{component}: {name}"


def test_whatever_selects_pods_does_so_in_every_version(rendered: Rendered) -> None:
    stable = {f"app.kubernetes.io/{name}" for name in ("name", "instance", "component")}
    for found in rendered.of_kind("Deployment", "PodDisruptionBudget"):
        assert set(found["spec"]["selector"]["matchLabels"]) == stable, found["metadata"]["name"]
    for service in rendered.of_kind("Service"):
        assert set(service["spec"]["selector"]) == stable
    for policy in rendered.of_kind("NetworkPolicy"):
        assert set(policy["spec"]["podSelector"]["matchLabels"]) <= stable
    for pod in rendered.pods.values():
        for constraint in pod["spec"].get("topologySpreadConstraints", []):
            assert set(constraint["labelSelector"]["matchLabels"]) == stable


def test_only_notifier_and_operator_hold_credentials_of_twilios(rendered: Rendered) -> None:
    assert holders(rendered, "twilio") == {"notifier", "operator"}
    # What webhooks are signed with is the gateway's.
    assert holders(rendered, "signatures") == {"gateway"}


def holders(rendered: Rendered, secret: str) -> set[str]:
    """Components with a pod that names a Secret of the example's Twilio accounts."""
    name = re.compile(rf"parley-{secret}(-second)?")
    return {
        component for component, pod in rendered.pods.items() if any(name.fullmatch(value) for value in strings(pod))
    }


def test_only_session_and_notifier_reach_a_database_each_with_its_own_role(rendered: Rendered) -> None:
    users = {
        component: {name for one in containers(pod) for name in variables(one) if name.endswith("_DATABASE_URL")}
        for component, pod in rendered.pods.items()
    }
    assert {name: urls for name, urls in users.items() if urls} == {
        "session": {"PARLEY_SESSION_DATABASE_URL"},
        "migrate-session": {"PARLEY_SESSION_DATABASE_URL"},
        "notifier": {"PARLEY_NOTIFIER_DATABASE_URL"},
        "migrate-notifier": {"PARLEY_NOTIFIER_DATABASE_URL"},
    }


def test_every_variable_is_a_setting_of_its_service(rendered: Rendered, monkeypatch: pytest.MonkeyPatch) -> None:
    for component, pod in rendered.pods.items():
        service = component.removeprefix("migrate-")
        for container in pod["spec"]["containers"]:
            given = Counter(entry["name"] for entry in container["env"])
            assert max(given.values()) == 1, f"{component}: {given.most_common(1)}"
            with monkeypatch.context() as patch:
                for name in given:
                    patch.setenv(name, "")
                assert not [*unknown_variables(SETTINGS[service]), *misspelt_variables(ProcessSettings)], component
            foreign = {name for name in given if name.startswith("PARLEY_")} - known(service)
            assert not foreign, component


def known(service: str) -> set[str]:
    own = {f"PARLEY_{service.upper()}_{name.upper()}" for name in SETTINGS[service].model_fields}
    return own | {f"PARLEY_{name.upper()}" for name in ProcessSettings.model_fields}


def test_pods_are_given_the_time_that_their_services_take_to_finish(rendered: Rendered) -> None:
    for component, pod in rendered.pods.items():
        if component.startswith("migrate"):
            continue
        spec = pod["spec"]
        [container] = spec["containers"]
        before = container.get("lifecycle", {}).get("preStop", {}).get("sleep", {}).get("seconds", 0)
        assert spec["terminationGracePeriodSeconds"] >= before + drain(component, told(container)), component


def drain(service: str, variables: dict[str, str]) -> float:
    """Seconds from SIGTERM to the end at the latest, as the services' own limits are."""
    return {
        "gateway": lambda: default("gateway", "receive_timeout") + default("gateway", "answer_timeout"),
        "session": lambda: float(variables["PARLEY_SESSION_DRAIN"]) + DRAIN,
        "agent": lambda: DRAIN,
        "notifier": lambda: default("notifier", "send_timeout") + DRAIN,
        "operator": lambda: GRACE,
    }[service]()


def test_callers_hear_of_a_pods_end_before_it_goes(rendered: Rendered) -> None:
    for component in ("gateway", "session", "agent", "notifier"):
        [container] = rendered.pods[component]["spec"]["containers"]
        assert container["lifecycle"]["preStop"]["sleep"]["seconds"] >= 5, component


def test_every_service_is_probed_at_its_start_and_as_long_as_it_lives(rendered: Rendered) -> None:
    for found in rendered.of_kind("Deployment"):
        [container] = found["spec"]["template"]["spec"]["containers"]
        ports = {port["name"]: port["containerPort"] for port in container["ports"]}
        for name in ("startupProbe", "readinessProbe", "livenessProbe"):
            probe = container[name]
            if "httpGet" in probe:
                assert probe["httpGet"]["port"] in ports
            elif "grpc" in probe:
                assert probe["grpc"]["port"] == ports["grpc"]
            else:
                assert str(ports["grpc"]) in " ".join(probe["exec"]["command"])
        patience = container["startupProbe"]["failureThreshold"] * container["startupProbe"]["periodSeconds"]
        assert patience >= 60, "a slow machine's first start"


def test_addresses_are_those_of_services_of_the_release(rendered: Rendered) -> None:
    services = {
        f"{one['metadata']['name']}:{port['port']}"
        for one in rendered.of_kind("Service")
        for port in one["spec"]["ports"]
    }
    for component, pod in rendered.pods.items():
        for container in pod["spec"]["containers"]:
            for name, value in told(container).items():
                if name.endswith(("_SESSION_ADDRESS", "_NOTIFIER_ADDRESS")):
                    assert value in services, f"{component}: {name}"
                if name == "PARLEY_SESSION_AGENTS":
                    addresses = {one for pair in value.split(",") for one in pair.partition("=")[2].split("|")}
                    assert addresses <= services, component


def test_services_select_the_pods_that_are_meant(rendered: Rendered) -> None:
    pods = rendered.pods
    for service in rendered.of_kind("Service"):
        chosen = [name for name, pod in pods.items() if service["spec"]["selector"].items() <= labels(pod).items()]
        [component] = chosen
        assert service["metadata"]["name"].endswith(f"-{component}")
        [container] = pods[component]["spec"]["containers"]
        ports = {port["name"]: port["containerPort"] for port in container["ports"]}
        for port in service["spec"]["ports"]:
            assert port["targetPort"] in ports
        is_headless = service["spec"].get("clusterIP") == "None"
        assert is_headless == (component != "gateway"), "gRPC's callers spread over the pods themselves"


def labels(pod: Object) -> dict[str, str]:
    found: dict[str, str] = pod["metadata"]["labels"]
    return found


def test_only_the_operator_may_speak_to_the_api_server(rendered: Rendered) -> None:
    for component, pod in rendered.pods.items():
        assert pod["spec"]["automountServiceAccountToken"] is (component == "operator"), component
    bound = {
        subject["name"]
        for binding in rendered.of_kind("RoleBinding", "ClusterRoleBinding")
        for subject in binding["subjects"]
    }
    assert bound == {rendered.pods["operator"]["spec"]["serviceAccountName"]}


def test_every_service_has_an_account_of_its_own(rendered: Rendered) -> None:
    made = {one["metadata"]["name"] for one in rendered.of_kind("ServiceAccount")}
    used = {component: pod["spec"]["serviceAccountName"] for component, pod in rendered.pods.items()}
    assert set(used.values()) == made
    services = [name for component, name in used.items() if not component.startswith("migrate")]
    assert len(set(services)) == len(services)


def test_images_are_of_one_tag_unless_a_digest_says_otherwise(rendered: Rendered) -> None:
    images = {
        component.removeprefix("migrate-"): container["image"]
        for component, pod in rendered.pods.items()
        for container in pod["spec"]["containers"]
    }
    for component, image in images.items():
        assert re.fullmatch(rf"(\S+/)?parley-{component}(:0\.1\.0|@sha256:[0-9a-f]{{64}})", image)
    for component, pod in rendered.pods.items():
        for container in pod["spec"]["containers"]:
            assert container["image"] == images[component.removeprefix("migrate-")], "migrations are of the same image"


def test_a_tag_and_digests_are_taken_over(helm: Helm) -> None:
    digest = "sha256:" + "0" * 64
    change = {"image": {"registry": "r.example.com/p", "tag": "7"}, "session": {"image": {"digest": digest}}}
    rendered = render(helm, merged(values_of("minimal"), change))
    images = {name: pod["spec"]["containers"][0]["image"] for name, pod in rendered.pods.items()}
    assert images["session"] == images["migrate-session"] == f"r.example.com/p/parley-session@{digest}"
    assert images["gateway"] == "r.example.com/p/parley-gateway:7"


def test_agents_of_an_image_are_copied_past_the_mount(configuration: Callable[[str], Rendered]) -> None:
    pod = configuration("agents-image").pods["agent"]
    [copy], [agent] = pod["spec"]["initContainers"], pod["spec"]["containers"]
    [mount] = copy["volumeMounts"]
    source, target = copy["command"][-2:]
    assert target.rstrip("/") == mount["mountPath"]
    assert not f"{source}/".startswith(f"{mount['mountPath']}/"), "the mount hides what is to be copied"
    assert not f"{mount['mountPath']}/".startswith(source.rstrip("/.") + "/"), "it would be copied into itself"
    [served] = [one for one in agent["volumeMounts"] if one["name"] == mount["name"]]
    assert told(agent)["PARLEY_AGENT_DIRECTORY"] == served["mountPath"]


def test_services_are_commands_without_a_shell(rendered: Rendered) -> None:
    for component, pod in rendered.pods.items():
        for container in pod["spec"]["containers"]:
            service = component.removeprefix("migrate-")
            migrate = ["migrate"] if component.startswith("migrate-") else []
            assert container["command"] == ["python", "-m", f"parley_{service}", *migrate]
            assert "args" not in container


def test_the_operator_is_never_doubled(available: Rendered) -> None:
    operator = available.the("Deployment", "operator")["spec"]
    assert (operator["replicas"], operator["strategy"]["type"]) == (1, "Recreate")
    scaled = {one["spec"]["scaleTargetRef"]["name"] for one in available.of_kind("HorizontalPodAutoscaler")}
    assert "parley-operator" not in scaled


def test_replicas_of_an_autoscaler_are_its_own(available: Rendered) -> None:
    scaled = {one["spec"]["scaleTargetRef"]["name"] for one in available.of_kind("HorizontalPodAutoscaler")}
    assert scaled == {"parley-gateway", "parley-session", "parley-agent"}
    for found in available.of_kind("Deployment"):
        assert ("replicas" in found["spec"]) is (found["metadata"]["name"] not in scaled)


def test_pods_are_spread_over_their_own_kind(available: Rendered) -> None:
    for component in ("gateway", "session", "agent", "notifier"):
        pod = available.pods[component]
        for constraint in pod["spec"]["topologySpreadConstraints"]:
            assert constraint["labelSelector"]["matchLabels"].items() <= labels(pod).items(), component
        budget = available.the("PodDisruptionBudget", component)["spec"]
        assert budget["selector"]["matchLabels"].items() <= labels(pod).items()


def test_each_ingress_leads_to_the_gateway(available: Rendered) -> None:
    [ingress] = available.of_kind("Ingress")
    services = {one["metadata"]["name"]: one for one in available.of_kind("Service")}
    [rule] = ingress["spec"]["rules"]
    assert rule["host"] == "sms.example.com"
    for path in rule["http"]["paths"]:
        backend = path["backend"]["service"]
        assert backend["name"] == "parley-gateway"
        assert backend["port"] in [{"name": one["name"]} for one in services[backend["name"]]["spec"]["ports"]]
        assert not "/health/ready".startswith(path["path"].rstrip("/") + "/")
    assert {"/twilio", "/v1"} <= {path["path"] for path in rule["http"]["paths"]}


def test_certificates_are_mounted_whole_so_that_new_ones_arrive(mutual: Rendered) -> None:
    for component in ("gateway", "session", "agent", "notifier", "operator"):
        pod = mutual.pods[component]
        [container] = pod["spec"]["containers"]
        [mount] = [one for one in container["volumeMounts"] if one["name"] == "tls"]
        assert "subPath" not in mount, "what is mounted so never changes"
        given = told(container)
        for name in ("PARLEY_TLS_CERTIFICATE", "PARLEY_TLS_KEY", "PARLEY_TLS_CA"):
            assert given[name].startswith(f"{mount['mountPath']}/")
        [volume] = [one for one in pod["spec"]["volumes"] if one["name"] == "tls"]
        assert volume["secret"]["secretName"] == f"tls-{component}"
        assert "PARLEY_API_KEYS" not in variables(container)


def test_a_second_installation_has_names_of_its_own(helm: Helm, minimal: Rendered) -> None:
    other = render(helm, values_of("minimal"), release="second")
    names = {(one["kind"], one["metadata"]["name"]) for one in minimal.objects}
    assert not names & {(one["kind"], one["metadata"]["name"]) for one in other.objects}
    assert {one["metadata"]["name"] for one in other.of_kind("Deployment")} == {
        f"second-parley-{name}" for name in other.components
    }


def test_names_that_are_long_are_cut_where_kubernetes_would_refuse_them(helm: Helm) -> None:
    rendered = render(helm, values_of("minimal"), release="r" * 53)
    for one in rendered.objects:
        # Those of roles are bounded by nothing.
        assert len(one["metadata"]["name"]) <= 63 or "rbac" in one["apiVersion"]
        assert all(len(value) <= 63 for value in one["metadata"].get("labels", {}).values())


def test_there_are_values_for_each_supported_configuration() -> None:
    assert len(CONFIGURATIONS) >= 10
    for path in CONFIGURATIONS:
        assert path.read_text().startswith("# "), f"{path.name} begins with what it is"


def test_refusals_are_errors(helm: Helm) -> None:
    with pytest.raises(RefusedError):
        render(helm, {})
