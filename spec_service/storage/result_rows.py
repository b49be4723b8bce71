"""The rows of cached results: how one is read, and how those that are over are removed."""

from __future__ import annotations

import sqlite3
from datetime import datetime
from typing import Any

from spec_service.storage.columns import read_json, time_text

Json = Any


def read_result(connection: sqlite3.Connection, *, tenant: str, key: str, now: datetime) -> Json | None:
    """Return the result under a key, unless it is expired."""
    sql = "SELECT kept FROM cached_result WHERE tenant = ? AND key = ? AND (expires_at IS NULL OR expires_at > ?)"
    row = connection.execute(sql, (tenant, key, time_text(now))).fetchone()
    return read_json(row["kept"]) if row is not None else None


def sweep_results(connection: sqlite3.Connection, *, now: datetime) -> int:
    """Remove the results that are expired, of all tenants, and return how many there were."""
    return connection.execute("DELETE FROM cached_result WHERE expires_at <= ?", (time_text(now),)).rowcount
