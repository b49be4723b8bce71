"""A platform that runs nothing: releases are healthy soon after they were deployed, unless their version says bad."""

from datetime import UTC, datetime, timedelta
from typing import Annotated

from langchain_core.tools import tool
from pydantic import Field
from typing_extensions import TypedDict  # pydantic takes no other before Python 3.12


class Release(TypedDict):
    """A version that was deployed; `settles_at` is when its figures mean something (RFC 3339)."""

    release: str
    share: int
    settles_at: str


class Health(TypedDict):
    """How a release does; `errors` is the share of requests that fail, 0 to 1."""

    settled: bool
    errors: float


class Sandbox(TypedDict):
    """A place to try things, which somebody has to give back."""

    sandbox: str


@tool
async def deploy(
    version: Annotated[str, Field(min_length=1, description="What to deploy; one with `bad` in it will not do well.")],
    share: Annotated[int, Field(ge=1, le=100, description="Percent of the requests that it gets.")] = 100,
) -> Release:
    """Deploy a version for a share of the requests."""
    settles = datetime.now(UTC) + timedelta(seconds=1)
    return {"release": f"{version}@{share}", "share": share, "settles_at": settles.isoformat()}


@tool
async def health(
    release: Annotated[str, Field(min_length=1, description="A release.")],
    settles_at: Annotated[str, Field(min_length=1, description="When its figures mean something (RFC 3339).")],
) -> Health:
    """Tell how a release does."""
    has_settled = datetime.now(UTC) >= datetime.fromisoformat(settles_at)
    return {"settled": has_settled, "errors": 0.25 if "bad" in release else 0.001}


@tool
async def rollback(release: Annotated[str, Field(min_length=1, description="A release.")]) -> dict[str, str]:
    """Take a release back."""
    return {"rolled_back": release}


@tool
async def open_sandbox(owner: Annotated[str, Field(min_length=1, description="Whom it is for.")]) -> Sandbox:
    """Lend a place to try things."""
    return {"sandbox": f"sandbox-of-{owner}"}


@tool
async def close_sandbox(sandbox: Annotated[str, Field(min_length=1, description="What to give back.")]) -> None:
    """Give a sandbox back; doing it twice is harmless."""
    del sandbox


@tool
async def migrate(
    sandbox: Annotated[str, Field(min_length=1, description="Where to try it.")],
    script: Annotated[str, Field(min_length=1, description="The SQL.")],
) -> dict[str, int]:
    """Try a migration; one that drops something is refused."""
    del sandbox
    if "drop " in script.lower():
        raise ValueError("a migration that drops something needs two steps")
    return {"statements": script.count(";")}
