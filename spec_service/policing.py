"""Policies between the shelf and the engine: what is stored and not retired is in force."""

from __future__ import annotations

from collections.abc import Iterable

from structlog.stdlib import get_logger

from spec_service.ports import PolicyStore, StoredPolicy
from spec_service.requests import Media
from spec_service.views import PolicyView
from workflows.policies import PolicyBook, PolicyInForce

log = get_logger("specloom.policies")


async def put_in_force(store: PolicyStore, book: PolicyBook) -> None:
    """Have the engine look at the policies that are stored now."""
    book.open_at(made_ready(await store.in_force()))


def made_ready(stored: Iterable[StoredPolicy]) -> tuple[PolicyInForce, ...]:
    """Return policies with their rules compiled; one that cannot be read any more is told in the log, and left out."""
    from translator.language.cel import CelEngine  # noqa: PLC0415 - slow to import
    from translator.language.policies import compiled_rules, read_policy  # noqa: PLC0415

    engine, found = CelEngine(), list[PolicyInForce]()
    for one in stored:
        media: Media = "json" if one.media_type == "json" else "yaml"
        read = read_policy(one.text.encode(), media, engine)
        if isinstance(read, list):
            log.error("policy.unreadable", policy=one.id, reason=read[0].message)
            continue
        rules = compiled_rules(read.policy, engine)
        found.append(PolicyInForce(one.name, one.revision, one.digest, read.policy, rules))
    return tuple(found)


def policy_view(stored: StoredPolicy) -> PolicyView:
    """Show a stored policy."""
    return PolicyView(
        id=stored.id,
        name=stored.name,
        version=stored.version,
        revision=stored.revision,
        digest=stored.digest,
        created_at=stored.created_at,
        retired_at=stored.retired_at,
        media_type=stored.media_type,
        text=stored.text,
    )
