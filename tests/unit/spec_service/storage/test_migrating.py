import sqlite3
from datetime import UTC, datetime

import pytest
from alembic import command
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import create_engine
from sqlmodel import SQLModel

from spec_service.errors import DataUnusable
from spec_service.storage import tables
from spec_service.storage.database import open_database
from spec_service.storage.journal import SqlJournal
from spec_service.storage.migrating import HEAD, KNOWN, SCHEMA, alembic_config, run_migrations, schema_text, upgrade
from workflows.records import QuestionAnswered, SignalKept

pytestmark = pytest.mark.anyio


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


async def test_a_database_of_the_first_version_goes_on_with_its_questions(tmp_path, new_run):
    path, now = tmp_path / "g.db", datetime(2026, 3, 1, tzinfo=UTC)
    run_migrations(path, "0001")
    run = new_run("run-1")
    connection = sqlite3.connect(path)
    with connection:
        connection.execute(
            "INSERT INTO run VALUES ('default', 'run-1', 'hello', 1, NULL, 's', 'p', 'waiting', '{}', NULL, NULL, '{}',"
            " 0, 1, 0, 0, NULL, '2026-01-01T00:00:00.000000+00:00', NULL, NULL)"
        )
        connection.execute(
            "INSERT INTO question (tenant, run_id, interrupt_id, step, visit, title, description, assignees, asked_at,"
            " has_expired, is_taken) VALUES ('default', 'run-1', 'q1', 'ask', 'v1', 'Go?', '', '[]',"
            " '2026-01-01T00:00:00.000000+00:00', 0, 0)"
        )
    connection.close()
    upgrade(path)
    assert drift(path) == []
    async with open_database(path) as database:
        journal = SqlJournal(database)
        question = await journal.question(run.id, "q1")
        assert (question.kind, question.signal, question.key, question.is_open) == ("person", None, None, True)
        assert await journal.commit(QuestionAnswered(run.id, "q1", now, answer=1))
        assert await journal.commit(SignalKept(run.id, "s1", "paid", None, 1, now))
        await journal.aclose()


def test_going_back_to_the_first_version_leaves_its_tables(tmp_path):
    upgrade(tmp_path / "h.db")
    command.downgrade(alembic_config(tmp_path / "h.db"), "0001")
    run_migrations(tmp_path / "i.db", "0001")
    assert schema(tmp_path / "h.db") == schema(tmp_path / "i.db")


def schema(path) -> set[tuple[str, str]]:
    connection = sqlite3.connect(path)
    tables = [name for (name,) in connection.execute("SELECT name FROM sqlite_master WHERE type = 'table'")]
    found = {(table, row[1]) for table in tables for row in connection.execute(f"PRAGMA table_info({table})")}
    connection.close()
    return found
