"""Claims in texts and whether they hold: a rule in the place of a library, so that the answer is always the same."""

import re
from typing import Annotated, Any

from langchain_core.tools import tool
from pydantic import Field
from typing_extensions import TypedDict  # pydantic takes no other before Python 3.12

_SENTENCE = re.compile(r"[^.!?]+[.!?]")
_FIGURE = re.compile(r"\d|\b(half|all|none|three|oldest|fewer|less|more)\b", re.IGNORECASE)
_HOLDS_UP_TO = 90  # letters: what takes longer to say is doubted here


class Verdict(TypedDict):
    """Whether a claim holds."""

    claim: str
    holds: bool


@tool
async def claims(
    pages: Annotated[list[dict[str, Any]], Field(description="Each with a text.")],
) -> list[str]:
    """List the sentences that say how much or how many."""
    sentences = (one.strip() for page in pages for one in _SENTENCE.findall(str(page.get("text", ""))))
    return list(dict.fromkeys(one for one in sentences if _FIGURE.search(one)))


@tool
async def verify(claim: Annotated[str, Field(min_length=1, description="One sentence.")]) -> Verdict:
    """Tell whether a claim holds."""
    return {"claim": claim, "holds": len(claim) <= _HOLDS_UP_TO}
