"""Law: every service is built alike, and every command that a page or the CI names is a target of the Makefile."""

import ast
import re
from collections.abc import Iterable
from pathlib import Path

import pytest

from tests.laws.tree import ROOT, Breach, Source, assert_kept, called_name, is_broken_by

STANDARD = {"__main__", "settings", "app"}
# The chassis is no process; the command line starts the others and has no app of its own.
NOT_SERVICES = {"chassis", "cli"}
# Alembic loads these by path: they are in no package.
BY_PATH = {"migrations", "versions"}
# A path in a page that does not end in a placeholder.
PATH = re.compile(r"`((?:services|tests|protos|agents|bench|examples|operator|helm|\.ci)/[\w./-]*)`")
PAGES = ("README.md", "ARCHITECTURE.md", "CONTRIBUTING.md", "SECURITY.md", ".ci/run")
COMMAND = re.compile(r"(?:^\$?\s*|`|&& )make ((?:[a-z]+ ?)+)", re.MULTILINE)


def missing_files(package: Path) -> set[str]:
    return {name for name in STANDARD if not (package / f"{name}.py").exists()}


def unseen_folders(package: Path) -> list[Path]:
    """Folders whose modules no import contract would see, since they are not packages."""
    folders = {module.parent for module in package.rglob("*.py")}
    return sorted(f for f in folders if f.name not in BY_PATH and not (f / "__init__.py").exists())


def app_without_running(source: Source) -> Iterable[Breach]:
    if not source.is_product or source.name != "app":
        return
    for node in source.tree.body:
        if isinstance(node, ast.AsyncFunctionDef) and node.name == "running":
            decorated = "asynccontextmanager" in {called_name(d).rpartition(".")[2] for d in node.decorator_list}
            if decorated and node.args.args and node.args.args[0].arg == "settings":
                return
    yield Breach(source.path, 1, "an app offers @asynccontextmanager async def running(settings, ...)")


def targets(makefile: str) -> set[str]:
    return set(re.findall(r"^([a-z]+):(?!=)", makefile, re.MULTILINE))


def listed_targets(makefile: str) -> set[str]:
    """The targets that `make help` shows."""
    return set(re.findall(r"^([a-z]+):.* ## ", makefile, re.MULTILINE))


def commands(page: str) -> set[str]:
    return {word for words in COMMAND.findall(page) for word in words.split()}


def absent_paths(page: str) -> list[str]:
    return [path for path in PATH.findall(page) if not (ROOT / path).exists()]


def packages() -> list[Path]:
    return sorted([*ROOT.glob("services/*/parley_*"), *ROOT.glob("operator/src/parley_*")])


def services() -> list[Path]:
    return [package for package in packages() if package.parent.name not in NOT_SERVICES]


@pytest.mark.parametrize("package", services(), ids=lambda package: package.name)
def test_a_service_has_the_standard_files(package: Path) -> None:
    assert missing_files(package) == set()


@pytest.mark.parametrize("package", packages(), ids=lambda package: package.name)
def test_every_folder_of_a_service_is_a_package(package: Path) -> None:
    assert unseen_folders(package) == []


def test_every_app_offers_running(sources: list[Source]) -> None:
    assert_kept(app_without_running, sources)


def test_the_operator_does_not_shadow_the_standard_library() -> None:
    assert not (ROOT / "operator/__init__.py").exists()


def test_the_door_has_all_its_targets() -> None:
    wanted = {"help", "demo", "up", "test", "lint", "types", "laws", "generate", "verify", "bench"}
    assert wanted <= listed_targets((ROOT / "Makefile").read_text())


@pytest.mark.parametrize("page", [page for page in PAGES if (ROOT / page).exists()])
def test_every_command_on_a_page_exists(page: str) -> None:
    assert commands((ROOT / page).read_text()) <= targets((ROOT / "Makefile").read_text())


@pytest.mark.parametrize("page", [page for page in PAGES if (ROOT / page).exists()])
def test_every_path_on_a_page_exists(page: str) -> None:
    assert absent_paths((ROOT / page).read_text()) == []


def test_missing_files_and_unseen_folders_are_found(tmp_path: Path) -> None:
    (tmp_path / "__init__.py").touch()
    (tmp_path / "app.py").touch()
    (tmp_path / "handlers").mkdir()
    (tmp_path / "handlers/receive_messages.py").touch()
    assert missing_files(tmp_path) == {"__main__", "settings"}
    assert unseen_folders(tmp_path) == [tmp_path / "handlers"]


@pytest.mark.parametrize(
    "text", ["x = 1", "async def running(settings): ...", "@asynccontextmanager\nasync def running(): ..."]
)
def test_an_app_that_cannot_run_with_others_is_found(text: str) -> None:
    assert is_broken_by(app_without_running, text)


def test_an_app_that_runs_is_lawful() -> None:
    assert not is_broken_by(app_without_running, "@asynccontextmanager\nasync def running(settings, port=0): ...")


def test_a_path_that_is_gone_is_found() -> None:
    assert absent_paths("`services/chassis` and `services/gone.py` and `tests/unit/<service>`") == ["services/gone.py"]


def test_a_command_without_a_target_is_found() -> None:
    page = "Run `make dance`.\n\n    make lint types\n$ make demo  # look\nThey make do."
    assert commands(page) == {"dance", "lint", "types", "demo"}
    assert targets("demo: .venv/installed ## watch\nsetup: x\n") == {"demo", "setup"}
    assert listed_targets("demo: .venv/installed ## watch\nsetup: x\n") == {"demo"}
