"""What is mounted: Twilio accounts as folders of files, and the way to the API server."""

from __future__ import annotations

import base64
from collections.abc import AsyncIterator
from pathlib import Path

import aiohttp
import pytest
import yaml

from parley_chassis.settings import SettingsError
from parley_operator.adapters.accounts_folder import AccountsFolder
from parley_operator.adapters.kubernetes.access import find_access
from parley_operator.ports import NoAccount

SID = "AC" + "0" * 32


@pytest.fixture
async def accounts(tmp_path: Path) -> AsyncIterator[AccountsFolder]:
    async with aiohttp.ClientSession() as session:
        yield AccountsFolder(tmp_path, session)


def write(folder: Path, name: str, **values: str) -> None:
    (folder / name).mkdir(exist_ok=True)
    for file, value in values.items():
        (folder / name / file).write_text(f"{value}\n")


def problem(accounts: AccountsFolder, name: str) -> str:
    found = accounts.find(name)
    assert isinstance(found, NoAccount)
    return found.problem


def test_an_account_is_found_by_its_folders_name(accounts: AccountsFolder, tmp_path: Path) -> None:
    write(tmp_path, "default", account_sid=SID, auth_token="secret")
    write(tmp_path, "sales", account_sid=SID, api_key_sid="SK1", api_key_secret="secret")
    (tmp_path / "..data").mkdir()
    assert accounts.reload() == ["default", "sales"]
    for name in ("default", "sales"):
        found = accounts.find(name)
        assert not isinstance(found, NoAccount)
        assert found.sid == SID


def test_only_what_changed_is_another_account_afterwards(accounts: AccountsFolder, tmp_path: Path) -> None:
    write(tmp_path, "default", account_sid=SID, auth_token="secret")
    write(tmp_path, "sales", account_sid=SID, auth_token="secret")
    accounts.reload()
    kept, changed = accounts.find("default"), accounts.find("sales")
    write(tmp_path, "sales", auth_token="another")
    assert accounts.reload() == ["sales"]
    assert accounts.find("default") is kept
    assert accounts.find("sales") is not changed
    assert accounts.reload() == []


def test_an_account_that_is_taken_away_is_missing(accounts: AccountsFolder, tmp_path: Path) -> None:
    write(tmp_path, "sales", account_sid=SID, auth_token="secret")
    accounts.reload()
    (tmp_path / "sales").rename(tmp_path / ".gone")
    assert accounts.reload() == ["sales"]
    assert "spec.account" in problem(accounts, "sales")


@pytest.mark.parametrize(
    ("values", "words"),
    [
        ({"auth_token": "secret"}, "account_sid"),
        ({"account_sid": "secret"}, "account_sid"),
        ({"account_sid": SID}, "auth_token"),
        ({"account_sid": SID, "api_key_sid": "SK1"}, "go together"),
    ],
)
def test_an_account_that_is_not_whole_says_what_is_missing_and_quotes_nothing(
    accounts: AccountsFolder, tmp_path: Path, values: dict[str, str], words: str
) -> None:
    write(tmp_path, "default", **values)
    accounts.reload()
    assert words in problem(accounts, "default")
    assert "secret" not in problem(accounts, "default").replace("api_key_secret", "")


def kubeconfig(path: Path, user: dict[str, object], **cluster: object) -> dict[str, str]:
    config = {
        "current-context": "here",
        "contexts": [{"name": "here", "context": {"cluster": "one", "user": "me", "namespace": "parley"}}],
        "clusters": [{"name": "one", "cluster": {"server": "https://127.0.0.1:6443/"} | cluster}],
        "users": [{"name": "me", "user": user}],
    }
    path.write_text(yaml.safe_dump(config))
    return {"KUBECONFIG": str(path)}


def test_a_kubeconfig_with_a_token_is_read(tmp_path: Path) -> None:
    data = base64.b64encode(b"PEM").decode()
    access = find_access(kubeconfig(tmp_path / "config", {"token": "t"}, **{"certificate-authority-data": data}))
    assert (access.server, access.bearer(), access.authority) == ("https://127.0.0.1:6443", "t", "PEM")
    assert access.namespace == "parley"


def test_a_token_file_is_read_anew_for_each_call(tmp_path: Path) -> None:
    (tmp_path / "token").write_text("one\n")
    access = find_access(kubeconfig(tmp_path / "config", {"tokenFile": "token"}))
    assert access.bearer() == "one"
    (tmp_path / "token").write_text("two\n")
    assert access.bearer() == "two"


@pytest.mark.parametrize("user", [{"exec": {"command": "aws"}}, None])
def test_a_kubeconfig_that_cannot_be_used_is_refused(tmp_path: Path, user: dict[str, object] | None) -> None:
    environment = kubeconfig(tmp_path / "config", user or {})
    if user is None:
        (tmp_path / "config").write_text("current-context: [")
    with pytest.raises(SettingsError) as raised:
        find_access(environment)
    assert raised.value.problems[0].startswith("KUBECONFIG: ")


def test_a_pod_uses_its_service_account(tmp_path: Path) -> None:
    for name, value in {"ca.crt": "PEM", "token": "t", "namespace": "parley"}.items():
        (tmp_path / name).write_text(value)
    access = find_access({"KUBERNETES_SERVICE_HOST": "10.0.0.1", "KUBERNETES_SERVICE_PORT": "443"}, tmp_path)
    assert (access.server, access.bearer(), access.namespace) == ("https://10.0.0.1:443", "t", "parley")


def test_without_any_way_to_an_api_server_the_start_is_refused(tmp_path: Path) -> None:
    with pytest.raises(SettingsError):
        find_access({"HOME": str(tmp_path)})
