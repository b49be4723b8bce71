"""A shop without goods: it reserves, ships and pays back, with numbers made from what it is told."""

import hashlib
from typing import Annotated

from langchain_core.tools import tool
from pydantic import Field
from typing_extensions import TypedDict  # pydantic takes no other before Python 3.12

_PRICES = {"lamp": 4900, "chair": 12900, "desk": 34900}  # in cents


class Reservation(TypedDict):
    """Goods that nobody else gets for a while."""

    reservation: str
    cents: int


class Shipment(TypedDict):
    """A parcel that is on its way."""

    parcel: str


@tool
async def reserve(
    order: Annotated[str, Field(min_length=1, description="Number of the order.")],
    goods: Annotated[list[str], Field(min_length=1, description="lamp, chair or desk, as often as wanted.")],
) -> Reservation:
    """Reserve goods and tell what they cost."""
    unknown = sorted(set(goods) - set(_PRICES))
    if unknown:
        raise ValueError(f"we do not sell {', '.join(unknown)}")
    return {"reservation": _number("R", order), "cents": sum(_PRICES[one] for one in goods)}


@tool
async def release(reservation: Annotated[str, Field(min_length=1, description="Number of a reservation.")]) -> None:
    """Give reserved goods back; doing it twice is harmless."""
    del reservation


@tool
async def ship(
    reservation: Annotated[str, Field(min_length=1, description="Number of a reservation.")],
    address: Annotated[str, Field(min_length=1, description="Where the parcel goes.")],
) -> Shipment:
    """Send what was reserved."""
    del address
    return {"parcel": _number("P", reservation)}


@tool
async def refund(order: Annotated[str, Field(min_length=1, description="Number of the order.")]) -> dict[str, str]:
    """Pay the price of an order back."""
    return {"refund": _number("B", order)}


def _number(letter: str, text: str) -> str:
    return f"{letter}-{int(hashlib.sha256(text.encode()).hexdigest()[:8], 16) % 1_000_000:06d}"
