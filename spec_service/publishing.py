"""What may be published: paths that stay where they belong, authors on one line, files that nobody else changed."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Callable
from dataclasses import dataclass

from spec_service.errors import FileMovedOn
from spec_service.ports import Publication

_PART = re.compile(r"[A-Za-z0-9_][A-Za-z0-9._-]{0,99}")
_AUTHOR = re.compile(r"[^<>\x00-\x1f\x7f]{1,100} <[^<>\s\x00-\x1f\x7f]{1,200}>")
_DEVICES = frozenset({"con", "prn", "aux", "nul"})  # no file on Windows may have these names
_MOST_PARTS = 12


def is_safe_path(path: str) -> bool:
    """Tell whether a path with `/` stays inside its folder wherever it is checked out: plain names, none hidden."""
    parts = path.split("/")
    return len(parts) <= _MOST_PARTS and all(_is_plain(part) for part in parts)


def _is_plain(part: str) -> bool:
    return _PART.fullmatch(part) is not None and not part.endswith(".") and part.lower().split(".")[0] not in _DEVICES


def is_spec_path(path: str) -> bool:
    """Tell whether a path is safe and names a file that `apply` would read."""
    return is_safe_path(path) and path.endswith((".yaml", ".yml", ".json"))


def is_author(text: str) -> bool:
    """Tell whether a text is `Name <mail>` on one line."""
    return _AUTHOR.fullmatch(text) is not None and text == text.strip()


def text_digest(data: bytes) -> str:
    """Return the sha256 (hex) of a text, comments and all."""
    return hashlib.sha256(data).hexdigest()


@dataclass(frozen=True, slots=True)
class Base:
    """What the caller believes to be published: the digest of a text or of the spec in it, or that there is nothing."""

    digest: str | None
    text: bytes | None = None  # of the revision with that digest, where the service has it


@dataclass(frozen=True, slots=True)
class MovedOnCheck:
    """Refuses to replace what somebody else has changed: the file has to be what the caller, or we, last saw."""

    path: str  # from the top of the repository
    base: Base | None  # None: the caller does not say
    published: tuple[Publication, ...]
    spec_digest: Callable[[bytes], str | None]  # of the spec in a text; None: there is none

    def __call__(self, found: bytes | None) -> None:
        """Look at the file that is there, None for nothing; raises `FileMovedOn`."""
        expected = self._expected()
        there = None if found is None else text_digest(found)
        if there == expected:
            return
        spec = self.spec_digest(found) if self.base and found is not None else None
        if self.base is None or found is None or spec is None or spec != self.base.digest:
            raise FileMovedOn(self.path, expected, spec or there)
        if self.base.text not in (None, found):  # the same spec in other words: comments and labels are work, too
            raise FileMovedOn(self.path, text_digest(self.base.text or b""), there)

    def _expected(self) -> str | None:
        if self.base is not None:
            return self.base.digest
        return next((one.sha256 for one in self.published if one.path == self.path), None)
