"""Versions, ranges of versions, and references to catalog entries: `group.name@range`.

Versions are semver 2.0.0. Ranges: `^1` (compatible), `~1.4` (same minor), `1.2.3` (exactly), `1` and `1.4` (whatever
begins so), `*` (any, also when there is no `@`). A pre-release is chosen only where it is asked for exactly.
"""

import re
from collections.abc import Iterable
from dataclasses import dataclass
from functools import total_ordering

_NUMBER = r"(0|[1-9]\d{0,8})"
_LABEL = r"[0-9A-Za-z-]+(?:\.[0-9A-Za-z-]+)*"
_VERSION = re.compile(rf"{_NUMBER}\.{_NUMBER}\.{_NUMBER}(?:-({_LABEL}))?(?:\+{_LABEL})?", re.ASCII)
_RANGE = re.compile(rf"([~^]?){_NUMBER}(?:\.{_NUMBER})?(?:\.{_NUMBER})?(?:-({_LABEL}))?", re.ASCII)
_GROUP = re.compile(r"[a-z][a-z0-9._-]{0,62}", re.ASCII)
_ENTRY = re.compile(r"[A-Za-z_][A-Za-z0-9_-]{0,62}", re.ASCII)
_LONGEST = 200  # a reference: group, entry and range with room to spare


@total_ordering
@dataclass(frozen=True, slots=True)
class Version:
    """A semantic version; build metadata is read and forgotten, as it says nothing about precedence."""

    major: int
    minor: int
    patch: int
    pre: str = ""

    @classmethod
    def parse(cls, text: str) -> "Version | None":
        """Read `1.2.3` or `1.2.3-rc.1`; None when it is no version."""
        match = _VERSION.fullmatch(text) if len(text) <= _LONGEST else None
        if match is None:
            return None
        major, minor, patch, pre = match.groups()
        return cls(int(major), int(minor), int(patch), pre or "")

    def __lt__(self, other: "Version") -> bool:
        return self._precedence() < other._precedence()

    def __str__(self) -> str:
        return f"{self.major}.{self.minor}.{self.patch}" + (f"-{self.pre}" if self.pre else "")

    def _precedence(self) -> tuple[int, int, int, bool, list[tuple[bool, int, str]]]:
        # semver 11: a pre-release comes before its release; numbers before words, numbers by value
        labels = self.pre.split(".") if self.pre else []
        parts = [(False, int(part), "") if part.isdecimal() else (True, 0, part) for part in labels]
        return self.major, self.minor, self.patch, not self.pre, parts


@dataclass(frozen=True, slots=True)
class VersionRange:
    """The versions from `low` (included) to `high` (excluded; None: without end), as written in `text`."""

    text: str
    low: Version
    high: Version | None

    @classmethod
    def parse(cls, text: str) -> "VersionRange | None":
        """Read `^1`, `~1.4`, `1.2.3`, `1`, `1.4` or `*`; None when it is no range."""
        if text == "*":
            return cls(text, Version(0, 0, 0), None)
        match = _RANGE.fullmatch(text) if len(text) <= _LONGEST else None
        if match is None:
            return None
        sign, *parts, pre = match.groups()
        numbers = [int(part) for part in parts if part is not None]
        if pre and len(numbers) < 3:  # noqa: PLR2004 - a pre-release belongs to a whole version
            return None
        major, minor, patch = [*numbers, 0, 0][:3]
        low = Version(major, minor, patch, pre or "")
        return cls(text, low, _upper(sign, numbers, low))

    def admits(self, version: Version) -> bool:
        """Tell whether `version` is in the range."""
        if version == self.low:
            return True
        if version.pre:
            return False
        return self.low <= version and (self.high is None or version < self.high)


def _upper(sign: str, numbers: list[int], low: Version) -> Version:
    """Return the first version beyond the range."""
    whole = 3
    if not sign and len(numbers) == whole:
        return low  # only itself
    if len(numbers) == 1 or (sign == "^" and low.major > 0):
        return Version(low.major + 1, 0, 0)
    if sign == "^" and low.minor == 0 and len(numbers) == whole:
        return Version(0, 0, low.patch + 1)
    return Version(low.major, low.minor + 1, 0)


@dataclass(frozen=True, slots=True)
class CatalogRef:
    """A reference to an entry of the catalog, or to a workflow: its full name and the versions that will do."""

    name: str
    range: VersionRange

    @property
    def group(self) -> str:
        """The group that the entry belongs to; empty for a workflow."""
        return self.name.rpartition(".")[0]


class BadReferenceError(ValueError):
    """A text that is no reference; the message says which part is wrong without repeating it."""


def parse_ref(text: str) -> CatalogRef:
    """Read `group.name@range` (`web.fetch@2`, `market.Publish@^1`); raise BadReferenceError when it is none."""
    name, versions = _split(text)
    group, dot, entry = name.rpartition(".")
    if not dot:
        raise BadReferenceError("a reference names a group and an entry, with a dot between them")
    if not _GROUP.fullmatch(group) or ".." in name:
        raise BadReferenceError("the name of the group has characters that are not allowed, or is too long")
    if not _ENTRY.fullmatch(entry):
        raise BadReferenceError("the name of the entry has characters that are not allowed, or is too long")
    return CatalogRef(name, versions)


def parse_workflow_ref(text: str) -> CatalogRef:
    """Read `name@range` (`fact-check@~1.4`); raise BadReferenceError when it is none."""
    name, versions = _split(text)
    if not _GROUP.fullmatch(name):
        raise BadReferenceError("the name of the workflow has characters that are not allowed, or is too long")
    return CatalogRef(name, versions)


def _split(text: str) -> tuple[str, VersionRange]:
    name, at, rest = text.partition("@")
    versions = VersionRange.parse(rest if at else "*")
    if versions is None:
        raise BadReferenceError("what follows the @ is no range of versions")
    return name, versions


def best(wanted: VersionRange, versions: Iterable[str]) -> str | None:
    """Return the newest of `versions` that the range admits, as it was given; None when none does."""
    known = ((Version.parse(text), text) for text in versions)
    fitting = [(version, text) for version, text in known if version is not None and wanted.admits(version)]
    return max(fitting, key=lambda pair: pair[0])[1] if fitting else None
