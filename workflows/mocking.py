"""Made-up results in the place of nodes: what the tests of a spec say that its nodes return.

A mock stands for what a node *does*; what follows from its result (schema, `save`, `next`, `catch`) is the engine's own
work, so that a test shows what a run would do.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, cast

from translator.planning.plan import FINALLY, Step, Verb
from workflows.errors import StepError
from workflows.nodes.call import Node, NodeCall
from workflows.nodes.decide import chosen

Json = Any
ERROR = "$error"
NOT_MOCKED = "not-mocked"
_CALLS = frozenset({"luigi", "tool", "agent", "decide"})
_ITEM = re.compile(r"#(\d+)")


@dataclass
class MockedNodes:
    """The mocks of one run by node id, as `tests:` writes them.

    A list stands for successive visits, its last entry for all that follow; on a mapped node, and inside of a map, its
    entries stand for the items. `{$error: {name, message}}` fails the try. Waits for a time pass at once.
    """

    mocks: Mapping[str, Json]
    may_call: bool = True  # whether tools and stages without a mock are called for real
    used: set[str] = field(default_factory=set[str])
    called: set[str] = field(default_factory=set[str])  # without a mock, for real
    missing: set[str] = field(default_factory=set[str])  # without a mock, and not called
    _visits: dict[str, list[str]] = field(default_factory=dict[str, list[str]])

    def over(self, nodes: Mapping[Verb, Node]) -> dict[Verb, Node]:
        """Return a table of nodes in which each looks for a mock before it does anything."""
        return {verb: self._instead_of(node) for verb, node in nodes.items()}

    def node_for(self, step: Step, name: str | None = None) -> Node | None:
        """Return what stands for one execution of a step, of one item when it is mapped; None: the real node.

        `name` is what the step is called in the run, `<calling node>/<node>` inside a called workflow.
        """
        known = name or step.id
        if known in self.mocks:
            return self._answer
        if step.wait is not None and step.wait.every_seconds is None and step.wait.signal is None:
            return _pass
        return None if self._is_called(step, known) else self._refuse

    def _instead_of(self, node: Node) -> Node:
        async def mocked_or_real(call: NodeCall) -> Json:
            found = self.node_for(call.program.step, call.execution.step)
            return await (found or node)(call)

        return mocked_or_real

    def _is_called(self, step: Step, name: str) -> bool:
        """Tell whether the real node works, and note when that calls what a test should perhaps not."""
        is_call = step.verb in _CALLS or (step.wait is not None and step.wait.every_seconds is not None)
        if is_call and self.may_call:
            self.called.add(name)
        return not is_call or self.may_call

    async def _refuse(self, call: NodeCall) -> Json:
        if call.program.step.block == FINALLY:
            return None
        name = call.execution.step
        self.missing.add(name)
        raise StepError(f"{name} has no mock, and nothing is called in this test", error_name=NOT_MOCKED)

    async def _answer(self, call: NodeCall) -> Json:
        name, step = call.execution.step, call.program.step
        self.used.add(name)
        value = _of_visit(self.mocks[name], self._turn(name, call.visit.id))
        failure = _failure(value)
        if failure is not None:
            raise failure
        if step.verb == "decide":
            return chosen(value, step.among, is_one=call.frame.program.member_of_flow(step))
        if step.verb == "human" and call.program.result is not None:
            _require_fit(call, value)
        return value

    def _turn(self, name: str, visit: str) -> int:
        """Return which entry of a list counts: the number of the item, else how often the node was visited before."""
        items = _ITEM.findall(visit)
        if items:
            return int(items[-1])
        seen = self._visits.setdefault(name, [])
        if visit not in seen:
            seen.append(visit)
        return seen.index(visit)


async def _pass(call: NodeCall) -> Json:
    """Stand for a wait for a time."""
    del call


def _of_visit(mock: Json, turn: int) -> Json:
    if not isinstance(mock, list):
        return mock
    entries = cast("list[Json]", mock)
    if not entries:
        raise StepError("the list of mocks is empty; to return an empty list, write [[]]", error_name=NOT_MOCKED)
    return entries[min(turn, len(entries) - 1)]


def _failure(value: Json) -> StepError | None:
    """Return the error that a mock stands for."""
    if not isinstance(value, dict) or set(cast("dict[str, Json]", value)) != {ERROR}:
        return None
    said: Json = cast("dict[str, Json]", value)[ERROR]
    if isinstance(said, str):
        said = {"name": said}
    error = cast("dict[str, Json]", said)
    return StepError(str(error.get("message", "as the test says")), error_name=str(error.get("name", "step-failed")))


def _require_fit(call: NodeCall, answer: Json) -> None:
    """Refuse an answer that a person could not have given."""
    violations = call.program.result.problems(answer, "") if call.program.result else []
    if violations:
        where = f" at {violations[0].path}" if violations[0].path else ""
        message = f"the answer does not fit its schema{where}: {violations[0].message}"
        raise StepError(message, error_name="invalid-result")
