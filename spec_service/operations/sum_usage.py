"""What runs have used, by groups."""

from __future__ import annotations

from spec_service.ports import UsageQuery
from spec_service.services import Services
from spec_service.views import UsageItem, Usages


async def sum_usage(services: Services, query: UsageQuery) -> Usages:
    """Return totals by groups, the dearest first, and all of them together."""
    groups = await services.usage.groups(query)
    items = tuple(UsageItem(key=one.key, tries=one.tries, runs=one.runs, usage=one.usage.figures()) for one in groups)
    return Usages(group_by=query.group_by, items=items, has_more=len(items) == query.limit)
