"""List the policies that are in force."""

from __future__ import annotations

from spec_service.policing import policy_view
from spec_service.services import Services
from spec_service.views import Page, PolicyView


async def list_policies(services: Services) -> Page[PolicyView]:
    """Return the current revisions of all policies that are not retired, by name."""
    return Page[PolicyView](items=tuple(policy_view(one) for one in await services.policies.in_force()))
