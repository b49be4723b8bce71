"""Called workflows: which stored spec a node means, planned with its caller and pinned by the digest of its plan."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol, cast

from translator.language.document import Document, is_mapping
from translator.language.expressions import JsonSchema
from translator.language.model import Spec
from translator.language.problems import Problem, did_you_mean
from translator.language.standalone import standalone
from translator.language.versions import BadReferenceError, CatalogRef, Version, parse_workflow_ref
from translator.planning.binding import check_arguments
from translator.planning.calls import call_of, granted_to_agents
from translator.planning.catalog import CatalogEntry
from translator.planning.draft import Draft
from translator.planning.plan import Plan

MOST_LEVELS = 8  # of calls below the workflow that is run
_MOST_PARTS = 500  # mappings, lists and values of what is told about a workflow's outputs; a long text is several
_LONG = 64  # characters


@dataclass(frozen=True, slots=True)
class StoredSpec:
    """A stored spec that may be called, read and checked."""

    name: str
    version: str | None
    revision: int  # from 1
    spec: Spec
    document: Document
    digest: str  # of the spec

    @property
    def shown(self) -> str:
        """Return its version; `r` and the revision if it declares none."""
        return self.version or f"r{self.revision}"


class Workflows(Protocol):
    """Tells which stored specs may be called."""

    def names(self) -> tuple[str, ...]:
        """Return names that could be meant by one that is not there."""
        ...

    def versions(self, name: str) -> tuple[StoredSpec, ...]:
        """Return the specs under a name that are in use, the newest first; empty when there are none."""
        ...


class FixedWorkflows:
    """Stored specs that are known already, those of one name in the given order: the newest first."""

    def __init__(self, stored: Iterable[StoredSpec] = (), names: Iterable[str] = ()) -> None:
        self._stored: dict[str, list[StoredSpec]] = {}
        for one in stored:
            self._stored.setdefault(one.name, []).append(one)
        self._names = tuple(sorted({*self._stored, *names}))

    def names(self) -> tuple[str, ...]:
        """Return the names, sorted."""
        return self._names

    def versions(self, name: str) -> tuple[StoredSpec, ...]:
        """Return the specs under a name, the newest first; empty when there are none."""
        return tuple(self._stored.get(name, ()))


def newest_fitting(wanted: CatalogRef, versions: Sequence[str | None]) -> int | None:
    """Return which of the declared versions, the newest first, a reference means; None when none will do.

    Without a range it is the newest that is no pre-release; a spec that declares no version fits no other range.
    """
    known = [(number, Version.parse(text) if text else None) for number, text in enumerate(versions)]
    if wanted.range.text == "*":
        return next((number for number, version in known if version is None or not version.pre), None)
    fitting = [(version, number) for number, version in known if version and wanted.range.admits(version)]
    return max(fitting, key=lambda one: (one[0], -one[1]))[1] if fitting else None


@dataclass(frozen=True, slots=True)
class Planned:
    """A plan, and what is known of its outputs."""

    plan: Plan
    outputs: Mapping[str, JsonSchema]

    @property
    def levels(self) -> int:
        """Return how many levels of calls are below it."""
        below = {digest: Planned(child, {}) for digest, child in self.plan.workflows.items()}
        return _levels(self.plan, below, {})

    @property
    def names(self) -> frozenset[str]:
        """Return the names of the workflows in it, its own too."""
        return frozenset({self.plan.spec_name, *(one.spec_name for one in self.plan.workflows.values())})


def _levels(plan: Plan, below: Mapping[str, Planned], known: dict[str, int]) -> int:
    if plan.digest not in known:
        called = set(plan.called)
        known[plan.digest] = max((1 + _levels(below[one].plan, below, known) for one in called), default=0)
    return known[plan.digest]


Make = Callable[[StoredSpec, "Calls"], Planned | list[Problem]]


@dataclass(frozen=True)
class Calls:
    """Plans what is called, each stored spec once; `chain` names the workflows that are being planned."""

    workflows: Workflows
    make: Make
    chain: tuple[str, ...]
    known: dict[tuple[str, int], Planned | Problem] = field(default_factory=dict[tuple[str, int], Planned | Problem])

    def bind(self, draft: Draft) -> list[Problem]:
        """Bind every node that calls a workflow, and keep the plans of what is called."""
        found: list[Problem] = []
        chosen: dict[str, CatalogEntry | Problem] = {}
        for node in draft.every_node():
            called = call_of(node)
            if called is None or called.kind != "workflow" or called.reference.partition("@")[0] == self.chain[-1]:
                continue  # that a workflow calls itself, the text tells
            known = chosen.get(called.reference)
            entry = chosen[called.reference] = known or self._entry(draft, called.reference)
            if isinstance(entry, Problem):
                found.append(draft.at_value(called.path, entry.name, entry.message, entry.suggestion))
                continue
            draft.entries[node.id] = entry
            found += check_arguments(draft, node, called, entry)
        for reference in granted_to_agents(draft):
            draft.granted[reference] = chosen.get(reference) or self._entry(draft, reference)
        return found

    def _entry(self, draft: Draft, reference: str) -> CatalogEntry | Problem:
        """Return what a reference means, or a problem whose place is left open."""
        stored = self._stored(reference)
        if isinstance(stored, Problem):
            return stored
        planned = self._planned(stored)
        if isinstance(planned, Problem):
            return planned
        draft.called |= planned.plan.workflows
        draft.called[planned.plan.digest] = planned.plan.model_copy(update={"workflows": {}})
        return CatalogEntry(
            kind="workflow",
            name=stored.name,
            version=stored.shown,
            source_digest=planned.plan.digest,
            description=stored.spec.metadata.description or "",
            parameters=cast("dict[str, Any]", standalone(planned.plan.inputs, planned.plan.defs)),
            result=_result(planned),
        )

    def _stored(self, reference: str) -> StoredSpec | Problem:
        try:
            wanted = parse_workflow_ref(reference)
        except BadReferenceError as error:
            return Problem("unknown-workflow", str(error))
        versions = self.workflows.versions(wanted.name)
        if not versions:
            names = [name for name in self.workflows.names() if name not in self.chain]
            suggestion = did_you_mean(wanted.name, names) or "store the workflow first"
            return Problem("unknown-workflow", "no stored workflow of this name is in use", suggestion=suggestion)
        number = newest_fitting(wanted, [one.version for one in versions])
        if number is None:
            available = ", ".join(one.version or f"{one.shown} (declares no version)" for one in versions[:5])
            message = "the workflow is stored, but in no version that fits"
            return Problem("unknown-version", message, suggestion=f"available: {available}")
        return versions[number]

    def _planned(self, stored: StoredSpec) -> Planned | Problem:
        """Return the plan of a stored spec, if it may be called from here."""
        if stored.name in self.chain:
            return _circle(self.chain[self.chain.index(stored.name) :])
        if len(self.chain) > MOST_LEVELS:
            return _TOO_DEEP
        key = (stored.name, stored.revision)
        if key not in self.known:
            inner = Calls(self.workflows, self.make, (*self.chain, stored.name), self.known)
            made = self.make(stored, inner)
            self.known[key] = _inside(stored, made[0]) if isinstance(made, list) else made
        found = self.known[key]
        if isinstance(found, Planned):  # it may have been planned on a shorter way
            again = [name for name in self.chain if name in found.names]
            if again:
                return _circle(self.chain[self.chain.index(again[0]) :])
            if len(self.chain) + found.levels > MOST_LEVELS:
                return _TOO_DEEP
        return found


_TOO_DEEP = Problem(
    "too-deep",
    f"workflows call each other more than {MOST_LEVELS} levels deep",
    suggestion="call fewer workflows within workflows",
)


def _circle(chain: Sequence[str]) -> Problem:
    message = f"this call closes a circle, which would never end: {' → '.join([*chain, chain[0]])}"
    return Problem("workflow-cycle", message, suggestion="take one of these calls out")


def _inside(stored: StoredSpec, problem: Problem) -> Problem:
    """Tell at the call what is wrong with what is called."""
    place = f"line {problem.line}: " if problem.line else ""
    message = f"{stored.name} {stored.shown} cannot be planned: {place}{problem.name}: {problem.message}"
    return Problem(problem.name, message, suggestion=problem.suggestion)


def _result(planned: Planned) -> dict[str, Any]:
    """Describe the outputs; of one whose description is long only that it is there."""
    left = _MOST_PARTS
    fields: dict[str, Any] = {}
    for name, schema in planned.outputs.items():
        alone: Any = standalone(schema, planned.plan.defs) if _parts(schema, left) is not None else {}
        used = _parts(alone, left)
        fields[name] = {} if used is None else alone
        left -= used or 0
    return {"type": "object", "properties": fields, "required": list(fields)}


def _parts(value: Any, most: int) -> int | None:
    """Count the mappings, lists and values in a schema; None when there are more than so many."""
    waiting, count = [value], 0
    while waiting:
        one = waiting.pop()
        count += 1 + (len(one) // _LONG if isinstance(one, str) else 0)
        if count > most:
            return None
        if is_mapping(one):
            waiting.extend(cast("Mapping[str, Any]", one).values())
        elif isinstance(one, (list, tuple)):
            waiting.extend(cast("Sequence[Any]", one))
    return count
