"""How the bytes of a checkpoint lie in a row: as they are, or sealed with a key and for one place only."""

from __future__ import annotations

from typing import Protocol

from spec_service.errors import DataUnusable
from workflows.errors import CheckpointUnreadable as RunCannotGoOn

Place = tuple[str, ...]  # what the bytes belong to: the kind of row and its key


class CheckpointUnreadable(DataUnusable, RunCannotGoOn):
    """A checkpoint cannot be read with the keys that are configured: a reason not to start, or to fail a run."""

    name = "checkpoint-unreadable"


class Sealer(Protocol):
    """Seals bytes before they are stored, and opens them again; may be used from any thread."""

    @property
    def key_id(self) -> str | None:
        """Return the name of the key that seals, which is no secret; None: nothing is sealed."""
        ...

    def can_open(self, key_id: str | None) -> bool:
        """Tell whether what was sealed with a key can be opened."""
        ...

    def seal(self, place: Place, content: bytes) -> bytes:
        """Return what to store at a place."""
        ...

    def open(self, key_id: str | None, place: Place, content: bytes) -> bytes:
        """Return what was sealed with a key for this place; raises `CheckpointUnreadable`."""
        ...


class PlainSealer:
    """Seals nothing, and refuses what somebody sealed."""

    key_id: str | None = None

    def can_open(self, key_id: str | None) -> bool:
        """Tell whether the bytes are not sealed."""
        return key_id is None

    def seal(self, place: Place, content: bytes) -> bytes:
        """Return the bytes as they are."""
        del place
        return content

    def open(self, key_id: str | None, place: Place, content: bytes) -> bytes:
        """Return the bytes as they are; raises `CheckpointUnreadable` when they are sealed."""
        del place
        if key_id is not None:
            raise CheckpointUnreadable(
                f"checkpoints are encrypted with key {key_id}, and no key is configured: set SPECLOOM_CHECKPOINT_KEY"
            )
        return content
