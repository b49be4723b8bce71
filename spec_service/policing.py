"""Policies between the shelf and the engine: what is stored and not retired is in force."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from structlog.stdlib import get_logger

from spec_service.ports import PolicyStore, StoredPolicy
from spec_service.requests import Media
from spec_service.views import PolicyView
from translator.planning.plan import Advice, Plan
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


def above_ceilings(plan: Plan, labels: Mapping[str, str], book: PolicyBook) -> tuple[Advice, ...]:
    """Return advice for each limit of a plan that is above a ceiling for specs with these labels."""
    from translator.language.durations import seconds  # noqa: PLC0415
    from translator.language.problem_kinds import KINDS  # noqa: PLC0415

    found: list[Advice] = []
    for policy in book.selected(labels):
        ceilings = policy.policy.ceilings
        for name in ("steps", "tokens", "cost_usd", "tool_calls", "artifacts_bytes", "no_progress"):
            asked, most = getattr(plan.limits, name), getattr(ceilings, name)
            if asked is not None and most is not None and asked > most:
                found.append(_above(policy, name, f"{most:,.10g}", KINDS["above-ceiling"].code or ""))
        asked, most = plan.limits.duration_seconds, ceilings.duration
        if asked is not None and most is not None and asked > seconds(most):
            found.append(_above(policy, "duration", most, KINDS["above-ceiling"].code or ""))
    return tuple(found)


def _above(policy: PolicyInForce, name: str, most: str, code: str) -> Advice:
    message = f"the policy {policy.name} allows {most}: runs will be stopped there"
    return Advice(code=code, name="above-ceiling", path=f"/limits/{name}", message=message, suggestion="lower it")


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
