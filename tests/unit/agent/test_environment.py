"""What an agent's code sees of the service's environment."""

from parley_agent.domain.environment import filtered

SERVICE = {
    "PATH": "/bin",
    "LC_ALL": "C.UTF-8",
    "PARLEY_API_KEYS": "secret",
    "TWILIO_AUTH_TOKEN": "secret",
    "DATABASE_URL": "secret",
    "PGPASSWORD": "secret",
    "AWS_SECRET_ACCESS_KEY": "secret",
    "CRM_URL": "https://crm",
}


def test_only_what_is_needed_passes() -> None:
    assert filtered(SERVICE, ()) == {"PATH": "/bin", "LC_ALL": "C.UTF-8"}


def test_the_operator_passes_further_variables_by_name() -> None:
    assert filtered(SERVICE, ["CRM_URL", "MISSING"]) == {"PATH": "/bin", "LC_ALL": "C.UTF-8", "CRM_URL": "https://crm"}
