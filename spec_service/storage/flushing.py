"""What a flush does on the writer's thread: units of records, each written whole or not at all, in order."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Mapping
from typing import NamedTuple, cast

from spec_service.storage.statement import Statement
from workflows.failpoints import hit
from workflows.records import Event, EventRecorded, Record


class Unit(NamedTuple):
    """The records of one call, as statements; all of them are written, or none."""

    run_id: str
    parts: tuple[tuple[Record | None, tuple[Statement, ...]], ...]  # None: rows that are nobody's record
    is_awaited: bool  # somebody hears what became of it
    written: Callable[[], None] | None = None  # called once the unit is durable

    @property
    def size(self) -> int:
        """Return about how much memory it takes, in bytes."""
        size = 0
        for _, statements in self.parts:
            for statement in statements:
                for value in statement.parts:
                    if value.__class__ is str or value.__class__ is bytes:
                        size += len(value)
        return size


class Outcome(NamedTuple):
    """What became of a unit: `error` is a mistake, a refusal is none."""

    is_accepted: bool
    events: tuple[Event, ...] = ()
    error: str | None = None


def write_units(connection: sqlite3.Connection, *, units: tuple[Unit, ...], holes: Mapping[str, str]) -> list[Outcome]:
    """Write units in order. `holes` are runs of which a record is missing: nothing more of them is written.

    A unit that nobody waits for and that fails makes such a hole, too.
    """
    outcomes = _write_all(connection, units) if not holes else None
    if outcomes is None:
        outcomes = _write_each(connection, units, dict(holes))
    hit("flush.before")
    return outcomes


def _write_all(connection: sqlite3.Connection, units: tuple[Unit, ...]) -> list[Outcome] | None:
    """Write all units, as is nearly always possible; None, with nothing written, when one cannot be."""
    outcomes: list[Outcome] = []
    connection.execute("SAVEPOINT units")
    for unit in units:
        outcome = _outcome(connection, unit)
        if not outcome.is_accepted:
            connection.execute("ROLLBACK TO units")
            connection.execute("RELEASE units")
            return None
        outcomes.append(outcome)
    connection.execute("RELEASE units")
    return outcomes


def _write_each(connection: sqlite3.Connection, units: tuple[Unit, ...], missing: dict[str, str]) -> list[Outcome]:
    """Write unit by unit, so that one that fails takes no other along."""
    outcomes: list[Outcome] = []
    for unit in units:
        hole = missing.get(unit.run_id)
        outcome = Outcome(is_accepted=False, error=hole) if hole is not None else _write_unit(connection, unit)
        if not outcome.is_accepted and not unit.is_awaited:
            missing.setdefault(unit.run_id, why_missing(unit, outcome))
        outcomes.append(outcome)
    return outcomes


def why_missing(unit: Unit, outcome: Outcome) -> str:
    """Return why a unit that nobody waited for is not among the records."""
    if outcome.error is not None:
        return outcome.error
    return f"refused: {', '.join(type(record).__name__ for record, _ in unit.parts)}"


def _write_unit(connection: sqlite3.Connection, unit: Unit) -> Outcome:
    """Write a unit; a refusal or a broken constraint undoes this unit only."""
    if sum(len(statements) for _, statements in unit.parts) == 1:
        return _outcome(connection, unit)  # a statement is written whole or not at all anyway
    connection.execute("SAVEPOINT unit")
    outcome = _outcome(connection, unit)
    if not outcome.is_accepted:
        connection.execute("ROLLBACK TO unit")
    connection.execute("RELEASE unit")
    return outcome


def _outcome(connection: sqlite3.Connection, unit: Unit) -> Outcome:
    try:
        events = _write_parts(connection, unit)
    except sqlite3.IntegrityError as error:
        return Outcome(is_accepted=False, error=f"{type(error).__name__}: {error}")
    return Outcome(is_accepted=events is not None, events=events or ())


def _write_parts(connection: sqlite3.Connection, unit: Unit) -> tuple[Event, ...] | None:
    """Return the events with their numbers, or None when a guarded statement changed nothing.

    Rows that lie one after the other in the same table, such as the items of a map, are written together.
    """
    events: list[Event] = []
    alike: list[Statement] = []
    for record, statements in unit.parts:
        for statement in statements:
            if alike and statement.sql is not alike[0].sql:
                _write_alike(connection, alike)
                alike = []
            if statement.is_guarded:
                if connection.execute(statement.sql, statement.values).rowcount == 0:
                    return None
            elif record.__class__ is EventRecorded:
                cursor = connection.execute(statement.sql, statement.values)
                events.append(_numbered(cast("EventRecorded", record), cursor.fetchall()[0]["seq"]))
            else:
                alike.append(statement)
    _write_alike(connection, alike)
    return tuple(events)


def _write_alike(connection: sqlite3.Connection, statements: list[Statement]) -> None:
    if statements:
        connection.executemany(statements[0].sql, [one.values for one in statements])


def _numbered(record: EventRecorded, seq: int) -> Event:
    return Event(record.run_id, seq, record.type, record.at, record.node, record.attempt, record.data)
