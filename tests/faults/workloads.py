"""The four kinds of runs that are disturbed, and what each must have done when it is over."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from typing import Any

CATALOG = """\
[tools.marks]
modules = ["tools_of_faults"]
path = ["."]
version = "1.0.0"

[luigi.marks]
modules = ["stages_of_faults"]
path = ["."]
version = "1.0.0"
"""

_HEAD = """\
apiVersion: specloom/v1
kind: Workflow
metadata: {{name: {name}}}
inputs: {{effects: {{type: string}}, seconds: {{type: number, default: 0.0}}}}
"""

FLOW = """\
state: {round: {type: integer, default: 0, reduce: sum}}
outputs: {rounds: "${ state.round }", last: "${ nodes.last.result.label }"}
start: leave
nodes:
  leave:
    tool: marks.leave@*
    with: {effects: "${ inputs.effects }", label: "${ run.id }/leave-${ state.round }", seconds: "${ inputs.seconds }"}
    next: big
  big:
    tool: marks.weigh@*
    with: {effects: "${ inputs.effects }", label: "${ run.id }/big-${ state.round }"}
    next: count
  count:
    set: {round: 1}
    next: [{when: "${ state.round < 2 }", to: leave}, {else: last}]
  last:
    tool: marks.stay@*
    with: {effects: "${ inputs.effects }", label: "${ run.id }/last"}
    next: end
"""

DAG = """\
outputs: {joined: "${ nodes.join.result.label }"}
nodes:
  left: {tool: marks.leave@*, with: {effects: "${ inputs.effects }", label: "${ run.id }/left"}}
  right:
    tool: marks.leave@*
    with: {effects: "${ inputs.effects }", label: "${ run.id }/right", seconds: "${ inputs.seconds }"}
  lower: {tool: marks.stay@*, needs: [left], with: {effects: "${ inputs.effects }", label: "${ run.id }/lower"}}
  upper: {tool: marks.leave@*, needs: [right], with: {effects: "${ inputs.effects }", label: "${ run.id }/upper"}}
  join:
    tool: marks.leave@*
    needs: [lower, upper]
    with: {effects: "${ inputs.effects }", label: "${ run.id }/join"}
"""

EXPANSION = """\
outputs: {tree: "${ nodes.tree.result.outputs.uri }"}
start: tree
nodes:
  tree:
    luigi: marks.Tree@*
    with: {effects: "${ inputs.effects }", run_id: "${ run.id }", number: 0, seconds: "${ inputs.seconds }"}
    next: end
"""

PERSON = """\
outputs: {verdict: "${ nodes.ask.result.verdict }"}
start: before
nodes:
  before: {tool: marks.leave@*, with: {effects: "${ inputs.effects }", label: "${ run.id }/before"}, next: ask}
  ask:
    human: {title: Go on?}
    result: {type: object, required: [verdict], properties: {verdict: {enum: [approve]}}}
    next: after
  after: {tool: marks.leave@*, with: {effects: "${ inputs.effects }", label: "${ run.id }/after"}, next: end}
"""


@dataclass(frozen=True)
class Workload:
    """A spec, how often each of its steps is arrived at, and the labels of its effects."""

    name: str
    body: str
    path: Counter[str]  # arrivals by step
    labels: frozenset[str]  # behind "<run>/"
    tasks: int = 0  # of its expansion
    answer: dict[str, str] = field(default_factory=dict)

    @property
    def text(self) -> str:
        return _HEAD.format(name=self.name) + self.body


WORKLOADS = (
    Workload(
        "flow",
        FLOW,
        Counter(leave=2, big=2, count=2, last=1),
        frozenset({"leave-0", "leave-1", "big-0", "big-1", "last"}),
    ),
    Workload(
        "dag",
        DAG,
        Counter(left=1, right=1, lower=1, upper=1, join=1),
        frozenset({"left", "right", "lower", "upper", "join"}),
    ),
    Workload(
        "expansion",
        EXPANSION,
        Counter(tree=1),
        frozenset({f"Leaf-{n}" for n in range(24)} | {f"Branch-{n}" for n in range(5)} | {"Tree-0"}),
        tasks=30,
    ),
    Workload(
        "person",
        PERSON,
        Counter(before=1, ask=1, after=1),
        frozenset({"before", "after"}),
        answer={"verdict": "approve"},
    ),
)


def workload_of(run: Any) -> Workload:
    """Return what a run, as the API shows it, is one of."""
    name = run["spec"].partition("@")[0]
    return next(one for one in WORKLOADS if one.name == name)
