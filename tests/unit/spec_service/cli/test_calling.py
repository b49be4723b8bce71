import sys
from pathlib import Path

import pytest

from spec_service.cli.calling import program


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "bin").mkdir()
    (tmp_path / "bin/specloom").write_text("#!/bin/sh\n")
    (tmp_path / "bin/specloom").chmod(0o755)
    monkeypatch.setattr(sys, "argv", [str(tmp_path / "bin/specloom"), "run"])
    return tmp_path


def test_it_goes_by_its_name_where_that_is_found(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(folder / "bin"))
    assert program() == "specloom"


def test_it_goes_by_the_path_that_was_used_where_its_name_is_not_found(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", "/nowhere")
    assert program() == "bin/specloom"
    monkeypatch.chdir("/")
    assert program() == str(folder / "bin/specloom").lstrip("/")


def test_a_module_run_by_python_goes_by_the_name(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "argv", ["/x/spec_service/cli/__main__.py"])
    assert program() == "specloom"
