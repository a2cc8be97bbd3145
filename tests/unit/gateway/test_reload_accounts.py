"""The accounts file: a change is taken up, a bad one changes nothing and is told once."""

import logging
from pathlib import Path

import pytest

from parley_gateway.adapters.accounts import MountedAccounts
from parley_gateway.workers.reload_accounts import ReloadAccounts

ACCOUNT, OTHER = "AC" + "1" * 32, "AC" + "2" * 32


@pytest.fixture
def secret(tmp_path: Path) -> Path:
    """As Kubernetes mounts one: a link to a file in a folder that is replaced."""
    (tmp_path / "v1").write_text(f"{ACCOUNT}=old-token")
    (tmp_path / "accounts").symlink_to(tmp_path / "v1")
    return tmp_path / "accounts"


def replace(secret: Path, content: str) -> None:
    version = secret.parent / f"v{len(list(secret.parent.iterdir()))}"
    version.write_text(content)
    link = secret.with_suffix(".new")
    link.symlink_to(version)
    link.replace(secret)


async def test_a_replaced_secret_is_in_force(secret: Path) -> None:
    accounts = MountedAccounts(secret)
    assert accounts.tokens_of(ACCOUNT) == (b"old-token",)
    replace(secret, f"{ACCOUNT}=old-token|new-token\n{OTHER}=other-token")
    await ReloadAccounts(accounts)()
    assert accounts.tokens_of(ACCOUNT) == (b"old-token", b"new-token")
    assert accounts.tokens_of(OTHER) == (b"other-token",)


@pytest.mark.parametrize("content", ["", "secret-nonsense", f"{ACCOUNT}="])
async def test_a_bad_file_changes_nothing_and_is_told_once(
    secret: Path, content: str, caplog: pytest.LogCaptureFixture
) -> None:
    accounts = MountedAccounts(secret)
    reload = ReloadAccounts(accounts)
    replace(secret, content)
    with caplog.at_level(logging.INFO):
        await reload()
        await reload()
    assert accounts.tokens_of(ACCOUNT) == (b"old-token",)
    assert [record.message for record in caplog.records] == ["accounts_not_reloaded"]
    assert "secret" not in str(vars(caplog.records[0]))


@pytest.fixture
def accounts_of_a_lost_file(secret: Path) -> MountedAccounts:
    accounts = MountedAccounts(secret)
    secret.unlink()
    return accounts


async def test_a_file_that_has_gone_changes_nothing(
    accounts_of_a_lost_file: MountedAccounts, caplog: pytest.LogCaptureFixture
) -> None:
    accounts = accounts_of_a_lost_file
    await ReloadAccounts(accounts)()
    assert accounts.tokens_of(ACCOUNT) == (b"old-token",)
    assert [record.message for record in caplog.records] == ["accounts_not_reloaded"]


def test_without_a_usable_file_there_is_nothing_to_start_with(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        MountedAccounts(tmp_path / "missing")
    (tmp_path / "empty").write_text("")
    with pytest.raises(ValueError, match="name at least one account"):
        MountedAccounts(tmp_path / "empty")
