"""Settings: every problem at once, by the variable's name, never by its value; and no variable without an effect."""

import os
from pathlib import Path
from typing import Annotated

import pytest
import trustme
from pydantic import Field, field_validator
from pydantic_settings import NoDecode

from parley_chassis.settings import ProcessSettings, ServiceSettings, SettingsError, load, prefix, split_list


class Settings(ServiceSettings):
    """Settings as a service has them."""

    model_config = prefix("PARLEY_GATEWAY_")

    listen: str = "127.0.0.1:8080"
    limit: int = Field(default=10, ge=1)
    secret: str = Field(default="", repr=False)
    agents: dict[str, str] = Field(default_factory=dict)
    hosts: Annotated[tuple[str, ...], NoDecode] = ()
    test_clock: bool = Field(default=False, validation_alias="PARLEY_TEST_CLOCK")

    _split_hosts = field_validator("hosts", mode="before")(split_list)


class NeedyServiceSettings(ServiceSettings):
    """Settings with one that has no default."""

    model_config = prefix("PARLEY_NEEDY_")

    database_url: str = Field(repr=False)


@pytest.fixture(autouse=True)
def _no_variables(monkeypatch: pytest.MonkeyPatch) -> None:
    for variable in os.environ:
        if variable.upper().startswith("PARLEY_"):
            monkeypatch.delenv(variable)


def set_variables(monkeypatch: pytest.MonkeyPatch, **variables: str) -> None:
    for name, value in variables.items():
        monkeypatch.setenv(f"PARLEY_{name}", value)


def problems() -> list[str]:
    with pytest.raises(SettingsError) as caught:
        load(Settings)
    assert str(caught.value) == "\n".join(caught.value.problems)
    return caught.value.problems


def test_without_variables_the_defaults_hold() -> None:
    settings = load(Settings)
    assert settings.listen == "127.0.0.1:8080"
    assert settings.process == ProcessSettings()
    assert not settings.process.insecure_dev


def test_variables_are_read(monkeypatch: pytest.MonkeyPatch) -> None:
    set_variables(monkeypatch, GATEWAY_LIMIT="3", GATEWAY_AGENTS='{"a": "b:1"}', GATEWAY_HOSTS="x, y,", TEST_CLOCK="1")
    set_variables(monkeypatch, API_KEYS="k1,k2", API_KEY="k1", INSECURE_DEV="1", LOG_LEVEL="debug", TRACE_RATIO="0.5")
    settings = load(Settings)
    assert (settings.limit, settings.agents, settings.hosts) == (3, {"a": "b:1"}, ("x", "y"))
    assert settings.test_clock
    process = settings.process
    assert (process.api_keys, process.api_key, process.log_level, process.trace_ratio) == (
        ("k1", "k2"),
        "k1",
        "DEBUG",
        0.5,
    )


def test_an_override_takes_the_place_of_a_variable(monkeypatch: pytest.MonkeyPatch) -> None:
    set_variables(monkeypatch, GATEWAY_LIMIT="3")
    assert load(Settings, limit=4).limit == 4
    process = ProcessSettings(insecure_dev=True)
    assert load(Settings, process=process).process is process


def test_an_override_that_is_no_setting_is_a_problem() -> None:
    with pytest.raises(SettingsError, match="lisen"):
        load(Settings, lisen="127.0.0.1:0")


def test_all_problems_are_reported_at_once_by_the_name_of_the_variable(monkeypatch: pytest.MonkeyPatch) -> None:
    set_variables(monkeypatch, GATEWAY_LIMIT="none", GATEWAY_AGENTS="a=b", LOG_LEVEL="loud", TRACE_RATIO="2")
    set_variables(monkeypatch, INSECURE_DEV="perhaps", OTLP_ENDPOINT="collector", GATEWAY_LISEN="127.0.0.1:1")
    found = problems()
    assert sorted(line.partition(":")[0] for line in found) == [
        "PARLEY_GATEWAY_AGENTS",
        "PARLEY_GATEWAY_LIMIT",
        "PARLEY_GATEWAY_LISEN",
        "PARLEY_INSECURE_DEV",
        "PARLEY_LOG_LEVEL",
        "PARLEY_OTLP_ENDPOINT",
        "PARLEY_TRACE_RATIO",
    ]
    assert all("\n" not in line for line in found)
    assert "PARLEY_LOG_LEVEL: use DEBUG, INFO, WARNING or ERROR" in found


def test_a_missing_setting_is_named() -> None:
    with pytest.raises(SettingsError) as caught:
        load(NeedyServiceSettings)
    assert caught.value.problems == ["PARLEY_NEEDY_DATABASE_URL: Field required"]


def test_a_problem_repeats_no_value(monkeypatch: pytest.MonkeyPatch) -> None:
    set_variables(
        monkeypatch, GATEWAY_LIMIT="hunter2", GATEWAY_AGENTS="hunter2", API_KEYS="hunter2 hunter2", API_KEY="hunter2\n"
    )
    set_variables(monkeypatch, LOG_LEVEL="hunter2", TRACE_RATIO="hunter2", TLS_CA="/hunter2", OTLP_ENDPOINT="hunter2")
    found = problems()
    assert len(found) == 8
    assert "hunter2" not in str(found)


@pytest.mark.parametrize("key", ["two words", "line\nbreak", "Schlüssel", "tab\t"])
@pytest.mark.parametrize("variable", ["API_KEY", "API_KEYS"])
def test_a_key_that_no_header_can_carry_is_a_problem(monkeypatch: pytest.MonkeyPatch, variable: str, key: str) -> None:
    set_variables(monkeypatch, **{variable: f"x{key}y"})
    (problem,) = problems()
    assert problem.startswith(f"PARLEY_{variable}")
    assert "printable ASCII" in problem


def test_neither_settings_nor_their_text_show_a_secret() -> None:
    settings = Settings(
        secret="hunter2", process=ProcessSettings(api_key="hunter2", api_keys=("hunter2",), log_key="hunter2")
    )
    assert "hunter2" not in f"{settings} {settings!r}"


def test_settings_do_not_change() -> None:
    with pytest.raises(ValueError, match="frozen"):
        load(Settings).limit = 3


@pytest.mark.parametrize(
    ("variable", "meant"),
    [
        ("GATEWAY_LISEN", "PARLEY_GATEWAY_LISTEN"),
        ("GATEWAY_AGENT", "PARLEY_GATEWAY_AGENTS"),
        ("INSECUR_DEV", "PARLEY_INSECURE_DEV"),
        ("LOGLEVEL", "PARLEY_LOG_LEVEL"),
        ("TRACE_RATE", "PARLEY_TRACE_RATIO"),
        ("TLS_CERTIFICAT", "PARLEY_TLS_CERTIFICATE"),
    ],
)
def test_a_misspelt_variable_is_a_problem(monkeypatch: pytest.MonkeyPatch, variable: str, meant: str) -> None:
    set_variables(monkeypatch, **{variable: "1"})
    assert problems() == [f"PARLEY_{variable}: no such setting; did you mean {meant}?"]


def test_a_variable_with_our_prefix_and_no_meaning_is_a_problem(monkeypatch: pytest.MonkeyPatch) -> None:
    set_variables(monkeypatch, GATEWAY_FAVOURITE_COLOUR="blue")
    assert problems() == ["PARLEY_GATEWAY_FAVOURITE_COLOUR: no such setting"]


def test_variables_of_other_services_are_none_of_our_business(monkeypatch: pytest.MonkeyPatch) -> None:
    set_variables(
        monkeypatch, SESSION_AGENTS="x", TEST_CLOCK="0", AGENT_API_KEY="x", NOTIFIER_TLS_CA="x", PUBLIC_URL="x"
    )
    load(Settings)


def test_what_kubernetes_adds_for_a_service_named_like_ours_is_no_setting(monkeypatch: pytest.MonkeyPatch) -> None:
    for end in ("SERVICE_HOST", "SERVICE_PORT", "SERVICE_PORT_HTTP", "PORT", "PORT_80_TCP", "PORT_80_TCP_ADDR"):
        set_variables(monkeypatch, **{f"GATEWAY_{end}": "tcp://10.0.0.1:80"})
    set_variables(monkeypatch, GATEWAY_PORT_80_TCP_PORT="80", GATEWAY_PORT_80_TCP_PROTO="tcp")
    load(Settings)


@pytest.fixture
def certificates(tmp_path: Path) -> Path:
    authority = trustme.CA()
    certificate = authority.issue_cert("localhost")
    certificate.cert_chain_pems[0].write_to_path(tmp_path / "tls.crt")
    certificate.private_key_pem.write_to_path(tmp_path / "tls.key")
    authority.cert_pem.write_to_path(tmp_path / "ca.crt")
    return tmp_path


def set_files(monkeypatch: pytest.MonkeyPatch, folder: Path) -> None:
    set_variables(monkeypatch, TLS_CERTIFICATE=str(folder / "tls.crt"), TLS_KEY=str(folder / "tls.key"))
    set_variables(monkeypatch, TLS_CA=str(folder / "ca.crt"))


def test_three_good_files_are_mutual_tls(monkeypatch: pytest.MonkeyPatch, certificates: Path) -> None:
    set_files(monkeypatch, certificates)
    assert load(Settings).process.tls


@pytest.mark.parametrize("missing", ["TLS_CERTIFICATE", "TLS_KEY", "TLS_CA"])
def test_two_of_three_files_are_a_problem(monkeypatch: pytest.MonkeyPatch, certificates: Path, missing: str) -> None:
    set_files(monkeypatch, certificates)
    monkeypatch.delenv(f"PARLEY_{missing}")
    assert problems() == ["PARLEY_TLS_CERTIFICATE, PARLEY_TLS_KEY and PARLEY_TLS_CA go together: set all or none"]


@pytest.mark.parametrize(
    ("file", "content", "named"),
    [
        ("tls.crt", "no certificate", "PARLEY_TLS_CERTIFICATE"),
        ("tls.key", "no key", "PARLEY_TLS_KEY"),
        ("ca.crt", "no certificate", "PARLEY_TLS_CA"),
        ("ca.crt", "", "PARLEY_TLS_CA"),
    ],
)
def test_a_file_that_is_no_pem_is_a_problem(
    monkeypatch: pytest.MonkeyPatch, certificates: Path, file: str, content: str, named: str
) -> None:
    (certificates / file).write_text(content)
    set_files(monkeypatch, certificates)
    (problem,) = problems()
    assert named in problem


def test_a_key_of_another_certificate_is_a_problem(monkeypatch: pytest.MonkeyPatch, certificates: Path) -> None:
    trustme.CA().issue_cert("localhost").private_key_pem.write_to_path(certificates / "tls.key")
    set_files(monkeypatch, certificates)
    (problem,) = problems()
    assert "PARLEY_TLS_KEY" in problem


def test_a_file_that_is_not_there_is_a_problem(monkeypatch: pytest.MonkeyPatch, certificates: Path) -> None:
    set_files(monkeypatch, certificates)
    (certificates / "tls.key").unlink()
    assert problems() == ["PARLEY_TLS_KEY: Path does not point to a file"]
