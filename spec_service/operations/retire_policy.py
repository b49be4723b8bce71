"""DELETE a policy: it is in force no longer; its revisions and what they decided stay."""

from __future__ import annotations

from datetime import UTC, datetime

from spec_service.policing import policy_view, put_in_force
from spec_service.services import Services
from spec_service.views import PolicyView


async def retire_policy(services: Services, name: str) -> PolicyView:
    """Take a policy out of force until one of that name is posted again; raises `UnknownPolicy`."""
    stored = await services.policies.retire(name, datetime.now(UTC))
    await put_in_force(services.policies, services.book)
    return policy_view(stored)
