"""Counters: which nodes of a flow add to which channels, by how much, and whether they surely do."""

from collections.abc import Iterable, Iterator
from fractions import Fraction
from typing import Any

from translator.planning.channels import writes_of
from translator.planning.draft import Draft, DraftNode, NodeMap


class Counters:
    """What the nodes of one flow, and the blocks in it, do to the channels that add up."""

    def __init__(self, draft: Draft, one: NodeMap) -> None:
        self._draft = draft
        self._adders: dict[str, set[str]] = {}  # channel → nodes that surely add to it in each visit
        self._unsteady: dict[str, set[str]] = {}  # channel → nodes that do to it what is not known, or take away
        self._amounts: dict[str, set[Fraction | None]] = {}  # channel → what is added, anywhere in the spec
        for name, node in one.members.items():
            for channel, amount, is_sure in self._visit(node):
                if amount is None or amount <= 0:
                    self._unsteady.setdefault(channel, set()).add(name)
                elif is_sure:
                    self._adders.setdefault(channel, set()).add(name)
        for node in draft.every_node():
            for channel, amount in _changes(node):
                self._amounts.setdefault(channel, set()).add(amount)

    def only_grows(self, channel: str, part: Iterable[str]) -> bool:
        """Tell whether a channel only ever grows within these nodes, and by constants."""
        declared = self._draft.spec.state.get(channel)
        is_sum = declared is not None and declared.reduce == "sum"
        return is_sum and self._unsteady.get(channel, set[str]()).isdisjoint(part)

    def adders(self, channel: str) -> set[str]:
        """Return the nodes that add to a channel whenever they have run."""
        return self._adders.get(channel, set())

    def start_and_step(self, channel: str) -> tuple[Fraction, Fraction] | None:
        """Return where a channel begins and what it grows by at least; None where something else may touch it."""
        default = self._draft.spec.state[channel].default
        first = amount_of(0 if default is None else default)
        amounts = self._amounts.get(channel, set())
        steps = {amount for amount in amounts if amount is not None and amount > 0}
        is_followed = first is not None and bool(steps) and len(steps) == len(amounts)
        return (first, min(steps)) if first is not None and is_followed else None

    def _visit(self, one: DraftNode) -> Iterator[tuple[str, Fraction | None, bool]]:
        """Walk through what a visit of a node, and of all that is in it, does, and whether it surely does."""
        waiting = [(one, not one.node.catch)]
        while waiting:
            node, is_sure = waiting.pop()
            is_repeated = node.node.map is not None  # for each item, and there may be none
            yield from (
                (channel, amount, is_sure and not (is_repeated and node.verb == "set"))
                for channel, amount in _changes(node)
            )
            inner = self._draft.inside.get(node)
            if inner:
                is_all = inner.kind == "dag" and node.node.join in (None, "all") and not is_repeated
                waiting += [(deeper, is_sure and is_all and _surely_runs(deeper)) for deeper in inner.members.values()]


def _surely_runs(member: DraftNode) -> bool:
    """Tell whether a member of a DAG always runs to its end, if the DAG does."""
    choosers = (member.map.members.get(need) for need in member.node.needs or ())
    is_chosen = any(other is not None and other.node.decide is not None for other in choosers)
    return member.node.when is None and not member.node.catch and not is_chosen


def _changes(node: DraftNode) -> Iterator[tuple[str, Fraction | None]]:
    yield from ((name, amount_of(value)) for name, _, value in writes_of(node))
    yield from ((name, None) for name in node.node.reset)


def amount_of(value: Any) -> Fraction | None:
    """Return the number that is written out, exactly; None for everything else."""
    if isinstance(value, bool) or not isinstance(value, int | float):
        return None
    return Fraction(str(value))
