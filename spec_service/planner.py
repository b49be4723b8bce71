"""From bytes to a plan: reads, checks and plans specs off the event loop, and remembers plans by digest."""

from __future__ import annotations

from dataclasses import dataclass

from spec_service.requests import Media
from translator.language.document import Document
from translator.language.expressions import ExpressionEngine
from translator.language.model import Spec
from translator.language.problems import Problem
from translator.planning.catalog import Catalog
from translator.planning.plan import Plan


@dataclass(frozen=True, slots=True)
class CheckedSpec:
    """A spec that passed every check of the text, with the advice about it."""

    spec: Spec
    document: Document
    digest: str
    advice: tuple[Problem, ...] = ()


class Planner:
    """Checks and plans against one catalog, which does not change while the process lives."""

    def __init__(self, catalog: Catalog, engine: ExpressionEngine) -> None:
        self._catalog = catalog
        self._engine = engine

    async def check(self, data: bytes, media: Media) -> CheckedSpec:
        """Return the spec that was sent; raises `Refused`."""
        raise NotImplementedError

    async def plan(self, checked: CheckedSpec) -> Plan:
        """Return the spec's plan; raises `Refused`."""
        raise NotImplementedError
