"""Tests without their program are skipped on a developer's machine, and fail where CI runs them."""

import sys
from pathlib import Path

import pytest

from tests.programs import program


@pytest.fixture
def path(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The only folder that programs are looked for in."""

    def which(name: str, **_: str) -> str | None:
        return str(file) if (file := tmp_path / name).exists() else None

    monkeypatch.setattr("shutil.which", which)
    return tmp_path


def test_a_program_that_is_there_is_found(path: Path) -> None:
    (path / "nginx").symlink_to(sys.executable)

    assert program("nginx") == str(path / "nginx")


@pytest.mark.usefixtures("path")
def test_without_its_program_a_test_is_skipped_and_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("CI", raising=False)

    with pytest.raises(pytest.skip.Exception, match=r"^ps is not installed .*apt-get install procps"):
        program("ps")


@pytest.mark.usefixtures("path")
def test_in_ci_a_missing_program_is_a_failure(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CI", "true")

    with pytest.raises(pytest.fail.Exception, match=r"^openssl is not installed"):
        program("openssl")
