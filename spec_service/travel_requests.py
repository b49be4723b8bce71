"""What is sent along with questions about what a run would have done, or is to do from some point on."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from spec_service.requests import Body
from translator.language.document import Document

Json = Any
_MOST_VISITS = 1_000_000


@dataclass(frozen=True, slots=True)
class ReplayRequest:
    """With which plan a run is to be replayed: a stored one, that of a text, or, without either, its own."""

    plan: str | None = None  # digest
    spec: str | None = None  # text, YAML or JSON

    @classmethod
    def read(cls, document: Document) -> ReplayRequest:
        """Read a body, which may be empty; raises `Refused`."""
        if not document.value:
            return cls()
        body = Body(document, ("plan", "spec"))
        plan, spec = body.text("plan"), body.text("spec")
        if plan is not None and spec is not None:
            body.wrong("/spec", "unknown-field", "either `plan` or `spec` says with which plan")
        body.refuse()
        return cls(plan, spec)


@dataclass(frozen=True, slots=True)
class ForkRequest:
    """Where a run is to be forked, and what is to be different from there on."""

    at: str  # a node's id in the run, or a checkpoint's
    visit: int | None = None  # which arrival at the node, from 1; None: the last one
    sets: Mapping[str, Json] = field(default_factory=dict[str, Json])  # by channel
    inputs: Mapping[str, Json] = field(default_factory=dict[str, Json])  # those that are changed
    plan: str | None = None  # digest; None: the run's own

    @classmethod
    def read(cls, document: Document) -> ForkRequest:
        """Read a body; raises `Refused`."""
        body = Body(document, ("at", "visit", "set", "inputs", "plan"))
        at, plan = body.text("at"), body.text("plan")
        if at is None and not body.problems:
            body.wrong("", "missing-field", "`at` says at which node the new run begins")
        visit = body.integer("visit", _MOST_VISITS) if body.value.get("visit") is not None else None
        if visit is not None and visit < 1 and not body.problems:
            body.wrong("/visit", "out-of-range", "`visit` counts from 1")
        sets, inputs = body.mapping("set"), body.mapping("inputs")
        body.refuse()
        return cls(at or "", visit, {name.removeprefix("state."): one for name, one in sets.items()}, inputs, plan)

    def as_json(self) -> dict[str, Json]:
        """Return the body that says this."""
        body: dict[str, Json] = {
            "at": self.at,
            "visit": self.visit,
            "set": dict(self.sets),
            "inputs": dict(self.inputs),
        }
        return {name: value for name, value in {**body, "plan": self.plan}.items() if value not in (None, {})}
