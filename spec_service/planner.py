"""From bytes to a plan: reads, checks and plans specs off the event loop, and remembers plans by the spec's digest."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from anyio import CapacityLimiter, to_thread

from spec_service.called_specs import Callees, Choices, EmptyShelf, ReadSpec, Shelf
from spec_service.errors import Refused
from spec_service.eventually import Eventually
from spec_service.requests import Media
from translator.language.document import Document
from translator.language.model import Spec
from translator.language.problems import Problem
from translator.planning.catalog import Catalog
from translator.planning.plan import Advice, Plan, Step
from workflows.cataloging import LoadedCatalog

if TYPE_CHECKING:  # it loads the passes of planning
    from translator.language.policies import PolicyText
    from translator.planning.deciding import Decided
    from translator.planning.workflows import Workflows

Json = Any
_REMEMBERED = 256


@dataclass(frozen=True, slots=True)
class CheckedSpec:
    """A spec that passed every check of the text, with the advice about it."""

    spec: Spec
    document: Document
    digest: str
    advice: tuple[Advice, ...] = ()


class Planner:
    """Checks and plans against one catalog, which does not change while the process lives.

    One spec at a time, in a thread: a big one takes half a second, and the loop has better things to do. The
    expression engine belongs to that thread alone. What a spec calls is looked up on the shelf each time it is planned.
    """

    def __init__(self, catalog: Eventually[LoadedCatalog], shelf: Shelf | None = None) -> None:
        self._catalog = catalog
        self._shelf: Shelf = shelf or EmptyShelf()
        self._callees = Callees(self._read_called)
        self._turn = CapacityLimiter(1)
        self._plans: OrderedDict[tuple[str, Choices], Plan] = OrderedDict()
        self._engine: object = None

    async def check(self, data: bytes, media: Media) -> CheckedSpec:
        """Return the spec that was sent; raises `Refused`."""
        found = await to_thread.run_sync(self._check, data, media, limiter=self._turn)
        if isinstance(found, list):
            raise Refused(found)
        return found

    async def read_policy(self, data: bytes, media: Media) -> PolicyText:
        """Return the policy that was sent; raises `Refused`."""
        found = await to_thread.run_sync(self._read_policy, data, media, limiter=self._turn)
        if isinstance(found, list):
            raise Refused(found)
        return found

    async def validate(self, data: bytes, media: Media) -> tuple[CheckedSpec, Plan]:
        """Return the spec that was sent and its plan; raises `Refused` with all that is wrong, by text and catalog."""
        found = await to_thread.run_sync(self._read, data, media, limiter=self._turn)
        if isinstance(found, list):
            raise Refused(found)
        return found, await self.plan(found)

    async def plan(self, checked: CheckedSpec, shelf: Shelf | None = None) -> Plan:
        """Return the spec's plan, with what it calls from this shelf, or from the planner's own; raises `Refused`."""
        called = await self._callees.find(self._callees.note(checked.digest, checked.spec), shelf or self._shelf)
        key = (checked.digest, called.choices)
        known = self._plans.get(key)
        if known is not None:
            return known
        catalog, workflows = (await self._catalog.get()).catalog, await called.workflows()
        found = await to_thread.run_sync(self._plan, checked, catalog, workflows, limiter=self._turn)
        if isinstance(found, list):
            raise Refused(found)
        self._remember(key, found)
        return found

    async def plan_text(self, text: str, media: Media, digest: str) -> Plan:
        """Return the plan of a stored spec; raises `Refused`."""
        return await self.remembered(digest) or await self.plan(await self.check(text.encode(), media))

    async def remembered(self, digest: str) -> Plan | None:
        """Return the plan that was made for a spec of this digest, if what it calls is still the same."""
        references = self._callees.known(digest)
        if references is None:
            return None
        called = await self._callees.find(references, self._shelf)
        return self._plans.get((digest, called.choices))

    async def decide(self, plan: Plan, inputs: Mapping[str, Json]) -> list[Decided]:
        """Return what inputs decide about the steps that build a stage or wait for one, before anything runs."""
        return await to_thread.run_sync(self._decide, plan, inputs, limiter=self._turn)

    def _remember(self, key: tuple[str, Choices], plan: Plan) -> None:
        self._plans[key] = plan
        while len(self._plans) > _REMEMBERED:
            self._plans.popitem(last=False)

    async def _read_called(self, data: bytes, media: Media) -> ReadSpec | None:
        read = await to_thread.run_sync(self._read, data, media, limiter=self._turn)
        return None if isinstance(read, list) else ReadSpec(read.spec, read.document)

    def _read(self, data: bytes, media: Media) -> CheckedSpec | list[Problem]:
        """Read a spec and check its shape."""
        # Imported late: the language and its expression engine take a while, and a server should listen before that.
        from translator.language.digest import spec_digest  # noqa: PLC0415
        from translator.language.reading import read  # noqa: PLC0415
        from translator.language.shape import check_shape  # noqa: PLC0415

        document = read(data, media)
        if isinstance(document, list):
            return document
        spec, problems = check_shape(document)
        return problems if spec is None else CheckedSpec(spec, document, spec_digest(document.value))

    def _read_policy(self, data: bytes, media: Media) -> PolicyText | list[Problem]:
        from translator.language.cel import CelEngine  # noqa: PLC0415
        from translator.language.policies import read_policy  # noqa: PLC0415

        engine = self._engine = self._engine if isinstance(self._engine, CelEngine) else CelEngine()
        return read_policy(data, media, engine)

    def _check(self, data: bytes, media: Media) -> CheckedSpec | list[Problem]:
        from translator.language.cel import CelEngine  # noqa: PLC0415
        from translator.planning.planning import check_text  # noqa: PLC0415

        read = self._read(data, media)
        if isinstance(read, list):
            return read
        engine = self._engine = self._engine if isinstance(self._engine, CelEngine) else CelEngine()
        found = check_text(read.spec, read.document, engine)
        if any(not problem.is_advice for problem in found):
            return found
        return replace(read, advice=tuple(Advice(**one.as_dict()) for one in found))

    def _plan(self, checked: CheckedSpec, catalog: Catalog, workflows: Workflows) -> Plan | list[Problem]:
        from translator.language.cel import CelEngine  # noqa: PLC0415
        from translator.planning.planning import plan  # noqa: PLC0415

        engine = self._engine = self._engine if isinstance(self._engine, CelEngine) else CelEngine()
        return plan(checked.spec, checked.document, catalog, engine, workflows)

    def _decide(self, plan: Plan, inputs: Mapping[str, Json]) -> list[Decided]:
        from translator.language.cel import CelEngine  # noqa: PLC0415
        from translator.planning.deciding import decide  # noqa: PLC0415

        engine = self._engine = self._engine if isinstance(self._engine, CelEngine) else CelEngine()
        return decide(plan, inputs, engine, _asks_a_stage)


def _asks_a_stage(step: Step) -> bool:
    return step.verb in {"luigi", "wait"} and step.call is not None and step.call.kind == "stage"
