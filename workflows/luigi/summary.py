"""What became of the tasks of a step, in the words of Luigi's own execution summary."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from workflows.luigi.expansion import ExpandedTask
from workflows.luigi.schedule import Schedule, Standing, blocked_by

FAMILIES = 5  # that are listed of each kind
NAMES = 2  # of one family

Named = Mapping[str, list[ExpandedTask]]
_AMONG = "were left pending, among these"
_INNER = ("missing", "below_failed", "below_missing", "below_broken", "not_run")
_WORDS = {
    "complete": "complete ones were encountered",
    "succeeded": "ran successfully",
    "failed": "failed",
    "broken": "failed scheduling",
    "missing": "were missing external dependencies",
    "below_failed": "had failed dependencies",
    "below_missing": "had missing dependencies",
    "below_broken": "had dependencies whose scheduling failed",
    "not_run": "was not granted run permission by the scheduler",
}


@dataclass(frozen=True, slots=True)
class Summary:
    """How many tasks there are of each kind, and the same as a text."""

    counts: Mapping[str, int]
    text: str
    looks: str  # ":)", ":(" or ":|"


def summary_of(schedule: Schedule, retried: Iterable[str] = ()) -> Summary:
    """Return the summary of a step whose tasks stand so; `retried` are keys of tasks that failed at first."""
    kinds = _kinds(schedule)
    counts = {kind: len(tasks) for kind, tasks in kinds.items() if tasks}
    listed = [task for kind, tasks in kinds.items() if not kind.startswith(("below", "not_run")) for task in tasks]
    pending = {task.key for kind in _INNER for task in kinds[kind]}
    count = len({task.key for task in listed} | pending)
    lines = [f"Scheduled {count} tasks of which:"]
    for kind, words in _WORDS.items():
        if kind == _INNER[0] and pending:
            lines.append(f"* {len(pending)} {_AMONG}:")
        if tasks := kinds[kind]:
            indent = "    " if kind in _INNER else ""
            lines.append(f"{indent}* {len(tasks)} {words}:")
            lines.extend(f"{indent}    {line}" for line in _families(tasks))
    if not (kinds["succeeded"] or kinds["failed"]):
        lines.extend(["", "Did not run any tasks"])
    looks, reason = _verdict(kinds, has_retried=any(True for _ in retried))
    lines.append(f"This progress looks {looks} because {reason}")
    return Summary(counts, "\n".join(lines), looks)


def _kinds(schedule: Schedule) -> dict[str, list[ExpandedTask]]:
    kinds: dict[str, list[ExpandedTask]] = {
        "complete": schedule.those(Standing.COMPLETE),
        "succeeded": schedule.those(Standing.SUCCEEDED),
        "failed": schedule.those(Standing.FAILED),
        "broken": schedule.those(Standing.BROKEN),
        "missing": schedule.those(Standing.MISSING),
    }
    causes = {
        "below_failed": (Standing.FAILED,),
        "below_missing": (Standing.MISSING, Standing.SUSPENDED),
        "below_broken": (Standing.BROKEN,),
    }
    blocked = {kind: blocked_by(schedule, those) for kind, those in causes.items()}
    blocked["below_missing"] |= {task.key for task in schedule.those(Standing.SUSPENDED)}
    pending = schedule.those(Standing.PENDING, Standing.SUSPENDED)
    for kind, keys in blocked.items():
        kinds[kind] = [task for task in pending if task.key in keys]
    explained = set[str]().union(*blocked.values())
    kinds["not_run"] = [task for task in pending if task.key not in explained]
    return kinds


def _families(tasks: list[ExpandedTask]) -> list[str]:
    families: dict[str, list[str]] = {}
    for task in tasks:
        families.setdefault(task.name.partition("(")[0], []).append(task.name)
    lines: list[str] = []
    for family in sorted(families):
        if len(lines) == FAMILIES:
            lines.append("...")
            break
        names = families[family]
        more = " ..." if len(names) > NAMES else ""
        shown = " and ".join(names[: 1 if more else NAMES])
        lines.append(f"- {len(names)} {shown}{more}")
    return lines


def _verdict(kinds: Named, *, has_retried: bool) -> tuple[str, str]:
    if kinds["failed"]:
        also = " and tasks whose scheduling failed" if kinds["broken"] else ""
        return ":(", f"there were failed tasks{also}"
    if has_retried:
        return ":)", "there were failed tasks but they all succeeded in a retry"
    if kinds["broken"]:
        return ":(", "there were tasks whose scheduling failed"
    if kinds["not_run"]:
        return ":|", "there were tasks that were not granted run permission by the scheduler"
    if kinds["missing"]:
        return ":|", "there were missing external dependencies"
    return ":)", "there were no failed tasks or missing dependencies"
