"""The ranking as a picture: one bar per file, made of its weighted factors, written as SVG by hand."""

import unicodedata
from collections.abc import Sequence
from html import escape

from .report import FACTORS, ReportedFile

MAX_BARS = 15
_COLOURS = {"hotspot": "#c8455c", "churn": "#eba937", "ownership": "#21808f", "fixes": "#6c6fa8"}
_INK, _QUIET, _LINE, _PAPER, _TRACK = "#1f2933", "#5f6b7a", "#e3e6ea", "#fcfcfa", "#f1f2f0"
_WIDTH, _LEFT, _RIGHT, _TOP, _ROW, _BAR, _FOOT = 960, 330, 76, 118, 36, 20, 44
_LABEL_COLUMNS, _TITLE_COLUMNS = 40, 56
_FONT = "system-ui, -apple-system, 'Segoe UI', Roboto, 'DejaVu Sans', 'Liberation Sans', sans-serif"


def draw_ranking(files: Sequence[ReportedFile], name: str) -> str:
    """Draw the first `MAX_BARS` files; the document stands alone, with a title and a description for screen readers."""
    shown = files[:MAX_BARS]
    height = _TOP + max(len(shown), 2) * _ROW + _FOOT
    scale = _scale(shown)
    body = [*_grid(scale, height), *(line for place, file in enumerate(shown) for line in _bar(place, file, scale))]
    if not shown:
        body = [_text(_WIDTH / 2, _TOP + _ROW, "No file changed in this period.", fill=_QUIET, anchor="middle")]
    return "\n".join([*_opening(shown, name, height), *_heading(name, len(shown)), *body, "</svg>", ""])


def _opening(shown: Sequence[ReportedFile], name: str, height: float) -> list[str]:
    """Start the document, and say in words what the picture shows."""
    size = f'viewBox="0 0 {_WIDTH} {height}" width="{_WIDTH}" height="{height}"'
    told = "; ".join(f"{file['path']} {file['score']:.2f}" for file in shown) or "no file changed"
    return [
        (
            f'<svg xmlns="http://www.w3.org/2000/svg" {size} '
            f'role="img" aria-labelledby="title desc" font-family="{_FONT}">'
        ),
        f'<title id="title">The riskiest files of {escape(name)}</title>',
        f'<desc id="desc">Horizontal bars, from 0 (no risk) to 1, riskiest first: {escape(told)}.</desc>',
        f'<rect width="{_WIDTH}" height="{height}" rx="10" fill="{_PAPER}"/>',
    ]


def _heading(name: str, count: int) -> list[str]:
    """Write the title and the key of the colours."""
    what = f"The {count} riskiest files" if count > 1 else "The riskiest file" if count else "Risk"
    lines = [
        _text(28, 40, f"{what} of {_shorten(name, _TITLE_COLUMNS)}", size=21, weight=650),
        _text(28, 63, "Each bar is a file's score: the weighted sum of its factors, from 0 to 1", size=13, fill=_QUIET),
    ]
    x = 28.0
    for factor, meaning in FACTORS.items():
        lines.append(f'<rect x="{x:.0f}" y="81" width="11" height="11" rx="2.5" fill="{_COLOURS[factor]}"/>')
        lines.append(_text(x + 17, 91, meaning.label, size=12.5))
        x += 17 + 7.4 * len(meaning.label) + 22
    return lines


def _scale(shown: Sequence[ReportedFile]) -> float:
    """Return the score at the right edge: the next fifth above the largest."""
    largest = max((file["score"] for file in shown), default=1.0)
    return next((fifth / 5 for fifth in range(1, 6) if fifth / 5 >= largest), max(largest, 0.2))


def _x(score: float, scale: float) -> float:
    return _LEFT + (_WIDTH - _LEFT - _RIGHT) * min(max(score / scale, 0), 1)


def _grid(scale: float, height: float) -> list[str]:
    """Draw a quiet line and its number at each quarter of the scale."""
    lines: list[str] = []
    for quarter in range(5):
        score = scale * quarter / 4
        x, bottom = _x(score, scale), height - _FOOT
        lines.append(f'<line x1="{x:.1f}" y1="{_TOP - 4}" x2="{x:.1f}" y2="{bottom}" stroke="{_LINE}"/>')
        lines.append(_text(x, bottom + 20, f"{score:.2f}", size=11.5, fill=_QUIET, anchor="middle"))
    return lines


def _bar(place: int, file: ReportedFile, scale: float) -> list[str]:
    """Draw one file: name, stacked parts (their figures as tooltips), score."""
    y = _TOP + place * _ROW + (_ROW - _BAR) / 2
    middle = y + _BAR / 2 + 4.5
    end = _x(file["score"], scale)
    box = f'height="{_BAR}" rx="4"'
    lines = [
        f"<g><title>{escape(file['path'])}: {file['score']:.2f}</title>",
        _text(_LEFT - 12, middle, _shorten(file["path"]), size=13, anchor="end"),
        f'<rect x="{_LEFT}" y="{y}" width="{_WIDTH - _LEFT - _RIGHT}" {box} fill="{_TRACK}"/>',
        f'<clipPath id="bar{place}"><rect x="{_LEFT}" y="{y}" width="{end - _LEFT:.1f}" {box}/></clipPath>',
        f'<g clip-path="url(#bar{place})">',
    ]
    before = 0.0
    for factor, meaning in FACTORS.items():
        part = file["parts"].get(factor, 0.0)
        left, right = _x(before, scale), _x(before + part, scale)
        lines.append(
            f'<rect x="{left:.1f}" y="{y}" width="{max(right - left, 0):.1f}" height="{_BAR}" '
            f'fill="{_COLOURS[factor]}"><title>{meaning.label}: {part:.2f}</title></rect>'
        )
        before += part
    return [*lines, "</g>", _text(end + 9, middle, f"{file['score']:.2f}", size=13, weight=650), "</g>"]


def _text(  # noqa: PLR0913 - the attributes of one element
    x: float, y: float, text: str, *, size: float = 14, fill: str = _INK, weight: int = 400, anchor: str = "start"
) -> str:
    """Return a text element; the text may be anything."""
    return (
        f'<text x="{x:.1f}" y="{y:.1f}" font-size="{size}" font-weight="{weight}" fill="{fill}" '
        f'text-anchor="{anchor}">{escape(text)}</text>'
    )


def _shorten(path: str, columns: int = _LABEL_COLUMNS) -> str:
    """Cut a long name in its middle: the folder it starts with and the file's own name say most."""
    widths = [2 if unicodedata.east_asian_width(char) in "WF" else 1 for char in path]
    if sum(widths) <= columns:
        return path
    head, tail = 0, len(path)
    room = columns - 1
    while tail > 0 and room - widths[tail - 1] >= columns // 3:
        tail -= 1
        room -= widths[tail]
    while head < tail and room >= widths[head]:
        room -= widths[head]
        head += 1
    return f"{path[:head]}…{path[tail:]}"
