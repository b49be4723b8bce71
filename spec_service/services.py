"""The bundle of everything that operations work with; `bootstrap.py` makes it."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from spec_service.eventually import Eventually
from spec_service.figures import Figures
from spec_service.planner import Planner
from spec_service.ports import (
    ArtifactShelf,
    CheckpointReader,
    Health,
    Ownership,
    PlanShelf,
    PolicyStore,
    RunBoard,
    RunReplayer,
    SpecRepository,
    SpecStore,
    StageSurveyor,
    UploadShelf,
    UsageBoard,
    Worker,
)
from spec_service.settings import Settings
from spec_service.stopping import StopSignal
from workflows.cataloging import LoadedCatalog
from workflows.policies import PolicyBook
from workflows.ports import EventLog, Journal


@dataclass(frozen=True, slots=True)
class Services:
    """All ports of one tenant in one process."""

    settings: Settings
    specs: SpecStore
    plans: PlanShelf
    runs: RunBoard
    journal: Journal
    events: EventLog
    health: Health
    artifacts: ArtifactShelf
    uploads: UploadShelf
    checkpoints: Eventually[CheckpointReader]  # LangGraph takes seconds to import
    replayer: Eventually[RunReplayer]  # it stands on LangGraph, too
    catalog: Eventually[LoadedCatalog]
    planner: Planner
    surveyor: StageSurveyor
    worker: Worker
    stopping: StopSignal
    ownership: Ownership
    started_at: datetime
    policies: PolicyStore
    book: PolicyBook  # the policies in force, as the engine sees them
    usage: UsageBoard
    figures: Figures
    repository: SpecRepository | None = None  # nothing is published where the operator names none
