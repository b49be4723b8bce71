"""Runs commands in this process and gives what they said."""

import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from spec_service.cli import main
from spec_service.cli.starting import FILES


@dataclass(frozen=True)
class Said:
    code: int
    out: str
    err: str


@pytest.fixture
def specloom(capsys: pytest.CaptureFixture[str]) -> Callable[..., Said]:
    def run(*arguments: str) -> Said:
        with pytest.raises(SystemExit) as ended:
            main([str(one) for one in arguments])
        captured = capsys.readouterr()
        assert "Traceback" not in captured.err
        return Said(ended.value.code, captured.out, captured.err)

    return run


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A project as `specloom init` writes it, and the folder that commands run in."""
    for name, text in FILES.items():
        path = tmp_path / name
        path.parent.mkdir(exist_ok=True)
        path.write_text(text, encoding="utf-8")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "path", [*sys.path])
    yield tmp_path
    for name in ("tools", "tools.words", "pipelines", "pipelines.hello"):  # each project has modules of these names
        sys.modules.pop(name, None)
