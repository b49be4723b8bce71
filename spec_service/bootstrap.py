"""The composition root: the only file that knows all adapters, and opens and closes them in order.

What a server needs to listen is opened at once. What takes seconds (describing the catalog in hosts, importing
langgraph) is opened in the background, and awaited by whoever needs it first.
"""

from __future__ import annotations

import gc
import importlib
from collections.abc import AsyncGenerator, Awaitable, Callable, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from functools import partial
from typing import TYPE_CHECKING

import anyio
from anyio import to_thread
from structlog.stdlib import get_logger

from spec_service.called_specs import StoreShelf
from spec_service.child_runs import ServedChildRuns
from spec_service.eventually import Eventually
from spec_service.families import keeping_families
from spec_service.figures import Figures
from spec_service.integrations.publish_table import read_publish_table
from spec_service.planner import Planner
from spec_service.policing import put_in_force
from spec_service.ports import CheckpointReader, PlanShelf, RunReplayer, SpecRepository
from spec_service.product import VERSION
from spec_service.services import Services
from spec_service.settings import Settings, environment, forbid_unsafe_checkpoints, names_collector
from spec_service.stopping import StopSignal
from spec_service.storage.artifacts import FolderArtifacts
from spec_service.storage.checkpoint_keys import open_sealer
from spec_service.storage.database import Database, open_database
from spec_service.storage.journal import SqlJournal
from spec_service.storage.key_rows import keep_sweeping
from spec_service.storage.migrating import is_current
from spec_service.storage.ownership import claimed, kept
from spec_service.storage.plans import SqlPlanStore
from spec_service.storage.policies import SqlPolicyStore
from spec_service.storage.pruning import Grace, Pruner
from spec_service.storage.runs import SqlRunBoard
from spec_service.storage.sealing import Sealer
from spec_service.storage.specs import SqlSpecStore
from spec_service.storage.uploads import FolderUploads
from spec_service.storage.usage_rows import SqlUsageBoard
from spec_service.worker import AttemptEngine, Desk, dispatching
from workflows.catalog_file import CatalogFile, read_catalog_file
from workflows.cataloging import LoadedCatalog, open_catalog
from workflows.failpoints import arm
from workflows.hosting.group_notes import GroupNotes, end_noted
from workflows.hosting.pool import HostPool
from workflows.luigi.registry import LuigiGroup
from workflows.luigi.survey import Surveyor
from workflows.policies import PolicyBook
from workflows.run import RunStatus
from workflows.tools.mcp_servers import McpServers
from workflows.tools.secrets import CatalogSecrets
from workflows.tools.tools import CatalogTools
from workflows.tracing import NO_TRACING, Tracing

if TYPE_CHECKING:
    from workflows.agents.harnesses.harness import Protocol
    from workflows.agents.harnesses.harnesses import Harnesses
    from workflows.agents.harnesses.ports import Runtime

_HEAVY = ("workflows.engine", "spec_service.storage.checkpoints")
_TRACING_SECONDS = 6.0  # that the end waits for spans to be taken
log = get_logger("specloom.bootstrap")


@dataclass(frozen=True, slots=True)
class Planning:
    """What checking and planning need: no data directory, no server."""

    planner: Planner
    catalog: Eventually[LoadedCatalog]
    file: CatalogFile
    surveyor: Surveyor


@dataclass(frozen=True, slots=True)
class _Opening:
    """What is open already, and what is being opened."""

    settings: Settings
    file: CatalogFile
    pool: HostPool
    programs: HostPool  # of harnesses: one that waits for a tool must not keep that tool from getting a host
    mcp: McpServers
    secrets: CatalogSecrets
    database: Database
    journal: SqlJournal
    sealer: Sealer
    plans: SqlPlanStore
    artifacts: FolderArtifacts
    uploads: FolderUploads
    catalog: Eventually[LoadedCatalog]
    engine: Eventually[AttemptEngine]
    checkpoints: Eventually[CheckpointReader]
    replayer: Eventually[RunReplayer]
    figures: Figures
    policies: SqlPolicyStore
    book: PolicyBook
    usage: SqlUsageBoard
    services: Eventually[Services]  # for what is opened before all is there


@asynccontextmanager
async def open_services(settings: Settings, *, recover: bool = True) -> AsyncGenerator[Services]:
    """Open everything that one process needs, and close it in the reverse order.

    With `recover`, unfinished runs of the data directory are continued. Raises `DataInUse`, `DataUnusable`,
    `CatalogFileError`.
    """
    if settings.failpoint:
        arm(settings.failpoint)
    file = read_catalog_file(settings.catalog_file, is_named=settings.is_catalog_named)
    async with AsyncExitStack() as stack:
        held = await stack.enter_async_context(claimed(settings.data, settings.database, settings.lease_seconds))
        opened = open_database(settings.database, held.fence, settings.lease_seconds)
        database = await stack.enter_async_context(opened)
        sealer = await open_sealer(database, settings.checkpoint_key, settings.checkpoint_key_file)
        ownership = await stack.enter_async_context(kept(database, held, settings.lease_seconds))
        journal = SqlJournal(database)
        stack.push_async_callback(journal.aclose)
        hosts = settings.data / "hosts"
        await to_thread.run_sync(end_noted, hosts)  # of an owner that is gone, or will not know that it is
        notes = GroupNotes(hosts / str(held.fence))
        pool = HostPool(environ=environment(), limit=settings.max_hosts, notes=notes)
        stack.push_async_callback(pool.aclose)
        programs = HostPool(environ=environment(), limit=settings.max_hosts, notes=notes)
        stack.push_async_callback(programs.aclose)
        secrets = CatalogSecrets(file.secrets, environment())
        figures = Figures()
        journal.observe(figures.take)
        opening = _Opening(
            settings=settings,
            file=file,
            pool=pool,
            programs=programs,
            mcp=await stack.enter_async_context(McpServers(file.mcp, secrets, environment(), notes)),
            secrets=secrets,
            database=database,
            journal=journal,
            sealer=sealer,
            plans=SqlPlanStore(database),
            artifacts=FolderArtifacts(settings.data / "runs", settings.uploads),
            uploads=FolderUploads(settings.uploads, database),
            catalog=Eventually(),
            engine=Eventually(),
            checkpoints=Eventually(),
            replayer=Eventually(),
            figures=figures,
            policies=SqlPolicyStore(database),
            book=PolicyBook(),
            usage=SqlUsageBoard(database),
            services=Eventually(),
        )
        await stack.enter_async_context(_background(opening))
        runs = SqlRunBoard(database)
        if recover and await runs.unfinished((RunStatus.QUEUED, RunStatus.RUNNING), None, 1):
            await to_thread.run_sync(_import_heavy)  # who listens takes runs up at once, and those come first
        desk = Desk(journal, journal, runs, opening.engine, settings.max_concurrent_runs, ownership.fenced_off)
        dispatcher = dispatching(desk, recover=recover, grace_seconds=settings.drain_seconds)
        specs = SqlSpecStore(database)
        services = Services(
            settings=settings,
            specs=specs,
            plans=opening.plans,
            runs=runs,
            journal=journal,
            events=journal,
            health=journal,
            artifacts=opening.artifacts,
            uploads=opening.uploads,
            checkpoints=opening.checkpoints,
            replayer=opening.replayer,
            catalog=opening.catalog,
            planner=Planner(opening.catalog, StoreShelf(specs)),
            surveyor=Surveyor(pool, opening.artifacts.path_of),
            worker=await stack.enter_async_context(dispatcher),
            stopping=StopSignal(),
            ownership=ownership,
            started_at=datetime.now(UTC),
            policies=opening.policies,
            book=opening.book,
            usage=opening.usage,
            figures=figures,
            repository=await to_thread.run_sync(_repository, settings),
        )
        opening.services.give(services)
        await stack.enter_async_context(keeping_families(services, journal, recover=recover))
        yield services


@asynccontextmanager
async def open_planning(settings: Settings, also: Sequence[LuigiGroup] = ()) -> AsyncGenerator[Planning]:
    """Open what checking and planning a file need, with groups beside those of the file; raises `CatalogFileError`."""
    file = read_catalog_file(settings.catalog_file, is_named=settings.is_catalog_named and not also)
    file = replace(file, luigi=(*file.luigi, *also))
    catalog: Eventually[LoadedCatalog] = Eventually()
    pool = HostPool(environ=environment(), limit=settings.max_hosts)
    try:
        secrets = CatalogSecrets(file.secrets, environment())
        async with McpServers(file.mcp, secrets, environment()) as mcp, anyio.create_task_group() as group:
            group.start_soon(_fill, file, pool, mcp, catalog)
            yield Planning(Planner(catalog), catalog, file, Surveyor(pool))
            group.cancel_scope.cancel()
    finally:
        await pool.aclose()


@asynccontextmanager
async def open_plans(settings: Settings) -> AsyncGenerator[PlanShelf | None]:
    """Open the plans of a data directory to look at them, beside whoever works there; None where there are none.

    Nothing is written, and nobody is kept out. Plans of a database of another version count as none.
    """
    if not settings.database.is_file() or not await to_thread.run_sync(is_current, settings.database):
        yield None
        return
    async with open_database(settings.database) as database:
        yield SqlPlanStore(database)


@asynccontextmanager
async def _background(opening: _Opening) -> AsyncGenerator[None]:
    """Open the slow parts while the block runs, and close them when it ends."""
    is_closing = anyio.Event()
    async with anyio.create_task_group() as group:
        group.start_soon(_fill, opening.file, opening.pool, opening.mcp, opening.catalog)
        group.start_soon(_keep_engine, opening, is_closing)
        pruning = anyio.CancelScope()
        group.start_soon(_within, pruning, partial(_keep_clean, opening))
        try:
            yield
        finally:
            is_closing.set()
            pruning.cancel()
            if opening.engine.value is None:
                group.cancel_scope.cancel()


def _repository(settings: Settings) -> SpecRepository | None:
    """Return where specs are published to, if the operator named a place; raises `CatalogFileError`."""
    target = read_publish_table(settings.catalog_file)
    if target is None:
        return None
    from spec_service.integrations.git import GitPublisher  # noqa: PLC0415 - dulwich is for those who publish

    return GitPublisher(target, settings.data / "publish", environment())


def _pruner(opening: _Opening) -> Pruner:
    settings = opening.settings
    checkpoints, failed = settings.checkpoint_grace_seconds, settings.failed_checkpoint_grace_seconds
    grace = Grace(checkpoints, failed, settings.upload_grace_seconds)
    return Pruner(opening.database, opening.journal, grace, opening.uploads)


async def _keep_clean(opening: _Opening) -> None:
    """Remove what nobody needs any more, until cancelled."""
    async with anyio.create_task_group() as group:
        group.start_soon(_pruner(opening).keep_pruning)
        group.start_soon(keep_sweeping, opening.database)


async def _within(scope: anyio.CancelScope, work: Callable[[], Awaitable[None]]) -> None:
    with scope:
        await work()


async def _fill(file: CatalogFile, pool: HostPool, mcp: McpServers, catalog: Eventually[LoadedCatalog]) -> None:
    try:
        loaded = await open_catalog(file, pool, mcp=mcp)
    except Exception as error:
        log.exception("catalog.broke")
        catalog.fail(error)
        return
    for failure in loaded.failures:
        log.warning("catalog.module-failed", group=failure.group, module=failure.module, reason=failure.message)
    log.info("catalog.ready", entries=len(loaded.entries), failures=len(loaded.failures))
    catalog.give(loaded)


async def _keep_engine(opening: _Opening, is_closing: anyio.Event) -> None:
    """Open the engine and what belongs to it, and keep them until all runs are drained."""
    try:
        await to_thread.run_sync(_import_heavy)
        async with AsyncExitStack() as stack:
            await _open_engine(opening, stack)
            await is_closing.wait()
    except Exception as error:
        log.exception("engine.broke")
        opening.engine.fail(error)
        opening.checkpoints.fail(error)
        opening.replayer.fail(error)


async def _open_engine(opening: _Opening, stack: AsyncExitStack) -> None:
    from spec_service.integrations.model_wire import limited_wire  # noqa: PLC0415
    from spec_service.storage.checkpoint_board import SaverCheckpoints  # noqa: PLC0415 - slow to import
    from spec_service.storage.checkpoints import JournalSaver  # noqa: PLC0415
    from translator.language.cel import CelEngine  # noqa: PLC0415
    from workflows.agents.agents import Agents  # noqa: PLC0415
    from workflows.attempt import Ports  # noqa: PLC0415
    from workflows.engine import Engine  # noqa: PLC0415
    from workflows.hosting.evaluation import Evaluator  # noqa: PLC0415
    from workflows.luigi.stages import LuigiStages  # noqa: PLC0415
    from workflows.replayer import Replayer  # noqa: PLC0415
    from workflows.replaying import ReplayTools  # noqa: PLC0415

    saver = JournalSaver(opening.database, opening.journal, opening.sealer)
    opening.journal.observe(saver.observe)
    evaluator = await stack.enter_async_context(Evaluator())
    opening.checkpoints.give(SaverCheckpoints(saver))
    opening.replayer.give(Replayer(ReplayTools(opening.artifacts, evaluator, CelEngine())))
    loaded = await opening.catalog.get()
    secrets = opening.secrets
    artifacts = opening.artifacts
    where, path_of = artifacts.work_directory, artifacts.path_of
    tools = CatalogTools(loaded.tools, opening.pool, secrets, work_directory=where, path_of=path_of)
    stages = LuigiStages(opening.pool, path_of, secrets.shown_by)
    expressions = CelEngine()
    agents = Agents(loaded.models, secrets, expressions, wire=limited_wire)
    ports = Ports(
        opening.journal,
        opening.artifacts,
        tools,
        stages,
        loaded.stages,
        evaluator,
        opening.journal,
        agents=agents,
        harnesses=_harnesses(opening, loaded),
        children=ServedChildRuns(opening.services),
    )
    ports = replace(ports, tracing=await _tracing(opening, stack))
    await put_in_force(opening.policies, opening.book)
    ports = replace(ports, policies=opening.book, totals=opening.usage)
    opening.engine.give(Engine(ports, opening.plans, loaded.catalog, saver.without_results(), expressions))
    gc.freeze()  # what is imported stays: with thousands of live runs, looking at it each time stops the loop
    log.info("engine.ready")


def _harnesses(opening: _Opening, loaded: LoadedCatalog) -> Harnesses | None:
    """Return the harnesses of the catalog and where they run; None where there are none."""
    if not loaded.harnesses:
        return None
    from spec_service.integrations.harness_sidecar import Sidecar  # noqa: PLC0415 - for those who have harnesses
    from workflows.agents.harnesses.harnesses import Harnesses  # noqa: PLC0415
    from workflows.agents.harnesses.local_processes import LocalProcesses  # noqa: PLC0415

    secrets = opening.secrets
    runtimes: dict[Protocol, Runtime] = {"stdio": LocalProcesses(opening.programs), "http": Sidecar(secrets)}
    return Harnesses(loaded.harnesses, runtimes, loaded.models, secrets, secrets.shown_by)


async def _tracing(opening: _Opening, stack: AsyncExitStack) -> Tracing:
    """Return who is told what takes how long; nobody, and nothing is loaded, unless a collector is named."""
    if not names_collector(opening.settings):
        return NO_TRACING
    try:
        telemetry = await to_thread.run_sync(importlib.import_module, "spec_service.integrations.telemetry")
    except ImportError as error:
        log.warning("tracing.not-there", reason=str(error), hint="pip install 'specloom[otel]'")
        return NO_TRACING
    made = telemetry.OtlpTracing(opening.settings.otlp_endpoint, VERSION, opening.figures.lose_spans)
    stack.push_async_callback(_closed, made.close)
    return made


async def _closed(close: Callable[[], None]) -> None:
    """Send what is left, but do not let a collector that hangs hold up the end."""
    with anyio.move_on_after(_TRACING_SECONDS, shield=True):
        await to_thread.run_sync(close, abandon_on_cancel=True)


def _import_heavy() -> None:
    forbid_unsafe_checkpoints()
    for name in _HEAVY:
        importlib.import_module(name)
