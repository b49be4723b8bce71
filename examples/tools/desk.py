"""A help desk's and a release desk's rules: which way a message goes, and which checks a change needs."""

import re
from typing import Annotated

from langchain_core.tools import tool
from pydantic import Field
from typing_extensions import TypedDict  # pydantic takes no other before Python 3.12

_WAYS = (  # the first that fits counts
    ("escalate", ("lawyer", "sue", "police")),
    ("refund", ("refund", "money back", "broken", "double charge")),
)
_CHECKS = (  # of a path
    ("docs", re.compile(r"\.(md|rst)$")),
    ("schema", re.compile(r"(^|/)migrations/|\.sql$")),
    ("tests", re.compile(r"\.(py|ts|go)$")),
)


class Way(TypedDict):
    """The way that was chosen, and why."""

    next: str
    reason: str


class Ways(TypedDict):
    """All ways that were chosen, and why."""

    next: list[str]
    reason: str


@tool
async def sort(message: Annotated[str, Field(min_length=1, description="What a customer wrote.")]) -> Way:
    """Choose who takes care of a message: refund, escalate or answer."""
    text = message.lower()
    for way, words in _WAYS:
        told = [word for word in words if re.search(rf"\b{word}\b", text)]
        if told:
            return {"next": way, "reason": f"it says {told[0]}"}
    return {"next": "answer", "reason": "nothing in it is special"}


@tool
async def checks(paths: Annotated[list[str], Field(min_length=1, description="Files that a change touches.")]) -> Ways:
    """Choose which checks a change needs: docs, schema, tests."""
    needed = [name for name, pattern in _CHECKS if any(pattern.search(path) for path in paths)]
    chosen = needed or ["tests"]
    return {"next": chosen, "reason": f"{len(paths)} files need {', '.join(chosen)}"}


@tool
async def check(
    kind: Annotated[str, Field(description="docs, schema or tests.")],
    paths: Annotated[list[str], Field(description="Files that a change touches.")],
) -> dict[str, int]:
    """Check those of the files that are of a kind; tells how many."""
    pattern = dict(_CHECKS).get(kind)
    if pattern is None:
        raise ValueError(f"there is no check {kind}")
    return {"files": sum(bool(pattern.search(path)) for path in paths)}
