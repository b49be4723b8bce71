"""Workflows that other programs may find and call as tools or skills: those whose labels say so."""

from __future__ import annotations

from dataclasses import dataclass
from importlib.util import find_spec
from typing import Any, cast

from structlog.stdlib import get_logger

from spec_service.errors import ExtraMissing, UnknownSpec
from spec_service.ports import StoredSpec
from spec_service.requests import Media
from spec_service.services import Services
from translator.errors import SpecloomError
from translator.language.standalone import standalone

Json = Any
_PAGE = 200
log = get_logger("specloom.exposing")


@dataclass(frozen=True, slots=True)
class Exposed:
    """A workflow that can be called."""

    name: str  # as callers know it: letters, digits, `_` and `-`
    stored: StoredSpec
    inputs: dict[str, Json]  # the schema of its inputs

    @property
    def description(self) -> str:
        """Return what it does, in the words of its author."""
        return self.stored.description or f"Runs the workflow {self.stored.name}."


async def exposed(services: Services, label: str) -> tuple[Exposed, ...]:
    """Return the current revisions of the specs with `label: "true"`, by name.

    One that cannot be planned against today's catalog is left out, and logged.
    """
    found: dict[str, Exposed] = {}
    for stored in await _labelled(services, label):
        try:
            plan = await services.planner.plan_text(stored.text, cast("Media", stored.media_type), stored.digest)
        except SpecloomError as error:
            log.warning("exposing.left-out", spec=stored.id, label=label, reason=error.message)
            continue
        short = stored.name.replace(".", "_")
        name = stored.name if short in found else short
        found[name] = Exposed(name, stored, dict(standalone(plan.inputs, plan.defs)))
    return tuple(found.values())


async def find_exposed(services: Services, label: str, name: str) -> Exposed:
    """Return one of them by the name that callers know; raises `UnknownSpec`."""
    for one in await exposed(services, label):
        if name in {one.name, one.stored.name}:
            return one
    raise UnknownSpec(f'no workflow {name} has the label {label}: "true"')


async def _labelled(services: Services, label: str) -> list[StoredSpec]:
    found: list[StoredSpec] = []
    cursor: str | None = None
    while True:
        items, cursor = await services.specs.page(cursor, _PAGE)
        found += [one for one in items if one.labels.get(label) == "true"]
        if cursor is None:
            return found


def require_extra(extra: str, *packages: str) -> None:
    """Raise `ExtraMissing` unless the packages of an extra are installed; imports none of them."""
    if any(find_spec(name) is None for name in packages):
        raise ExtraMissing(extra)
