"""The rows of idempotency keys: how one is read, and how those that are over are removed."""

from __future__ import annotations

import asyncio
import sqlite3
from datetime import UTC, datetime
from functools import partial

from structlog.stdlib import get_logger

from spec_service.storage.columns import key_of, time_text
from spec_service.storage.database import Database
from workflows.records import KEYS_KEPT, KeyKept

SWEEP_SECONDS = 3600.0
log = get_logger("specloom.keys")


def read_key(connection: sqlite3.Connection, *, tenant: str, key: str) -> KeyKept | None:
    """Return a key that still stands for what was done."""
    sql = "SELECT * FROM idempotency WHERE tenant = ? AND key = ? AND created_at > ?"
    row = connection.execute(sql, (tenant, key, time_text(datetime.now(UTC) - KEYS_KEPT))).fetchone()
    return key_of(row) if row is not None else None


def sweep_keys(connection: sqlite3.Connection, *, now: datetime) -> int:
    """Remove the keys that are over, of all tenants, and return how many there were."""
    return connection.execute("DELETE FROM idempotency WHERE created_at <= ?", (time_text(now - KEYS_KEPT),)).rowcount


async def keep_sweeping(database: Database) -> None:
    """Sweep now and then every hour until cancelled; a failure is logged, and tried again."""
    while True:
        try:
            swept = await database.write(partial(sweep_keys, now=datetime.now(UTC)))
        except Exception:
            log.exception("keys.not-swept")
        else:
            if swept:
                log.info("keys.swept", keys=swept)
        await asyncio.sleep(SWEEP_SECONDS)
