"""What Alembic runs: opens the database that it is given and runs the migrations in one transaction."""

# ruff: noqa: INP001 - Alembic loads these files by their paths

from __future__ import annotations

from pathlib import Path
from typing import Any

from alembic import context
from sqlalchemy import create_engine, event
from sqlmodel import SQLModel

from spec_service.storage import tables


def run() -> None:
    """Run the migrations that were asked for."""
    database: Path = context.config.attributes["database"]
    engine = create_engine(f"sqlite:///{database}")

    @event.listens_for(engine, "connect")
    def _by_hand(connection: Any, _record: Any) -> None:  # pyright: ignore[reportUnusedFunction]
        connection.isolation_level = None  # Python's sqlite3 would commit before DDL

    @event.listens_for(engine, "begin")
    def _begin(connection: Any) -> None:  # pyright: ignore[reportUnusedFunction]
        connection.exec_driver_sql("BEGIN IMMEDIATE")

    with engine.begin() as connection:
        context.configure(connection, target_metadata=SQLModel.metadata, render_as_batch=True)
        context.run_migrations()
    engine.dispose()


assert tables.RunRow  # noqa: S101 - importing the module fills the metadata
run()
