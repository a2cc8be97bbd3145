"""Values that somebody gets wrong, each as a change of the least configuration; what helm says is kept in golden/.

`PARLEY_WRITE_GOLDEN=1` writes the files anew instead of comparing.
"""

from __future__ import annotations

import os
import re
from pathlib import Path

import pytest

from tests.chart.rendering import Object, RefusedError, merged, render, values_of
from tests.kube.tools import Helm

FOLDER = Path(__file__).parent / "golden"
BY_RENDERING = re.compile(r"^Error: .*?These values cannot be installed:\n\n|\n\n\nUse --debug flag.*$", re.DOTALL)
BY_SCHEMA = re.compile(r"^Error: values don't meet the specifications of the schema\(s\).*?:\nparley:\n", re.DOTALL)

WRONG: dict[str, Object] = {
    "a-key-with-a-slip": {"publicURL": "https://sms.example.com"},
    "a-key-at-the-wrong-place": {"session": {"workers": 3}},
    "a-second-source-of-agents": {"agents": {"volume": {"existingClaim": "agents"}}},
    "a-url-without-a-scheme": {"publicUrl": "sms.example.com"},
    "a-url-with-a-query": {"publicUrl": "https://sms.example.com/?a=b"},
    "a-url-for-twilio-that-is-none": {"twilio": {"apiUrl": "twilio"}},
    "agents-nowhere": {"agents": {"configMaps": {"echo": None}}},
    "an-account-that-nobody-named": {"twilio": {"sender": "second"}},
    "an-account-without-a-secret": {"twilio": {"accounts": {"default": {"existingSecret": ""}}}},
    "an-agent-address-without-a-port": {"agents": {"addresses": {"support": ["support-agents"]}}},
    "an-endpoint-for-spans-that-is-none": {"telemetry": {"otlpEndpoint": "collector:4317"}},
    "an-endpoint-for-spans-behind-the-policies": {"telemetry": {"otlpEndpoint": "http://collector:4317"}},
    "an-ingress-with-tls-and-without-a-certificate": {"ingress": {"enabled": True, "tls": {"enabled": True}}},
    "autoscaling-upside-down": {"gateway": {"autoscaling": {"enabled": True, "minReplicas": 9}}},
    "a-budget-that-no-node-survives": {"session": {"podDisruptionBudget": {"enabled": True, "minAvailable": 2}}},
    "a-credential-that-twilio-has-not": {"twilio": {"accounts": {"default": {"credential": "password"}}}},
    "a-digest-that-is-none": {"gateway": {"image": {"digest": "latest"}}},
    "a-log-level-that-is-none": {"logging": {"level": "LOUD"}},
    "a-secret-instead-of-its-name": {"api": {"existingSecret": "Very Secret!"}},
    "no-database-secret": {"database": {"session": {"existingSecret": ""}}},
    "no-keys-between-services": {"api": {"existingSecret": ""}},
    "no-public-url": {"publicUrl": ""},
    "no-secret-of-signatures": {"twilio": {"signatures": {"existingSecret": ""}}},
    "one-role-for-both-schemas": {"database": {"host": "db", "notifier": {"user": "parley_session"}}},
    "replicas-as-text": {"gateway": {"replicas": "3"}},
    "settings-that-the-chart-writes": {"session": {"extraEnv": [{"name": "PARLEY_SESSION_LISTEN", "value": ":1"}]}},
    "settings-for-development-only": {"gateway": {"extraEnv": [{"name": "PARLEY_INSECURE_DEV", "value": "1"}]}},
    "tls-by-two-ways": {
        "tls": {"enabled": True, "existingSecret": "tls", "certManager": {"enabled": True, "issuerRef": {"name": "ca"}}}
    },
    "tls-for-some-services-only": {"tls": {"enabled": True, "existingSecrets": {"gateway": "tls", "session": "tls"}}},
    "tls-secrets-without-tls": {"tls": {"existingSecret": "tls"}},
    "tls-without-a-secret": {"tls": {"enabled": True}},
    "too-little-time-to-finish": {"session": {"terminationGracePeriodSeconds": 30}},
    "verification-without-a-ca": {"database": {"host": "db", "sslMode": "verify-full"}},
}


def check_refusal(helm: Helm, name: str) -> None:
    """Fails unless helm refuses the values with the words of their file, which are those of its major version."""
    with pytest.raises(RefusedError) as refused:
        render(helm, merged(values_of("minimal"), WRONG[name]))
    said = BY_SCHEMA.sub("", BY_RENDERING.sub("", str(refused.value))).strip() + "\n"
    # One who has several mistakes has them in any order.
    said = "".join(sorted(said.splitlines(keepends=True)))
    file = FOLDER / f"helm-{helm.version.partition('.')[0]}" / f"{name}.txt"
    if os.environ.get("PARLEY_WRITE_GOLDEN") == "1":
        file.parent.mkdir(exist_ok=True)
        file.write_text(said)
    assert said == (file.read_text() if file.exists() else ""), f"otherwise than in {file}"
