"""`parley up`, also for a real account: another stack's simulated Twilio stands for it, reached by URLs alone."""

from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest

from parley_chassis.postgres.embedded import lasting_data_folder
from parley_cli.stack.free_ports import free_ports
from parley_cli.stack.session_api import ApiError, session_api
from tests.integration.cli.stacks import AGENTS, RunningStack, stack_of
from tests.integration.cli.test_doctor_command import findings

TOKEN = "PARLEY_TWILIO_AUTH_TOKEN"


def up(*options: str, token: str = "") -> subprocess.CompletedProcess[str]:
    """A start that fails."""
    environment = {name: value for name, value in os.environ.items() if name != TOKEN}
    environment |= {TOKEN: token} if token else {}
    command = [sys.executable, "-m", "parley_cli", "up", *options]
    nothing = subprocess.DEVNULL
    return subprocess.run(
        command, env=environment, stdin=nothing, capture_output=True, text=True, timeout=60, check=False
    )


def account_options(stack: RunningStack) -> list[str]:
    """An account at the Twilio of another stack."""
    return ["--account-sid", stack.addresses.account_sid, "--twilio-url", stack.addresses.twilio]


@pytest.fixture(scope="module")
def real(stack: RunningStack, tmp_path_factory: pytest.TempPathFactory, open_folder: Path) -> Iterator[RunningStack]:
    """A stack for the account of the other one, as if that were Twilio's and this on the internet."""
    folder, (port,) = tmp_path_factory.mktemp("real"), free_ports(1)
    options = ["--public-url", f"http://127.0.0.1:{port}/", "--port", str(port), "--data", str(open_folder / "data")]
    token = {TOKEN: stack.addresses.auth_token}
    with stack_of(folder, *options, *account_options(stack), **token) as running:
        yield running


@pytest.fixture
def bought(stack: RunningStack, number: str) -> str:
    """A number of the account that leads nowhere yet."""
    stack.control("/numbers", phone_number=number)
    return number


def test_texts_to_a_number_that_was_added_are_answered(
    stack: RunningStack, real: RunningStack, bought: str, participant: str
) -> None:
    real.said("numbers", "add", bought, "--agent", "desk")
    assert stack.number_at_twilio(bought)["sms_url"].startswith(f"{real.addresses.public_url}/twilio/sms#")
    assert stack.said("text", "Hi", "--from", participant, "--to", bought) == "◂ heard Hi\n"
    session = real.session_of(participant)
    assert session not in stack.said("sessions")
    shown = real.said("sessions", session)
    assert "▸ Hi" in shown


def test_the_doctor_finds_it_well(real: RunningStack, bought: str) -> None:
    real.said("numbers", "add", bought, "--agent", "desk")
    done = real.run("doctor")
    assert done.exit_code == 0, done.output
    assert findings(done.output)[bought][0] == "✓"


def test_a_number_of_somebody_else_is_refused_with_where_to_buy(real: RunningStack, number: str) -> None:
    done = real.run("numbers", "add", number, "--agent", "desk")
    assert done.exit_code == 1
    assert "not in this account: buy it first at https://console.twilio.com" in done.output
    assert number not in real.said("numbers", "list")


def test_a_number_that_another_stack_has_is_taken_over_only_when_asked(
    stack: RunningStack, real: RunningStack, number: str
) -> None:
    stack.said("numbers", "add", number, "--agent", "desk")
    assert real.run("numbers", "add", number, "--agent", "desk", typed="n\n").exit_code == 1
    assert stack.addresses.public_url in stack.number_at_twilio(number)["sms_url"]
    assert stack.addresses.public_url in real.said("numbers", "add", number, "--agent", "desk", "--yes")
    assert real.addresses.public_url in stack.number_at_twilio(number)["sms_url"]


def test_a_text_of_ours_goes_out_through_the_account(real: RunningStack, bought: str, participant: str) -> None:
    real.said("numbers", "add", bought, "--agent", "desk")
    shown = real.said("send", "Your table is ready.", "--to", participant)
    assert "--follow" in shown
    session = real.session_of(participant)
    with real.start("sessions", session, "--follow") as process:
        assert process.stdout is not None
        assert any("Your table is ready. (opening, delivered)" in line for line in process.stdout)
        process.kill()


def test_there_is_no_phone_and_no_clock_to_skip(real: RunningStack) -> None:
    for arguments in (("text", "Hi"), ("skip", "24h")):
        done = real.run(*arguments)
        assert done.exit_code == 1
        assert "texts through Twilio itself" in done.output


async def test_time_passes_for_it_as_it_does(real: RunningStack) -> None:
    async with session_api(real.addresses.session, real.addresses.api_key) as api:
        with pytest.raises(ApiError, match="PARLEY_TEST_CLOCK"):
            await api.skip_time(timedelta(hours=1))


def test_the_token_is_in_no_output_but_the_owners_file(real: RunningStack) -> None:
    log = real.file.with_name("up.log").read_text()
    assert real.addresses.auth_token not in log
    assert real.file.stat().st_mode & 0o077 == 0


def test_a_wrong_token_is_found_before_anything_starts(stack: RunningStack, tmp_path: Path) -> None:
    (port,) = free_ports(1)
    options = ["--public-url", "http://127.0.0.1:1", "--port", str(port), "--agents", str(AGENTS)]
    done = up(*options, *account_options(stack), "--data", str(tmp_path / "data"), token="wrong")
    assert done.returncode == 1
    assert "does not accept these credentials" in done.stderr
    assert not (tmp_path / "data").exists()


def test_a_token_that_nobody_can_be_asked_for_is_missed(stack: RunningStack) -> None:
    done = up("--public-url", "http://127.0.0.1:1", *account_options(stack))
    assert done.returncode == 2
    assert TOKEN in done.stderr


def test_a_port_that_is_taken_is_named(stack: RunningStack) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = str(taken.getsockname()[1])
        done = up("--public-url", "http://127.0.0.1:1", "--port", port, *account_options(stack), token="x")
    assert done.returncode == 2
    assert f"something listens on {port} already" in done.stderr.replace("\n", " ")


@pytest.mark.parametrize(
    ("options", "problem"),
    [
        (["--public-url", "https://x.example"], "go together"),
        (["--account-sid", "AC" + "0" * 32], "go together"),
        (["--public-url", "https://x.example", "--account-sid", "nonsense"], "32 hexadecimal"),
        (["--public-url", "http://x.example", "--account-sid", "AC" + "0" * 32], "https://"),
        (["--public-url", "x.example", "--account-sid", "AC" + "0" * 32], "https://"),
    ],
)
def test_half_an_account_is_refused_with_the_other_half(options: list[str], problem: str) -> None:
    done = up(*options, token="x")
    assert done.returncode == 2
    assert problem in done.stderr


def test_an_agent_that_is_not_there_is_refused_with_those_that_are() -> None:
    done = up("--agents", str(AGENTS), "--agent", "nobody")
    assert done.returncode == 1
    assert done.stderr == f"no agent is called 'nobody': in {AGENTS} there is desk\n"


@pytest.mark.parametrize("folder", ["missing", "empty"])
def test_a_folder_without_agents_is_named(tmp_path: Path, folder: str) -> None:
    (tmp_path / "empty").mkdir()
    done = up("--agents", str(tmp_path / folder))
    assert done.returncode == 1
    assert str(tmp_path / folder) in done.stderr


def test_its_addresses_are_one_line_of_json(stack: RunningStack) -> None:
    assert json.loads(stack.addresses.to_json())["number"] == "+15550100100"
    assert stack.addresses.is_simulated


def test_where_data_lasts_is_not_a_folder_that_goes() -> None:
    assert "tmp" not in lasting_data_folder().parts
