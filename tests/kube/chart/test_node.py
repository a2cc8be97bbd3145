"""The node that stands in for a kubelet: a container of a Pod gets what its manifest says, and nothing else."""

from __future__ import annotations

import json

from tests.kube.chart.node.kubelet import Kubelet
from tests.kube.client import CONFIG_MAPS, PODS, SECRETS, Client, Object

LOOK = """
import json, os, pathlib, socket
def can_write(path):
    try:
        pathlib.Path(path, 'x').write_text('x')
    except OSError as error:
        return error.strerror
    return 'yes'
print(json.dumps({
  'user': [os.getuid(), os.getgid(), os.getgroups()], 'pid': os.getpid(), 'etc': sorted(os.listdir('/etc')),
  'environment': {name: os.environ.get(name) for name in ('PLAIN', 'MADE', 'WORD', 'NODE', 'PATH_OF_TESTS')},
  'write': {path: can_write(path) for path in ('/', '/usr', '/etc/parley/words', '/tmp')},
  'word': pathlib.Path('/etc/parley/words/word').read_text(), 'hidden': sorted(os.listdir('/etc/parley/words')),
  'privileges': [line for line in open('/proc/self/status') if line.startswith(('CapEff', 'NoNewPrivs'))],
}))
"""


def pod(name: str, command: list[str], **container: object) -> Object:
    security = {
        "runAsNonRoot": True,
        "runAsUser": 65532,
        "fsGroup": 65532,
        "seccompProfile": {"type": "RuntimeDefault"},
    }
    own = {"allowPrivilegeEscalation": False, "readOnlyRootFilesystem": True, "capabilities": {"drop": ["ALL"]}}
    main = {"name": "main", "image": "none", "command": command, "securityContext": own, **container}
    volumes = [{"name": "words", "secret": {"secretName": "words"}}, {"name": "tmp", "emptyDir": {}}]
    spec = {"restartPolicy": "Never", "securityContext": security, "containers": [main], "volumes": volumes}
    return {"kind": "Pod", "metadata": {"name": name}, "spec": spec}


async def test_a_container_has_what_its_manifest_says(kube: Client, namespace: str, node: Kubelet) -> None:
    secret = {"kind": "Secret", "metadata": {"name": "words"}, "stringData": {"word": "tree"}}
    await kube.create(SECRETS, secret, namespace)
    config = {"kind": "ConfigMap", "metadata": {"name": "plain"}, "data": {"value": "grass"}}
    await kube.create(CONFIG_MAPS, config, namespace)
    env = [
        {"name": "PLAIN", "valueFrom": {"configMapKeyRef": {"name": "plain", "key": "value"}}},
        {"name": "WORD", "valueFrom": {"secretKeyRef": {"name": "words", "key": "word"}}},
        {"name": "MADE", "value": "$(WORD) $$(WORD) $(NOBODY)"},
        {"name": "NODE", "valueFrom": {"fieldRef": {"fieldPath": "spec.nodeName"}}},
    ]
    mounts = [{"name": "words", "mountPath": "/etc/parley/words"}, {"name": "tmp", "mountPath": "/tmp"}]
    await kube.create(PODS, pod("looking", ["python", "-c", LOOK], env=env, volumeMounts=mounts), namespace)
    await kube.wait_for(PODS, "looking", lambda found: found["status"]["phase"] == "Succeeded", namespace)

    seen = json.loads(node.pods["looking"].tail().splitlines()[-1])
    assert seen["user"] == [65532, 65532, [65532]]
    assert seen["pid"] == 1
    assert seen["environment"] == {
        "PLAIN": "grass", "WORD": "tree", "MADE": "tree $(WORD) $(NOBODY)", "NODE": node.node, "PATH_OF_TESTS": None
    }  # fmt: skip
    refused = "Read-only file system"
    assert seen["write"] == {"/": refused, "/usr": refused, "/etc/parley/words": refused, "/tmp": "yes"}
    assert (seen["word"], seen["hidden"][-1]) == ("tree", "word")
    assert [line.split()[1] for line in seen["privileges"]] == ["0000000000000000", "1"]


async def test_a_missing_secret_is_named(kube: Client, namespace: str, node: Kubelet) -> None:
    env = [{"name": "WORD", "valueFrom": {"secretKeyRef": {"name": "nowhere", "key": "word"}}}]
    await kube.create(SECRETS, {"kind": "Secret", "metadata": {"name": "words"}}, namespace)
    await kube.create(PODS, pod("waiting", ["true"], env=env), namespace)
    while "waiting" not in node.pods or not node.pods["waiting"].problem:
        await node.kube.get(PODS, "waiting", namespace)
    assert 'secret "nowhere" not found' in node.problems


async def test_a_container_that_fails_says_so(kube: Client, namespace: str, node: Kubelet) -> None:
    await kube.create(SECRETS, {"kind": "Secret", "metadata": {"name": "words"}}, namespace)
    await kube.create(PODS, pod("failing", ["python", "-c", "raise SystemExit(3)"]), namespace)
    await kube.wait_for(PODS, "failing", lambda found: found["status"]["phase"] == "Failed", namespace)
    found = await kube.get(PODS, "failing", namespace)
    assert found["status"]["containerStatuses"][0]["state"]["terminated"]["exitCode"] == 3
