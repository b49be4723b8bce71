"""Opens what the tests of specs need: a planner, and a workshop of in-memory parts beside the real stages and tools."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Iterable
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from spec_service.eventually import Eventually
from spec_service.planner import Planner
from spec_service.settings import Settings, environment
from translator.language.cel import CelEngine
from workflows.agents.agents import Agents
from workflows.assuming import assumed_catalog
from workflows.catalog_file import read_catalog_file
from workflows.cataloging import LoadedCatalog, open_catalog
from workflows.hosting.evaluation import Evaluator
from workflows.hosting.pool import HostPool
from workflows.luigi.stages import LuigiStages
from workflows.memory import MemoryArtifacts
from workflows.testing import Workshop
from workflows.tools.mcp_servers import McpServers
from workflows.tools.secrets import CatalogSecrets
from workflows.tools.tools import CatalogTools

Json = Any


@dataclass(frozen=True, slots=True)
class Trial:
    """What planning specs and running their tests takes."""

    planner: Planner
    workshop: Workshop


@asynccontextmanager
async def open_trial(settings: Settings, documents: Iterable[Json], *, may_call: bool) -> AsyncGenerator[Trial]:
    """Open the project's catalog, or without one a catalog of what the documents name, in which nothing can be called.

    Raises `CatalogFileError`.
    """
    has_catalog = settings.is_catalog_named or settings.catalog_file.exists()
    file = read_catalog_file(settings.catalog_file, is_named=settings.is_catalog_named)
    async with AsyncExitStack() as stack:
        folder = Path(stack.enter_context(TemporaryDirectory(prefix="specloom-test-")))
        pool = HostPool(environ=environment(), limit=settings.max_hosts)
        stack.push_async_callback(pool.aclose)
        secrets = CatalogSecrets(file.secrets, environment())
        mcp = await stack.enter_async_context(McpServers(file.mcp, secrets, environment()))
        loaded = await open_catalog(file, pool, mcp=mcp) if has_catalog else LoadedCatalog(assumed_catalog(documents))
        catalog: Eventually[LoadedCatalog] = Eventually()
        catalog.give(loaded)
        expressions = CelEngine()
        workshop = Workshop(
            tools=CatalogTools(loaded.tools, pool, secrets, work_directory=MemoryArtifacts(folder).work_directory),
            stages=LuigiStages(pool),
            groups=loaded.stages,
            evaluator=await stack.enter_async_context(Evaluator()),
            catalog=loaded.catalog,
            expressions=expressions,
            folder=folder,
            may_call=may_call and has_catalog,
            agents=Agents(loaded.models, secrets, expressions),
        )
        yield Trial(Planner(catalog), workshop)
