"""The drawing of a plan: a Mermaid flowchart in which the shape of a node tells its verb.

Whatever an author writes is only ever shown: every character that could mean something to Mermaid, or to the HTML that
it becomes, is written as a numbered entity, and ids are made by the picture.
"""

import re
from collections.abc import Iterator

from translator.planning.picture import Line, Shape, picture, shortened
from translator.planning.plan import Plan

_FORMS = {
    "start": ('(["', '"])'),
    "end": ('(["', '"])'),
    "luigi": ('[["', '"]]'),
    "tool": ('["', '"]'),
    "agent": ('("', '")'),
    "workflow": ('[("', '")]'),
    "decide": ('{"', '"}'),
    "human": ('{{"', '"}}'),
    "set": ('[/"', '"/]'),
    "wait": ('(("', '"))'),
    "emit": ('>"', '"]'),
    "fail": ('[\\"', '"/]'),
}
_REPEATED = "repeated"  # the class of what is done once for each item
_HARMFUL = re.compile(r"[^\w .,=!?+*-]")


def draw(plan: Plan) -> str:
    """Return the Mermaid text of a plan."""
    drawn = picture(plan)
    lines = ["flowchart TD", *(text for shape in drawn.shapes for text in _shape(shape, 1))]
    lines += [_line(one) for one in drawn.lines]
    if any(step.map for step in plan.steps) or any(f":::{_REPEATED}" in one for one in lines):
        lines.append(f"  classDef {_REPEATED} stroke-width:4px")
    return "\n".join(lines) + "\n"


def shown(text: str) -> str:
    """Return text as a Mermaid label: cut to length, and harmless."""
    return _HARMFUL.sub(lambda found: f"#{ord(found.group())};", shortened(text))


def _shape(shape: Shape, depth: int) -> Iterator[str]:
    indent = "  " * depth
    name, *rest = shape.lines
    texts = [shown(name), *(f"<i>{shown(one)}</i>" for one in rest[:1]), *(shown(one) for one in rest[1:])]
    label = "<br/>".join(texts)
    if shape.is_block:
        yield f'{indent}subgraph {shape.id}["{label}"]'
        for member in shape.members:
            yield from _shape(member, depth + 1)
        yield f"{indent}end"
        if shape.is_repeated:
            yield f"{indent}class {shape.id} {_REPEATED}"
        return
    opening, closing = _FORMS[shape.kind]
    yield f"{indent}{shape.id}{opening}{label}{closing}{f':::{_REPEATED}' if shape.is_repeated else ''}"


def _line(line: Line) -> str:
    arrow = "-.->" if line.is_dashed else "-->"
    label = f'|"{shown(line.label)}"|' if line.label else ""
    return f"  {line.source} {arrow}{label} {line.target}"
