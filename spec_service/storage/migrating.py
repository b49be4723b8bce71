"""Bringing the database file to the newest shape when a process starts.

A new file gets the tables from `schema.sql`, which holds what all migrations together make; Alembic is loaded only
for a file that an older version made, since importing it takes longer than starting the server. Tests hold
`schema.sql`, the migrations and `tables.py` equal; `python -m spec_service.storage.migrating` writes it anew.
"""

from __future__ import annotations

import sqlite3
import sys
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

from spec_service.errors import DataUnusable
from spec_service.storage.database import connect

if TYPE_CHECKING:
    from alembic.config import Config

HEAD = "0004"
KNOWN = ("0001", "0002", "0003", "0004")
SCHEMA = Path(__file__).with_name("schema.sql")
MIGRATIONS = Path(__file__).with_name("migrations")


def upgrade(path: Path) -> None:
    """Make or change the tables; raises `DataUnusable` for a file that is no database of ours."""
    try:
        found = _revision(path)
        if found is None:
            _create(path)
        elif found not in KNOWN:
            raise DataUnusable(f"{path} was made by a newer version of specloom (schema {found})")
        elif found != HEAD:
            run_migrations(path)
    except sqlite3.DatabaseError as error:
        raise DataUnusable(f"{path} cannot be used as a database: {error}") from error


def is_current(path: Path) -> bool:
    """Tell whether a file has the newest shape."""
    try:
        return _revision(path) == HEAD
    except (sqlite3.DatabaseError, DataUnusable):
        return False


def run_migrations(path: Path, revision: str = "head") -> None:
    """Run Alembic's migrations, from an empty file if need be."""
    from alembic import command  # noqa: PLC0415 - slow to import, and rarely needed

    command.upgrade(alembic_config(path), revision)


def alembic_config(path: Path) -> Config:
    """Return the configuration of Alembic for a database file; there is no `alembic.ini`."""
    from alembic.config import Config  # noqa: PLC0415 - slow to import, and rarely needed

    config = Config()
    config.set_main_option("script_location", str(MIGRATIONS).replace("%", "%%"))
    config.attributes["database"] = path
    return config


def schema_text() -> str:
    """Return the SQL that makes what the migrations make, the mark of the newest included."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "new.db"
        run_migrations(path)
        connection = connect(path)
        rows = connection.execute("SELECT sql FROM sqlite_master WHERE sql IS NOT NULL ORDER BY rowid").fetchall()
        connection.close()
    mark = f"INSERT INTO alembic_version VALUES ('{HEAD}')"  # noqa: S608 - our own constant
    lines = "".join(f"{statement};\n" for statement in [*(row["sql"] for row in rows), mark]).splitlines()
    return "".join(f"{line.rstrip()}\n" for line in lines)


def _revision(path: Path) -> str | None:
    """Return the file's mark; None for an empty or absent file."""
    connection = connect(path)
    try:
        if connection.execute("SELECT COUNT(*) FROM sqlite_master").fetchone()[0] == 0:
            return None
        row = connection.execute("SELECT version_num FROM alembic_version").fetchone()
    finally:
        connection.close()
    if row is None:
        raise DataUnusable(f"{path} has tables, but no mark of their version")
    return row["version_num"]


def _create(path: Path) -> None:
    connection = connect(path)
    try:
        connection.executescript(f"BEGIN IMMEDIATE;\n{SCHEMA.read_text('utf-8')}COMMIT;")
    finally:
        connection.close()


if __name__ == "__main__":
    SCHEMA.write_text(schema_text(), encoding="utf-8")
    sys.stderr.write(f"wrote {SCHEMA}\n")
