"""What the stages of a plan would build, as people read it: counts, and a tree of the tasks of each step."""

from __future__ import annotations

from collections.abc import Iterator

from spec_service.cli.printable import one_line
from spec_service.cli.task_tree import TaskLine, tree_lines
from spec_service.preview_views import PlanPreview, StepPreview

_LONG = 200  # characters
_ALIKE = 8  # steps whose tasks are shown as trees; of a plan with a node per task, the counts tell enough


def preview_lines(preview: PlanPreview) -> list[str]:
    """Return the lines of a preview."""
    if not preview:
        return ["", "No stage is part of this plan."]
    lines = ["", "Luigi tasks with these inputs (nothing was run)"]
    for one in preview:
        lines += [f"  {line}" for line in _step_lines(one, has_tree=len(preview) <= _ALIKE)]
    if len(preview) > 1:
        lines.append(f"  in all: {_counts(preview)}")
    warnings = list(dict.fromkeys(text for one in preview for text in one.warnings))
    return lines + [f"  warning: {one_line(text, _LONG)}" for text in warnings]


def _step_lines(one: StepPreview, *, has_tree: bool) -> Iterator[str]:
    if one.undecided is not None:
        yield f"{one.step}  {one.stage}: not known before the run: {one_line(one.undecided, _LONG)}"
        return
    if one.error is not None:
        yield f"{one.step}  {one.stage}: {one_line(one.error, _LONG)}"
        return
    items = f" for {one.items:,} items" if one.items is not None else ""
    yield f"{one.step}  {one.stage}{items}: {_counts((one,))}"
    if not has_tree or one.items is not None or one.total == 1:
        return
    tasks = [TaskLine(task.task, task.name, task.status, task.needs) for task in one.tasks]
    known = {task.key for task in tasks}
    for root in one.roots:
        if root in known:
            yield from (f"    {line}" for line in tree_lines(tasks, root))
    if one.total > len(one.tasks):
        yield f"    … {one.total - len(one.tasks):,} more"


def _counts(steps: PlanPreview) -> str:
    counts = {
        "complete": sum(one.complete for one in steps),
        "missing": sum(one.missing for one in steps),
        "external": sum(one.external for one in steps),
        "broken": sum(one.broken for one in steps),
    }
    total = sum(one.total for one in steps)
    told = ", ".join(f"{count:,} {name}" for name, count in counts.items() if count) or "nothing"
    return f"{total:,} task{'' if total == 1 else 's'}: {told}"
