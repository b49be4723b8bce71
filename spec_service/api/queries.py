"""Parameters of queries, read strictly; a refusal names the parameter and never gives its value back."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Annotated

from fastapi import Query
from starlette.requests import Request

from spec_service.errors import BadCursor, BadQuery
from spec_service.ports import SOURCE_KINDS, RunFilter, SourceKind, SpecSource, UsageQuery
from workflows.run import RunStatus

DEFAULT_LIMIT = 50
MAX_LIMIT = 1000
_MAX_SEQ = 2**53
_MAX_DIGITS = 16
_KINDS: Mapping[str, SourceKind] = {one: one for one in SOURCE_KINDS}
_MAX_PATH = 1024
_GROUPS = ("step", "run", "spec", "tenant", "model", "label")
_COMMIT = re.compile(r"[0-9a-f]{7,64}")

# Texts for FastAPI, which then has nothing to refuse in words of its own.
Cursor = Annotated[str | None, Query(description="`next` of the page before.")]
Limit = Annotated[str | None, Query(description=f"Items of a page, 1 to {MAX_LIMIT}.", examples=["50"])]
After = Annotated[str | None, Query(description="`seq` of the last event that is known.", examples=["0"])]
Wait = Annotated[str | None, Query(description="`true`, or seconds to wait until the run stops.", examples=["true"])]
Status = Annotated[str | None, Query(description="A status of runs.", examples=["waiting"])]
SpecName = Annotated[str | None, Query(description="A name of specs, or name@rN.", examples=["repo-risk"])]
Parent = Annotated[str | None, Query(description="The run that has started them.")]
Every = Annotated[
    str | None,
    Query(alias="all", description="`true`: results and logs of the engine, too.", examples=["true"]),
]
Source = Annotated[str | None, Query(description="Where the text is from: `file`, `git` or `api`.", examples=["git"])]
SourcePath = Annotated[str | None, Query(description="The file that it is from.", examples=["specs/report.yaml"])]
Commit = Annotated[str | None, Query(description="The commit of the repository that it is from.")]
GroupBy = Annotated[
    str | None, Query(description="step, run, spec, tenant, model, or label:NAME; run if left out.", examples=["spec"])
]
From = Annotated[str | None, Query(alias="from", description="Only steps that started then or later, ISO 8601.")]
To = Annotated[str | None, Query(alias="to", description="Only steps that started before then, ISO 8601.")]
Label = Annotated[list[str] | None, Query(description="`key=value`; several must all be there.")]


def read_limit(text: str | None, default: int = DEFAULT_LIMIT) -> int:
    """Return the size of a page; raises `BadQuery`."""
    if text is None:
        return default
    if not _is_number(text) or not 1 <= int(text) <= MAX_LIMIT:
        raise BadQuery(f"`limit` is a number from 1 to {MAX_LIMIT}")
    return int(text)


def read_after(request: Request, after: str | None, *, is_stream: bool) -> int:
    """Return the seq after which events are wanted; in a stream, `Last-Event-ID` is newer. Raises `BadCursor`."""
    last = request.headers.get("last-event-id") if is_stream else None
    text = last if last is not None else after
    if text is None:
        return 0
    if not _is_number(text) or int(text) > _MAX_SEQ:
        raise BadCursor("`after` and `Last-Event-ID` are the `seq` of an event")
    return int(text)


def read_wait(text: str | None, longest: float) -> float | None:
    """Return how many seconds to wait, None for not at all; raises `BadQuery`."""
    if text in (None, "false"):
        return None
    if text in ("true", ""):
        return longest
    try:
        seconds = float(text or "")
    except ValueError:
        seconds = math.nan
    if not 0 <= seconds < math.inf:
        raise BadQuery("`wait` is `true` or a number of seconds")
    return min(seconds, longest)


def read_flag(text: str | None, name: str) -> bool:
    """Return a flag, False when it is left out; raises `BadQuery`."""
    if text not in (None, "", "true", "false"):
        raise BadQuery(f"`{name}` is `true` or `false`")
    return text in ("", "true")


def read_filter(status: str | None, spec: str | None, labels: list[str] | None, parent: str | None = None) -> RunFilter:
    """Return which runs are wanted; raises `BadQuery`."""
    known = {one.value: one for one in RunStatus}
    if status is not None and status not in known:
        raise BadQuery(f"`status` is one of: {', '.join(known)}")
    pairs = [label.partition("=") for label in labels or []]
    if any(not separator for _, separator, _ in pairs):
        raise BadQuery("`label` is key=value")
    wanted = {key: value for key, _, value in pairs}
    return RunFilter(known[status] if status else None, spec, wanted, parent)


def read_source(kind: str | None, path: str | None, commit: str | None) -> SpecSource | None:
    """Return where a text is from, None when nobody says; raises `BadQuery`."""
    if kind is None:
        if path is not None or commit is not None:
            raise BadQuery("`path` and `commit` stand beside `source`")
        return None
    known = _KINDS.get(kind)
    if known is None:
        raise BadQuery(f"`source` is one of: {', '.join(SOURCE_KINDS)}")
    if path is not None and (len(path) > _MAX_PATH or not path.isprintable()):
        raise BadQuery(f"`path` has at most {_MAX_PATH} characters, and no control characters")
    if commit is not None and not _COMMIT.fullmatch(commit):
        raise BadQuery("`commit` is 7 to 64 hexadecimal digits")
    return SpecSource(known, path, commit)


def read_usage_query(group_by: str | None, since: str | None, until: str | None) -> UsageQuery:
    """Return which usage to sum up; raises `BadQuery`."""
    kind, separator, label = (group_by or "run").partition(":")
    if kind not in _GROUPS or (kind == "label") != bool(separator and label) or len(label) > _MAX_PATH:
        raise BadQuery("`group_by` is step, run, spec, tenant, model or label:NAME")
    return UsageQuery(group_by or "run", _read_time(since, "from"), _read_time(until, "to"))


def _read_time(text: str | None, name: str) -> datetime | None:
    if text is None:
        return None
    try:
        found = datetime.fromisoformat(text.replace(" ", "+"))  # what a plus in a query turns into
        return (found if found.tzinfo else found.replace(tzinfo=UTC)).astimezone(UTC)
    except (ValueError, OverflowError):
        raise BadQuery(f"`{name}` is a time in ISO 8601, such as 2026-01-31T00:00:00Z") from None


def _is_number(text: str) -> bool:
    return text.isascii() and text.isdecimal() and len(text) <= _MAX_DIGITS
