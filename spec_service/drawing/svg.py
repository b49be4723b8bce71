"""A plan's picture as SVG: blocks around their members, one shape for each verb, light and dark by the reader's wish.

It holds no script, refers to nothing outside, and whatever an author writes stands in escaped text.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from xml.sax.saxutils import escape, quoteattr

from spec_service.drawing.layering import Layout, Point, lay_out
from translator.planning.picture import Line, Picture, Shape, picture
from translator.planning.plan import Plan

_CHARACTER, _TALL, _PAD, _DOT, _MARGIN = 6.7, 15.0, 12.0, 16.0, 16.0  # pixels
_SHARES = (0.45, 0.2, 0.7, 0.9)  # of a bow, for its label
_UNFIT = re.compile(r"[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")  # for XML 1.0
_COLOURS = {  # light, dark; without CSS variables, which many viewers do not know
    ".paper": ("fill:#fff", "fill:#14181e"),
    "text": ("fill:#1f2933", "fill:#e6eaf0"),
    ".s": ("fill:#52606d", "fill:#a9b4c2"),
    ".w": ("stroke:#fff", "stroke:#14181e"),
    ".b": ("fill:#fff;stroke:#7b8794", "fill:#242b35;stroke:#8793a3"),
    ".d": ("fill:#1f2933", "fill:#e6eaf0"),
    ".k": ("fill:#f1f4f8;stroke:#b8c2cc", "fill:#1b2129;stroke:#48525f"),
    ".fail": ("stroke:#b3261e", "stroke:#ff8a80"),
    ".l": ("stroke:#7b8794", "stroke:#8793a3"),
    "#a path": ("fill:#7b8794", "fill:#8793a3"),
}
_SHAPES = """\
text{font:12px system-ui,Helvetica,Arial,sans-serif;text-anchor:middle}.n{font-weight:600}
.w{font-size:11px;stroke-width:4px;paint-order:stroke}.b{stroke-width:1.3}.c{stroke-dasharray:5 4}
.l{fill:none;stroke-width:1.3;marker-end:url(#a)}"""


def _style() -> str:
    light, dark = ("".join(f"{name}{{{both[at]}}}" for name, both in _COLOURS.items()) for at in (0, 1))
    return f"{_SHAPES}\n{light}\n@media (prefers-color-scheme:dark){{{dark}}}"


@dataclass(frozen=True, slots=True)
class _Placed:
    """A shape with its size, and how its members lie inside."""

    shape: Shape
    size: Point
    members: tuple[_Placed, ...] = ()
    lines: tuple[Line, ...] = ()
    layout: Layout | None = None


def draw_svg(plan: Plan) -> str:
    """Return a plan as an SVG document."""
    drawn = picture(plan)
    around = Shape("", "top", members=drawn.shapes)
    top = _placed(around, _by_block(drawn))
    inner = top.layout or lay_out((), ())
    width, height = inner.width + 2 * _MARGIN, inner.height + 2 * _MARGIN
    label = quoteattr(_fit(f"{plan.spec_name}: {len(plan.steps)} steps"))
    head = (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width:.0f} {height:.0f}" width="{width:.0f}"'
        f' height="{height:.0f}" role="img" aria-label={label}>\n<style>{_style()}</style>\n<defs><marker id="a"'
        ' viewBox="0 0 8 8" refX="7.5" refY="4" markerWidth="8" markerHeight="8" orient="auto">'
        '<path d="M0 0 8 4 0 8z"/></marker></defs>\n<rect class="paper" width="100%" height="100%"/>'
    )
    return "\n".join([head, *_inside(top, (_MARGIN, _MARGIN)), "</svg>"]) + "\n"


def _by_block(drawn: Picture) -> dict[str, list[Line]]:
    """Return the lines by the block in which they are drawn: both their ends stand in it."""
    home: dict[str, str] = {}
    stack = [("", drawn.shapes)]
    while stack:
        block, shapes = stack.pop()
        for shape in shapes:
            home[shape.id] = block
            stack.append((shape.id, shape.members))
    found: dict[str, list[Line]] = {}
    for line in drawn.lines:
        found.setdefault(home[line.source], []).append(line)
    return found


def _placed(shape: Shape, lines: dict[str, list[Line]]) -> _Placed:
    if not shape.members:
        return _Placed(shape, _size(shape))
    members = tuple(_placed(one, lines) for one in shape.members)
    number = {one.shape.id: at for at, one in enumerate(members)}
    inner = tuple(lines.get(shape.id, ()))
    layout = lay_out([one.size for one in members], [(number[one.source], number[one.target]) for one in inner])
    wide = max(layout.width, *(_wide(text) for text in shape.lines), 0.0) + 2 * _PAD
    return _Placed(shape, (wide, layout.height + 2 * _PAD + _TALL * len(shape.lines)), members, inner, layout)


def _size(shape: Shape) -> Point:
    if shape.kind in ("start", "end"):
        return _DOT, _DOT
    wide = max([_wide(text) for text in shape.lines], default=0.0) + 2 * _PAD
    high = _TALL * len(shape.lines) + 2 * _PAD * 0.7
    if shape.kind == "decide":
        return wide * 1.5, high * 1.6
    return wide + (16 if shape.kind in ("human", "set", "emit", "luigi", "wait") else 0), high


def _wide(text: str) -> float:
    return _CHARACTER * sum(2 if unicodedata.east_asian_width(one) in "WF" else 1 for one in text)


def _inside(placed: _Placed, corner: Point) -> Iterator[str]:
    """Draw the members and the lines between them; `corner` is where the layout begins."""
    layout = placed.layout
    if layout is None:
        return
    taken: dict[int, list[Point]] = {}
    for route, line in zip(layout.routes, placed.lines, strict=True):
        moved = [(x + corner[0], y + corner[1]) for x, y in route]
        yield _way(moved, line)
        if line.label:
            x, y = _free_place(moved, _wide(line.label) / 2, taken)
            yield f'<text class="w" x="{x:.1f}" y="{y:.1f}">{escape(_fit(line.label))}</text>'
    for member, (x, y) in zip(placed.members, layout.places, strict=True):
        yield from _drawn(member, (x + corner[0], y + corner[1]))


def _drawn(placed: _Placed, corner: Point) -> Iterator[str]:
    shape, (x, y), (wide, high) = placed.shape, corner, placed.size
    if shape.kind in ("start", "end"):
        ring = f'<circle class="b" cx="{x + 8:.1f}" cy="{y + 8:.1f}" r="8"/>' if shape.kind == "end" else ""
        yield f'{ring}<circle class="d" cx="{x + 8:.1f}" cy="{y + 8:.1f}" r="{5 if ring else 7}"/>'
        return
    name = escape(_fit(shape.lines[0])) if shape.lines else ""
    yield f"<g><title>{name}</title>"
    if shape.is_repeated:  # a stack
        yield from (_outline(shape, (x + shift, y + shift), (wide, high)) for shift in (7.0, 3.5))
    yield _outline(shape, corner, (wide, high))
    begin = y + _PAD + 2 if shape.is_block else y + (high - _TALL * len(shape.lines)) / 2 + _TALL - 4
    for at, text in enumerate(shape.lines):
        kind = ("n", "s")[min(at, 1)]
        yield f'<text class="{kind}" x="{x + wide / 2:.1f}" y="{begin + at * _TALL:.1f}">{escape(_fit(text))}</text>'
    yield "</g>"
    if placed.layout is not None:
        shift = (wide - placed.layout.width) / 2
        yield from _inside(placed, (x + shift, y + _PAD + _TALL * len(shape.lines)))


def _outline(shape: Shape, corner: Point, size: Point) -> str:
    (x, y), (w, h) = corner, size
    cut = 10.0
    corners: dict[str, list[Point]] = {
        "decide": [(w / 2, 0), (w, h / 2), (w / 2, h), (0, h / 2)],
        "human": [(cut, 0), (w - cut, 0), (w, h / 2), (w - cut, h), (cut, h), (0, h / 2)],
        "set": [(cut, 0), (w, 0), (w - cut, h), (0, h)],
        "emit": [(0, 0), (w - cut, 0), (w, h / 2), (w - cut, h), (0, h), (cut, h / 2)],
        "fail": [(6, 0), (w - 6, 0), (w, 6), (w, h - 6), (w - 6, h), (6, h), (0, h - 6), (0, 6)],
    }
    if shape.kind in corners:
        points = " ".join(f"{x + a:.1f},{y + b:.1f}" for a, b in corners[shape.kind])
        return f'<polygon class="b {shape.kind}" points="{points}"/>'
    round_ = h / 2 if shape.kind == "wait" else 6
    kind = "k" if shape.is_block else "b"
    box = f'<rect class="{kind}" x="{x:.1f}" y="{y:.1f}" width="{w:.1f}" height="{h:.1f}" rx="{round_:g}"/>'
    bars = {"luigi": (6.0, w - 6), "workflow": (4.0,)}.get(shape.kind, ())
    return box + "".join(f'<path class="b" d="M{x + at:.1f} {y:.1f}v{h:.1f}"/>' for at in bars)


def _way(route: Sequence[Point], line: Line) -> str:
    """Draw a line as a curve that leaves and arrives upright."""
    (x, y), *rest = route
    path = [f"M{x:.1f} {y:.1f}"]
    for to_x, to_y in rest:
        half = (to_y - y) / 2
        path.append(f"C{x:.1f} {y + half:.1f} {to_x:.1f} {to_y - half:.1f} {to_x:.1f} {to_y:.1f}")
        x, y = to_x, to_y
    return f'<path class="{"l c" if line.is_dashed else "l"}" d="{"".join(path)}"/>'


def _free_place(route: Sequence[Point], half: float, taken: dict[int, list[Point]]) -> Point:
    """Return where a label stands on the first bow of a line: where no other one does, if there is such a place."""
    (a, b), (c, d) = route[0], route[1]
    places = [(a + (c - a) * share, b + (d - b) * share + 4) for share in _SHARES]
    free = [(x, y) for x, y in places if all(x + half < e or x - half > f for e, f in _row(taken, y))]
    x, y = (free or places)[0]
    for row in (y // _TALL, (y + _TALL - 3) // _TALL):
        taken.setdefault(int(row), []).append((x - half, x + half))
    return x, y


def _row(taken: dict[int, list[Point]], y: float) -> list[Point]:
    return [*taken.get(int(y // _TALL), []), *taken.get(int((y + _TALL - 3) // _TALL), [])]


def _fit(text: str) -> str:
    return _UNFIT.sub("\ufffd", text)
