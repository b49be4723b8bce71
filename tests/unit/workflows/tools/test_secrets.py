"""Secrets come from the environment or a file; what is missing is said with the place to mend."""

from __future__ import annotations

from pathlib import Path

import pytest

from workflows.errors import UnknownSecret
from workflows.tools.secrets import CatalogSecrets, SecretSource


def test_a_variable_and_a_file_give_values(tmp_path: Path) -> None:
    (tmp_path / "key").write_text("from a file\n")
    sources = {"A": SecretSource(env="VAR"), "B": SecretSource(file=tmp_path / "key")}
    secrets = CatalogSecrets(sources, {"VAR": "from a variable"})
    assert secrets.value("A") == "from a variable"
    assert secrets.value("B") == "from a file"


def test_a_rotated_file_is_taken_up(tmp_path: Path) -> None:
    secrets = CatalogSecrets({"B": SecretSource(file=tmp_path / "key")}, {})
    (tmp_path / "key").write_text("old")
    assert secrets.value("B") == "old"
    (tmp_path / "key").write_text("new")
    assert secrets.value("B") == "new"


@pytest.mark.parametrize(
    ("source", "said"),
    [
        (None, r"declare it as \[secrets.A\]"),
        (SecretSource(env="VAR"), "set the environment variable VAR"),
        (SecretSource(file=Path("/nowhere/key")), "cannot be read from /nowhere/key"),
        (SecretSource(file=Path("/dev/null")), "/dev/null is empty"),
    ],
)
def test_what_is_missing_is_said_with_the_place_to_mend(source: SecretSource | None, said: str) -> None:
    secrets = CatalogSecrets({"A": source} if source else {}, {})
    with pytest.raises(UnknownSecret, match=said):
        secrets.value("A")
