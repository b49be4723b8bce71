"""Look at a policy."""

from __future__ import annotations

from spec_service.policing import policy_view
from spec_service.services import Services
from spec_service.views import PolicyView


async def get_policy(services: Services, policy_id: str) -> PolicyView:
    """Return what a name, `name@version` or `name@rN` stands for; raises `UnknownPolicy`."""
    return policy_view(await services.policies.get(policy_id))
