"""Tables in files: what columns a CSV has, and what is in them.

Plain functions on purpose: a tool that reads files works in a child process of its own. Where a parameter says `format:
path`, the URI of an upload has become the path of a file by the time the tool is called.
"""

import csv
from collections.abc import Iterator
from pathlib import Path
from typing import Annotated

from langchain_core.tools import tool
from pydantic import Field
from typing_extensions import TypedDict  # pydantic takes no other before Python 3.12

File = Annotated[str, Field(description="A CSV file whose first line has names.", json_schema_extra={"format": "path"})]


class Profile(TypedDict):
    """What a table is: its size, its columns, and which of them hold numbers only."""

    rows: int
    columns: list[str]
    numbers: list[str]


class Figures(TypedDict):
    """A column of numbers in a few of them."""

    column: str
    total: float
    least: float
    most: float


@tool
def profile(file: File) -> Profile:
    """Tell what a table is."""
    rows = list(_rows(file))
    columns = list(rows[0]) if rows else []
    return {
        "rows": len(rows),
        "columns": columns,
        "numbers": [name for name in columns if all(_number(row[name]) is not None for row in rows)],
    }


@tool
def figures(file: File, column: Annotated[str, Field(min_length=1, description="A column of numbers.")]) -> Figures:
    """Add a column up."""
    found = [_number(row[column]) for row in _rows(file)]
    values = [value for value in found if value is not None]
    if not values or len(values) < len(found):
        raise ValueError(f"the column {column} does not hold numbers only")
    return {"column": column, "total": round(sum(values), 6), "least": min(values), "most": max(values)}


def _rows(file: str) -> Iterator[dict[str, str]]:
    with Path(file).open(encoding="utf-8", newline="") as lines:
        yield from csv.DictReader(lines)


def _number(text: str) -> float | None:
    try:
        return float(text)
    except (TypeError, ValueError):
        return None
