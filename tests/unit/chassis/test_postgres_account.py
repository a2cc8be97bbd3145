"""Whom PostgreSQL runs as, where that account can go, and what a program run as it gets to see."""

import os
import pwd
import subprocess
import sys
import tempfile
from pathlib import Path

import pytest

from parley_chassis.postgres.account import Account, server_account
from parley_chassis.postgres.errors import PostgresStartError

STRANGER = Account("stranger", 54321, 54321)
OURSELVES = Account("ourselves", os.geteuid(), os.getegid())


def output_of(account: Account, *command: str) -> str:
    with account.launch(command, output=subprocess.PIPE, environment={"GIVEN": "yes"}) as process:
        return process.communicate()[0].decode()


def test_a_user_runs_it_as_himself(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "geteuid", lambda: 1000)
    assert server_account().uid == 1000
    assert not server_account().is_lent


def test_root_lends_the_first_account_that_exists(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "geteuid", lambda: 0)
    entries = {"nobody": pwd.struct_passwd(("nobody", "x", 65534, 65533, "", "/", "/bin/false"))}
    monkeypatch.setattr(pwd, "getpwnam", entries.__getitem__)
    assert server_account() == Account("nobody", 65534, 65533)
    entries["postgres"] = pwd.struct_passwd(("postgres", "x", 101, 104, "", "/", "/bin/false"))
    assert server_account() == Account("postgres", 101, 104)


def test_root_without_an_account_to_lend_is_told_to_add_one(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "geteuid", lambda: 0)
    monkeypatch.setattr(pwd, "getpwnam", {}.__getitem__)
    with pytest.raises(PostgresStartError, match="useradd --system postgres"):
        server_account()


@pytest.mark.parametrize(
    ("mode", "group", "reaches"),
    [
        (0o755, 0, True),
        (0o711, 0, True),
        (0o750, 0, False),
        (0o744, 0, False),
        (0o710, STRANGER.gid, True),
        (0o701, STRANGER.gid, False),
    ],
)
def test_the_mode_decides_whether_an_account_can_enter(
    mode: int, group: int, reaches: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Path, "stat", lambda _: os.stat_result((mode, 0, 0, 0, 0, group, 0, 0, 0, 0)))
    if reaches:
        STRANGER.require_reach(Path("/somewhere"))
    else:
        with pytest.raises(PostgresStartError, match=f"/ \\(mode {mode:04o}\\) is closed to the account 'stranger'"):
            STRANGER.require_reach(Path("/somewhere"))


def test_the_first_closed_folder_on_the_way_is_named() -> None:
    with tempfile.TemporaryDirectory() as name:
        place = Path(name)
        place.chmod(0o755)
        (place / "open" / "closed" / "open" / "closed").mkdir(parents=True)
        for closed in ("open/closed", "open/closed/open/closed"):
            (place / closed).chmod(0o700)
        STRANGER.require_reach(place / "open")
        with pytest.raises(PostgresStartError, match=f"^{place}/open/closed "):
            STRANGER.require_reach(place / "open" / "closed" / "open" / "closed")


def test_our_own_way_is_not_examined(tmp_path: Path) -> None:
    tmp_path.chmod(0o000)
    OURSELVES.require_reach(tmp_path)
    tmp_path.chmod(0o700)


def test_a_program_sees_nothing_of_our_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TWILIO_AUTH_TOKEN", "secret")
    monkeypatch.setenv("PGDATA", "/elsewhere")
    variables = dict(line.split("=", 1) for line in output_of(OURSELVES, "/usr/bin/env").splitlines())
    variables.pop("LD_LIBRARY_PATH", None)
    assert variables == {"PATH": os.defpath, "LC_ALL": "C", "TZ": "UTC", "GIVEN": "yes"}


def test_what_a_program_makes_is_private() -> None:
    assert output_of(OURSELVES, "/bin/sh", "-c", "umask").strip() == "0077"


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can become another account")
def test_a_lent_account_keeps_nothing_of_root() -> None:
    lent = server_account()
    launch_id = (
        "import sys; from parley_chassis.postgres.account import server_account; "
        "server_account().launch(['/bin/sh', '-c', 'id -u; id -G'], output=sys.stdout.buffer, environment={}).wait()"
    )
    asked = [sys.executable, "-c", launch_id]
    said = subprocess.run(asked, extra_groups=[0, 4, 27], capture_output=True, text=True, check=True)
    assert said.stdout.split() == [str(lent.uid), str(lent.gid)]
