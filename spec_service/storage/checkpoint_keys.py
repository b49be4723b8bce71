"""Which keys checkpoints are sealed with, and whether those of unfinished runs can be opened with them."""

from __future__ import annotations

from functools import partial
from pathlib import Path

from anyio import to_thread
from pydantic import SecretStr

from spec_service.errors import DataUnusable
from spec_service.storage.checkpoint_rows import read_unfinished_keys
from spec_service.storage.columns import DEFAULT_TENANT
from spec_service.storage.database import Database
from spec_service.storage.sealing import CheckpointUnreadable, PlainSealer, Sealer


async def open_sealer(
    database: Database, keys: SecretStr | None, file: Path | None, tenant: str = DEFAULT_TENANT
) -> Sealer:
    """Return what seals checkpoints with the keys of a setting or a file, nothing when there are none.

    Raises `DataUnusable` for keys that are none, and `CheckpointUnreadable` when unfinished runs could not go on:
    better not to start than to fail them.
    """
    sealer = await to_thread.run_sync(_sealer, keys, file)
    used = await database.read(partial(read_unfinished_keys, tenant=tenant))
    for key_id in sorted(used, key=str):
        if not sealer.can_open(key_id):
            raise CheckpointUnreadable(f"unfinished runs cannot go on: {_reason(key_id, sealer)}")
    return sealer


def _sealer(keys: SecretStr | None, file: Path | None) -> Sealer:
    if keys is None and file is None:
        return PlainSealer()
    if keys is not None and file is not None:
        raise DataUnusable("set a checkpoint key or the file of one, not both")
    from spec_service.storage.aes_sealing import AesSealer, read_keys  # noqa: PLC0415 - slow to import, needed by few

    return AesSealer(read_keys(keys.get_secret_value() if keys else _text(file or Path())))


def _text(file: Path) -> str:
    try:
        return file.read_text("ascii")
    except OSError as error:
        raise DataUnusable(f"the file of the checkpoint key cannot be read: {error.strerror}") from error
    except UnicodeDecodeError:
        raise DataUnusable("the file of the checkpoint key holds no base64") from None


def _reason(key_id: str | None, sealer: Sealer) -> str:
    if key_id is None:
        return "their checkpoints are not encrypted, although a key is configured"
    if sealer.key_id is None:
        return f"their checkpoints are encrypted with key {key_id}, and no key is configured"
    return f"their checkpoints are encrypted with key {key_id}, which is not configured"
