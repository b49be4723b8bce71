"""The drawing of a plan: a Mermaid flowchart in which the shape of a node tells its verb.

Whatever an author writes is only ever shown: every character that could mean something to Mermaid, or to the HTML that
it becomes, is written as a numbered entity, and ids are made here.
"""

import re
from collections.abc import Iterator

from translator.planning.plan import END, Plan, Step, Transition

_SHAPES = {
    "luigi": ('[["', '"]]'),
    "tool": ('["', '"]'),
    "human": ('{{"', '"}}'),
    "set": ('[/"', '"/]'),
    "fail": ('[\\"', '"/]'),
}
_HARMFUL = re.compile(r"[^\w .,=!?+*-]")
_LONGEST = 40  # characters of a label before it is cut
_START, _END = "start_", "end_"  # a node's id begins with n_, so these are never taken


def draw(plan: Plan) -> str:
    """Return the Mermaid text of a plan."""
    return "\n".join(["flowchart TD", *_Drawing(plan).lines()]) + "\n"


def shown(text: str) -> str:
    """Return text as a Mermaid label: cut to length, and harmless."""
    line = " ".join(text.split())
    cut = line if len(line) <= _LONGEST else line[: _LONGEST - 1] + "…"
    return _HARMFUL.sub(lambda found: f"#{ord(found.group())};", cut)


class _Drawing:
    def __init__(self, plan: Plan) -> None:
        self._plan = plan
        self._members: dict[str | None, list[Step]] = {}
        for step in plan.steps:
            self._members.setdefault(step.block, []).append(step)

    def lines(self) -> Iterator[str]:
        """Draw the nodes, blocks as boxes around their members, and then the ways between them."""
        yield f'  {_START}(["start"])'
        yield from self._nodes(None, 1)
        yield f'  {_END}(["end"])'
        if self._plan.is_dag:
            yield from self._frame(self._members.get(None, []))
        elif self._plan.start is not None:
            yield f"  {_START} --> {_id(self._plan.start)}"
        for step in self._plan.steps:
            yield from _needs(step)
            if step.transition:
                yield from _ways(step, step.transition)

    def _nodes(self, block: str | None, depth: int) -> Iterator[str]:
        indent = "  " * depth
        for step in self._members.get(block, []):
            if step.verb == "dag":
                yield f'{indent}subgraph {_id(step.id)}["{_label(step)}"]'
                yield from self._nodes(step.id, depth + 1)
                yield f"{indent}end"
            else:
                opening, closing = _SHAPES[step.verb]
                yield f"{indent}{_id(step.id)}{opening}{_label(step)}{closing}"

    def _frame(self, members: list[Step]) -> Iterator[str]:
        needed = {need for step in members for need in step.needs}
        yield from (f"  {_START} --> {_id(step.id)}" for step in members if not step.needs)
        yield from (f"  {_id(step.id)} --> {_END}" for step in members if step.id not in needed)


def _id(name: str) -> str:
    return _END if name == END else f"n_{name}"


def _label(step: Step) -> str:
    lines = [shown(step.id), f"<i>{shown(_subject(step))}</i>"]
    if step.when:
        lines.append(f"if {_condition(step.when)}")
    return "<br/>".join(lines)


def _subject(step: Step) -> str:
    if step.call:
        return f"{step.call.name} {step.call.version}"
    if step.fail:
        return f"fail {step.fail.error}"
    return step.verb


def _needs(step: Step) -> Iterator[str]:
    arrow = "-.->" if step.when else "-->"
    yield from (f"  {_id(need)} {arrow} {_id(step.id)}" for need in step.needs)


def _ways(step: Step, transition: Transition) -> Iterator[str]:
    source = _id(step.id)
    for case, target in transition.cases.items():
        yield f'  {source} -->|"{shown(case)}"| {_id(target)}'
    if transition.default is not None:
        yield f'  {source} -->|"otherwise"| {_id(transition.default)}'
    for branch in transition.branches:
        if branch.when is not None:
            yield f'  {source} -->|"{_condition(branch.when)}"| {_id(branch.to)}'
        else:
            label = '|"else"| ' if len(transition.branches) > 1 else " "
            yield f"  {source} -->{label}{_id(branch.to)}"


def _condition(text: str) -> str:
    inner = text.strip()
    is_lone = inner.startswith("${") and inner.endswith("}") and "${" not in inner[2:]
    return shown(inner[2:-1].strip() if is_lone else inner)
