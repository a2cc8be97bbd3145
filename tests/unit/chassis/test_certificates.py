"""Mounted certificates are used as a whole set, or not at all."""

from pathlib import Path

import pytest
import trustme

from parley_chassis import certificates
from parley_chassis.certificates import mounted, newest
from parley_chassis.settings import ProcessSettings
from tests.integration.chassis.mounted import Volume


@pytest.fixture
def volume(tmp_path: Path) -> Volume:
    authority = trustme.CA()
    return Volume(tmp_path / "mounted", "127.0.0.1").mount(authority, [authority])


def test_without_certificates_there_are_none() -> None:
    assert newest(ProcessSettings(insecure_dev=True), None) is None


def test_what_has_not_changed_is_the_same(volume: Volume) -> None:
    known = mounted(volume.process)
    assert newest(volume.process, known) is known


def test_a_whole_new_set_is_used(volume: Volume) -> None:
    process = volume.process
    known = mounted(process)
    authority = trustme.CA()
    volume.mount(authority, [authority])
    found = newest(process, known)
    assert found == mounted(process) != known
    assert found is not None
    assert (found.certificate, found.authority) == (volume.certificate, authority.cert_pem.bytes())


@pytest.mark.parametrize("name", ["tls.key", "tls.crt", "ca.crt"])
@pytest.mark.parametrize("left", [0, 100, None], ids=["empty", "cut", "missing"])
def test_a_broken_file_leaves_the_known_set_in_use(volume: Volume, name: str, left: int | None) -> None:
    process = volume.process
    known = mounted(process)
    file = volume.folder / name
    if left is None:
        file.unlink()
    else:
        file.write_bytes(file.read_bytes()[:left])
    assert newest(process, known) is known


@pytest.mark.parametrize("name", ["tls.key", "tls.crt"])
def test_a_certificate_and_the_key_of_another_are_no_set(volume: Volume, tmp_path: Path, name: str) -> None:
    authority = trustme.CA()
    other = Volume(tmp_path / "other", "127.0.0.1").mount(authority, [authority])
    process = volume.process
    known = mounted(process)
    (volume.folder / name).write_bytes((other.folder / name).read_bytes())
    assert newest(process, known) is known


def test_files_that_change_while_they_are_read_are_read_again_later(
    volume: Volume, monkeypatch: pytest.MonkeyPatch
) -> None:
    process = volume.process
    known = mounted(process)
    authority = trustme.CA()
    volume.mount(authority, [authority])
    with monkeypatch.context() as patched:
        patched.setattr(certificates, "check_pem", lambda *_: volume.mount(authority, [authority]))
        assert newest(process, known) is known
    assert newest(process, known) == mounted(process) != known


def test_no_key_is_shown(volume: Volume) -> None:
    assert "KEY" not in repr(mounted(volume.process))
