"""What can go wrong when a server is asked."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any


class SpecloomError(Exception):
    """Something went wrong with Specloom."""


class Unreachable(SpecloomError):
    """The server did not answer, also when asked again."""


class Refused(SpecloomError):
    """The server refused; `name` says why, `problems` lists every mistake with its place."""

    def __init__(self, status: int, body: Mapping[str, Any]) -> None:
        self.status = status
        self.name = str(body.get("name") or "refused")
        self.code: str | None = body.get("code")
        self.problems: tuple[Mapping[str, Any], ...] = tuple(body.get("problems") or ())
        self.request_id: str | None = body.get("request_id")
        super().__init__(f"{self.name}: {body.get('detail') or f'status {status}'}")


class RunFailed(SpecloomError):
    """A run whose outputs were wanted failed or was cancelled."""


class NoPlainYes(SpecloomError):
    """A question has no answer that simply says yes: say what the answer is."""
