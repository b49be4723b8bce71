import sqlite3

import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import create_engine
from sqlmodel import SQLModel

from spec_service.errors import DataUnusable
from spec_service.storage import tables
from spec_service.storage.migrating import HEAD, KNOWN, SCHEMA, alembic_config, run_migrations, schema_text, upgrade


def drift(path) -> list:
    engine = create_engine(f"sqlite:///{path}")
    with engine.connect() as connection:
        found = compare_metadata(MigrationContext.configure(connection), SQLModel.metadata)
    engine.dispose()
    return found


def test_migrations_from_empty_give_the_tables_of_the_models(tmp_path):
    assert tables.RunRow.metadata is SQLModel.metadata
    run_migrations(tmp_path / "a.db")
    assert drift(tmp_path / "a.db") == []


def test_a_new_file_is_made_without_alembic_and_does_not_drift(tmp_path):
    upgrade(tmp_path / "b.db")
    assert drift(tmp_path / "b.db") == []


def test_the_schema_file_is_what_the_migrations_make():
    fresh = schema_text()
    assert SCHEMA.read_text("utf-8") == fresh, "run: python -m spec_service.storage.migrating"


def test_the_known_revisions_are_those_of_the_migrations(tmp_path):
    script = ScriptDirectory.from_config(alembic_config(tmp_path / "c.db"))
    assert script.get_current_head() == HEAD
    assert sorted(one.revision for one in script.walk_revisions()) == sorted(KNOWN)


def test_upgrading_twice_changes_nothing(tmp_path):
    upgrade(tmp_path / "d.db")
    upgrade(tmp_path / "d.db")
    run_migrations(tmp_path / "d.db")
    assert drift(tmp_path / "d.db") == []


def test_a_file_of_a_newer_version_is_refused(tmp_path):
    upgrade(tmp_path / "e.db")
    connection = sqlite3.connect(tmp_path / "e.db")
    with connection:
        connection.execute("UPDATE alembic_version SET version_num = '9999'")
    connection.close()
    with pytest.raises(DataUnusable, match="newer version"):
        upgrade(tmp_path / "e.db")


def test_a_file_that_is_no_database_is_refused(tmp_path):
    (tmp_path / "f.db").write_bytes(b"not a database at all" * 100)
    with pytest.raises(DataUnusable):
        upgrade(tmp_path / "f.db")
