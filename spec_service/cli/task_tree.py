"""A Luigi DAG as a tree of lines: the task on top, what it needs below it, many of one kind on one line."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from spec_service.cli.printable import one_line

MANY = 5  # tasks of one kind below one task before they share a line
_LINES = 100
_NAME = 110  # characters
_MARKS = {"complete": "✔", "missing": "·", "external": "?", "broken": "✘"}
STATUSES = tuple(_MARKS)


@dataclass(frozen=True, slots=True)
class TaskLine:
    """A task as the tree shows it."""

    key: str
    name: str  # "market.Publish(day=2026-11-20)"
    status: str  # "complete", "missing", "external": missing, nobody builds it; "broken"
    needs: tuple[str, ...] = ()

    @property
    def kind(self) -> str:
        """Return the name without the parameters."""
        return self.name.partition("(")[0]


def count_line(statuses: Sequence[str]) -> str:
    """Return how many tasks there are, and of which status."""
    counts = Counter(statuses)
    parts = [f"{counts[status]:,} {status}" for status in _MARKS if counts[status]]
    return f"{len(statuses):,} task{'' if len(statuses) == 1 else 's'}: {', '.join(parts)}"


def tree_lines(tasks: Sequence[TaskLine], root: str) -> list[str]:
    """Return the lines of the tree; a task that several need is shown with all below it once."""
    by_key = {one.key: one for one in tasks}
    lines: list[str] = []
    seen: set[str] = set()
    waiting: list[tuple[int, tuple[TaskLine, ...]]] = [(0, (by_key[root],))]
    while waiting:
        depth, members = waiting.pop()
        if len(lines) == _LINES:
            lines.append(f"… {len(by_key) - len(seen):,} more tasks")
            break
        is_again = all(one.key in seen for one in members)
        below = list(dict.fromkeys(key for one in members for key in one.needs)) if not is_again else []
        seen.update(one.key for one in members)
        again = " (as above)" if is_again and any(one.needs for one in members) else ""
        lines.append(f"{'  ' * depth}{_line(members)}{again}")
        groups = list(_groups([by_key[key] for key in below if key in by_key]))
        waiting += [(depth + 1, group) for group in reversed(groups)]
    return lines


def _groups(tasks: Sequence[TaskLine]) -> Iterator[tuple[TaskLine, ...]]:
    by_kind: dict[str, list[TaskLine]] = {}
    for one in tasks:
        by_kind.setdefault(one.kind, []).append(one)
    for members in by_kind.values():
        if len(members) > MANY:
            yield tuple(members)
        else:
            yield from ((one,) for one in members)


def _line(members: Sequence[TaskLine]) -> str:
    if len(members) == 1:
        one = members[0]
        note = "  (external: nobody builds it)" if one.status == "external" else ""
        return f"{_MARKS[one.status]} {one_line(one.name, _NAME)}{note}"
    statuses = {one.status for one in members}
    mark = _MARKS[next(iter(statuses))] if len(statuses) == 1 else "±"
    counted = count_line([one.status for one in members]).partition(": ")[2]
    return f"{mark} {one_line(members[0].kind, _NAME)}, {len(members):,} of them  ({counted})"
