"""Rank files by weighted risk factors."""

from typing import Annotated, Any

from langchain_core.tools import tool
from pydantic import Field
from typing_extensions import TypedDict  # pydantic takes no other before Python 3.12

FACTORS = ("churn", "hotspot", "ownership", "fixes")
_TELLING = 0.6  # of a factor's range: from here on it is worth a word
_WORDS = {
    "churn": "changed heavily",
    "hotspot": "complex and busy",
    "ownership": "known to few",
    "fixes": "fixed often",
}


class RankedFile(TypedDict):
    """A file's place: `score` from 0 to 1, and the weighted `parts` that it is the sum of."""

    path: str
    score: float
    parts: dict[str, float]
    reason: str


class Ranking(TypedDict):
    """Files, worst first; `lines` are the same for people to read."""

    files: list[RankedFile]
    lines: list[str]
    headline: str


@tool
async def rank(
    files: Annotated[list[dict[str, Any]], Field(description="Each with path and factors, the factors from 0 to 1.")],
    weights: Annotated[dict[str, float], Field(description="Factor to weight, 0 or more; what is left out weighs 0.")],
    limit: Annotated[int, Field(ge=1, le=200, description="How many to return.")] = 20,
) -> Ranking:
    """Rank files by the weighted mean of their risk factors, worst first."""
    shares = _shares(weights)
    ranked = sorted((_score(file, shares) for file in files), key=lambda file: (-file["score"], file["path"]))
    lines = [f"{file['score']:.2f}  {file['path']}  ({file['reason']})" for file in ranked[:limit]]
    return {"files": ranked[:limit], "lines": lines, "headline": _headline(ranked)}


def _shares(weights: dict[str, float]) -> dict[str, float]:
    """Return weights that add up to 1.

    Raises:
        ValueError: a weight is negative or names no factor, or all are zero.
    """
    unknown = sorted(set(weights) - set(FACTORS))
    if unknown:
        raise ValueError(f"weights: the factors are {', '.join(FACTORS)}")
    if min(weights.values(), default=0) < 0 or not sum(weights.values()) > 0:
        raise ValueError("weights: none may be negative, and one must be above zero")
    total = sum(weights.values())
    return {factor: weights.get(factor, 0) / total for factor in FACTORS}


def _score(file: dict[str, Any], shares: dict[str, float]) -> RankedFile:
    """Weigh one file's factors; what is missing counts as 0, what is out of range as its nearest end."""
    given = file.get("factors", {})
    factors = {factor: min(max(float(given.get(factor, 0)), 0.0), 1.0) for factor in FACTORS}
    parts = {factor: round(factors[factor] * shares[factor], 4) for factor in FACTORS}
    telling = sorted((f for f in FACTORS if factors[f] >= _TELLING and shares[f]), key=lambda f: -parts[f])
    reason = ", ".join(_WORDS[factor] for factor in telling) or "nothing stands out"
    return {"path": str(file["path"]), "score": round(sum(parts.values()), 4), "parts": parts, "reason": reason}


def _headline(ranked: list[RankedFile]) -> str:
    """Say the outcome in one sentence."""
    if not ranked:
        return "No file changed in this period."
    first = ranked[0]
    return f"{first['path']} is the riskiest file ({first['score']:.2f}): {first['reason']}."
