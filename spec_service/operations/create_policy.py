"""POST a policy: check its text, store it, put it in force. It is the operator's door."""

from __future__ import annotations

from datetime import UTC, datetime

from spec_service.policing import policy_view, put_in_force
from spec_service.ports import NewPolicy
from spec_service.requests import Media
from spec_service.services import Services
from spec_service.views import PolicyView


async def create_policy(services: Services, data: bytes, media: Media) -> tuple[PolicyView, bool]:
    """Store a policy; False when the same one was there already. Raises `Refused`, `VersionExists`.

    Runs that are under way see it from their next step on.
    """
    read = await services.planner.read_policy(data, media)
    metadata = read.policy.metadata
    now = datetime.now(UTC)
    new = NewPolicy(metadata.name, metadata.version, read.digest, data.decode(), media, now)
    stored, is_new = await services.policies.put(new)
    await put_in_force(services.policies, services.book)
    return policy_view(stored), is_new
