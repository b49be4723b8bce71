"""Exchange rates of a bank that always has the same ones."""

from typing import Annotated

from langchain_core.tools import tool
from pydantic import Field
from typing_extensions import TypedDict  # pydantic takes no other before Python 3.12

_PER_EURO = {"EUR": 1.0, "USD": 1.25, "GBP": 0.8, "JPY": 160.0, "CHF": 0.95}


class Rates(TypedDict):
    """How much of each currency one unit of `base` buys."""

    base: str
    day: str
    rates: dict[str, float]


class Amount(TypedDict):
    """An amount of money."""

    amount: float
    currency: str


@tool
async def rates(
    day: Annotated[str, Field(pattern="^[0-9]{4}-[0-9]{2}-[0-9]{2}$", description="The day.")],
    base: Annotated[str, Field(description="EUR, USD, GBP, JPY or CHF.")] = "EUR",
) -> Rates:
    """Ask the bank for its rates of a day, which costs a fee."""
    if base not in _PER_EURO:
        raise ValueError(f"the bank has no rates for {base}")
    found = {name: round(each / _PER_EURO[base], 6) for name, each in _PER_EURO.items()}
    return {"base": base, "day": day, "rates": found}


@tool
async def convert(
    amounts: Annotated[list[Amount], Field(description="What to add up.")],
    rates: Annotated[dict[str, float], Field(description="Units of each currency for one of the base.")],
    base: Annotated[str, Field(description="Currency of the sum.")],
) -> Amount:
    """Add amounts up in one currency."""
    return {"amount": round(sum(one["amount"] / rates[one["currency"]] for one in amounts), 2), "currency": base}
