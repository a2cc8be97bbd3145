"""Commands for an installation that the environment names: no stack runs on this machine."""

from __future__ import annotations

from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from parley_cli.__main__ import parley
from tests.integration.cli.stacks import RunningStack


def run(folder: Path, *arguments: str, **variables: str) -> Result:
    environment = {"PARLEY_STACK_FILE": str(folder / "none.json"), **variables}
    return CliRunner().invoke(parley(), list(arguments), env=environment)


@pytest.mark.parametrize(
    ("arguments", "wanted"),
    [
        (("keys", "list"), "scopes"),
        (("numbers", "list"), "sending"),
        (("sessions",), "participant"),
        (("dead-letters", "list"), ""),
        (("hold", "status"), "texts are sent"),
    ],
)
def test_a_command_reaches_what_the_environment_names(
    stack: RunningStack, tmp_path: Path, arguments: tuple[str, ...], wanted: str
) -> None:
    named = {"PARLEY_SESSION": stack.addresses.session, "PARLEY_NOTIFIER": stack.addresses.notifier}
    done = run(tmp_path, *arguments, **named, PARLEY_API_KEY=stack.addresses.api_key)
    assert done.exit_code == 0, done.output
    assert wanted in done.output
    assert run(tmp_path, *arguments).exit_code == 1


def test_a_key_that_is_not_accepted_is_said(stack: RunningStack, tmp_path: Path) -> None:
    done = run(tmp_path, "keys", "list", PARLEY_SESSION=stack.addresses.session, PARLEY_API_KEY="another")
    assert done.exit_code == 1
    assert "key" in done.output


def test_an_address_where_nobody_is_names_the_variable(tmp_path: Path) -> None:
    done = run(tmp_path, "keys", "list", PARLEY_SESSION="127.0.0.1:9")
    assert done.exit_code == 1
    assert "PARLEY_SESSION" in done.output


def test_certificates_that_are_not_whole_are_refused(tmp_path: Path) -> None:
    (tmp_path / "ca.crt").touch()
    done = run(tmp_path, "keys", "list", PARLEY_SESSION="127.0.0.1:9", PARLEY_TLS_CA=str(tmp_path / "ca.crt"))
    assert done.exit_code == 1
    assert "PARLEY_TLS_CERTIFICATE" in done.output
