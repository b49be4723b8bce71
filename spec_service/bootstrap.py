"""The composition root: the only file that knows all adapters, and opens and closes them in order."""

from __future__ import annotations

from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager

from spec_service.services import Services
from spec_service.settings import Settings


@asynccontextmanager
async def open_services(settings: Settings, *, recover: bool = True) -> AsyncGenerator[Services]:
    """Open everything that one process needs, and close it in the reverse order.

    With `recover`, unfinished runs of the data directory are continued. Raises `DataInUse`, `DataUnusable`,
    `CatalogFileError`.
    """
    raise NotImplementedError
    yield
