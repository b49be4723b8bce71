"""The drawing of a plan for Graphviz, in its language DOT: the same picture as the Mermaid flowchart.

Whatever an author writes stands in quoted strings, in which three characters mean something to Graphviz.
"""

import re
from collections.abc import Iterator

from translator.planning.picture import Line, Shape, picture
from translator.planning.plan import Plan

_FORMS = {
    "start": "circle",
    "end": "doublecircle",
    "luigi": "component",
    "tool": "box",
    "agent": "tab",
    "workflow": "folder",
    "decide": "diamond",
    "human": "hexagon",
    "set": "parallelogram",
    "wait": "ellipse",
    "emit": "cds",
    "fail": "octagon",
}
_CONTROLS = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029]")
_ESCAPED = str.maketrans({"\\": "\\\\", '"': '\\"', "&": "&amp;"})  # Graphviz reads HTML's entities in labels
_HEAD = (
    "  compound=true",
    '  node [fontname="Helvetica", fontsize=11, margin="0.15,0.08"]',
    '  edge [fontname="Helvetica", fontsize=9]',
    '  graph [fontname="Helvetica", fontsize=11, style=rounded]',
)


def draw_dot(plan: Plan) -> str:
    """Return the DOT text of a plan."""
    drawn = picture(plan)
    blocks = {shape.id: _first(shape) for shape in _every(drawn.shapes) if shape.is_block}
    lines = [f"digraph {quoted(drawn.name)} {{", *_HEAD]
    lines += [text for shape in drawn.shapes for text in _shape(shape, 1)]
    lines += [_line(one, blocks) for one in drawn.lines]
    return "\n".join([*lines, "}"]) + "\n"


def quoted(*lines: str) -> str:
    """Return texts as one quoted string, a line each."""
    harmless = (_CONTROLS.sub("\ufffd", one).translate(_ESCAPED) for one in lines)
    return '"' + "\\n".join(harmless) + '"'


def _shape(shape: Shape, depth: int) -> Iterator[str]:
    indent = "  " * depth
    if not shape.is_block:
        twice = ", peripheries=2" if shape.is_repeated else ""
        yield f"{indent}{shape.id} [shape={_FORMS[shape.kind]}, label={quoted(*shape.lines)}{twice}]"
        return
    yield f"{indent}subgraph cluster_{shape.id} {{"
    yield f"{indent}  label={quoted(*shape.lines)}{'; peripheries=2' if shape.is_repeated else ''}"
    if not shape.members:
        yield f"{indent}  {_first(shape)} [shape=point, style=invis]"
    for member in shape.members:
        yield from _shape(member, depth + 1)
    yield f"{indent}}}"


def _line(line: Line, blocks: dict[str, str]) -> str:
    """Draw a way; one to a block leads to a member in Graphviz's eyes, and is cut off at the border."""
    told = [f"label={quoted(line.label)}"] if line.label else []
    told += ["style=dashed"] if line.is_dashed else []
    told += [f"ltail=cluster_{line.source}"] if line.source in blocks else []
    told += [f"lhead=cluster_{line.target}"] if line.target in blocks else []
    source, target = (blocks.get(one, one) for one in (line.source, line.target))
    return f"  {source} -> {target}" + (f" [{', '.join(told)}]" if told else "")


def _first(shape: Shape) -> str:
    """Return the id of the first shape inside that is no block itself."""
    if not shape.is_block:
        return shape.id
    return _first(shape.members[0]) if shape.members else f"in_{shape.id}"


def _every(shapes: tuple[Shape, ...]) -> Iterator[Shape]:
    for shape in shapes:
        yield shape
        yield from _every(shape.members)
