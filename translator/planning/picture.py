"""What a drawing of a plan shows, before anybody says how: shapes, the shapes inside them, and lines between shapes.

A step that is repeated over items is one shape, whatever their number; a called workflow is one shape, too; and where a
DAG has very many members, those that call the same at the same depth are one. Texts are as authors wrote them, cut to
length: whoever draws them makes them harmless.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from translator.planning.plan import END, FINALLY, Plan, Step
from translator.planning.ways import Way, ways

CROWD = 100  # members of one DAG before those that are alike are drawn as one
LONGEST = 40  # characters of a line of text before it is cut
BLOCKS = frozenset({"dag", "flow", "finally"})
_MINUTE, _HOUR, _DAY = 60, 3600, 86_400


@dataclass(frozen=True, slots=True)
class Shape:
    """A step, a block with its members, or a start or an end; ids are made here: letters, digits and `_` only."""

    id: str
    kind: str  # a verb, "start", "end", or "finally"
    lines: tuple[str, ...] = ()  # its name, what it does, and under which condition
    is_repeated: bool = False
    members: tuple[Shape, ...] = ()

    @property
    def is_block(self) -> bool:
        """Tell whether it is drawn around its members."""
        return self.kind in BLOCKS or bool(self.members)


@dataclass(frozen=True, slots=True)
class Line:
    """A way from shape to shape."""

    source: str
    target: str
    label: str = ""
    is_dashed: bool = False


@dataclass(frozen=True, slots=True)
class Picture:
    """Everything that is drawn, in the order of the document."""

    name: str
    shapes: tuple[Shape, ...]
    lines: tuple[Line, ...]


def picture(plan: Plan) -> Picture:
    """Return what a drawing of a plan shows."""
    return _Sketch(plan).picture()


def shortened(text: str) -> str:
    """Return a text on one line, cut to length."""
    line = " ".join(text.split())
    return line if len(line) <= LONGEST else line[: LONGEST - 1] + "…"


class _Sketch:
    def __init__(self, plan: Plan) -> None:
        self._plan = plan
        self._blocks = {step.id: step.block for step in plan.steps}
        self._verbs = {step.id: step.verb for step in plan.steps}
        self._members: dict[str | None, list[Step]] = {}
        for step in plan.steps:
            self._members.setdefault(step.block, []).append(step)
        self._crowds: dict[str, list[Step]] = {}  # by the id of the member that stands for all of them
        self._stands_for: dict[str, str] = {}
        for members in self._members.values():
            if len(members) > CROWD:
                self._gather(members)

    def picture(self) -> Picture:
        shapes = [Shape("start_", "start", ("start",)), *self._shapes(None), Shape("end_", "end", ("end",))]
        final = tuple(self._shapes(FINALLY))
        if final:
            shapes.append(Shape("finally_", "finally", ("finally",), members=final))
        return Picture(self._plan.spec_name, tuple(shapes), tuple(self._lines(has_final=bool(final))))

    def _shapes(self, block: str | None) -> Iterator[Shape]:
        for step in self._members.get(block, []):
            if step.id in self._stands_for:
                if step.id in self._crowds:
                    yield self._crowd(step)
                continue
            inner = tuple(self._shapes(step.id))
            if step.verb == "flow":  # it begins and ends inside its own box
                opening, closing = Shape(f"s_{step.id}", "start", ("start",)), Shape(f"e_{step.id}", "end", ("end",))
                inner = (opening, *inner, closing)
            yield Shape(f"n_{step.id}", step.verb, tuple(_texts(step)), step.map is not None, inner)

    def _lines(self, *, has_final: bool) -> Iterator[Line]:
        if self._plan.is_dag:
            yield from self._frame()
        elif self._plan.start is not None:
            yield Line("start_", f"n_{self._plan.start}")
        for step in self._plan.steps:
            if step.verb == "flow" and step.start is not None:
                yield Line(f"s_{step.id}", f"n_{step.start}")
        drawn = (self._line(way) for way in ways(self._plan))
        if self._crowds:
            drawn = iter(dict.fromkeys(line for line in drawn if line.source != line.target))
        yield from drawn
        if has_final:
            yield Line("end_", "finally_", is_dashed=True)

    def _frame(self) -> Iterator[Line]:
        members = self._members.get(None, [])
        needed = {need for step in members for need in step.needs}
        starts = (Line("start_", self._id(step.id)) for step in members if not step.needs)
        ends = (Line(self._id(step.id), "end_") for step in members if step.id not in needed)
        yield from dict.fromkeys([*starts, *ends])

    def _line(self, way: Way) -> Line:
        is_dashed = way.kind == "catch" or (way.kind in ("needs", "choice") and way.is_unsure)
        label = f"on {way.label}" if way.kind == "catch" else _condition(way.label)
        return Line(self._id(way.source), self._target(way), shortened(label), is_dashed)

    def _id(self, name: str) -> str:
        return f"n_{self._stands_for.get(name, name)}"

    def _gather(self, members: list[Step]) -> None:
        """Let members of a DAG stand together that call the same at the same depth."""
        depths: dict[str, int] = {}
        alike: dict[tuple[str, str, int], list[Step]] = {}
        for step in _in_order(members):
            depths[step.id] = 1 + max((depths[need] for need in step.needs if need in depths), default=0)
            if step.call is not None and step.map is None and step.transition is None:
                alike.setdefault((step.verb, step.call.name, depths[step.id]), []).append(step)
        for crowd in alike.values():
            if len(crowd) > 1:
                first = crowd[0]
                self._crowds[first.id] = crowd
                self._stands_for |= {step.id: first.id for step in crowd}

    def _crowd(self, first: Step) -> Shape:
        others = len(self._crowds[first.id]) - 1
        lines = (shortened(first.id), shortened(_subject(first)), f"and {others} more like it")
        return Shape(f"n_{first.id}", first.verb, lines, is_repeated=True)

    def _target(self, way: Way) -> str:
        if way.target != END:
            return self._id(way.target)
        block = self._blocks.get(way.source)
        return f"e_{block}" if block is not None and self._verbs.get(block) == "flow" else "end_"


def _in_order(members: list[Step]) -> Iterator[Step]:
    """Yield the members of a DAG so that what a member needs stands before it; the order of the text says nothing."""
    missing = {step.id: len(step.needs) for step in members}
    needed_by: dict[str, list[Step]] = {}
    for step in members:
        for need in step.needs:
            needed_by.setdefault(need, []).append(step)
    ready = deque(step for step in members if not step.needs)
    while ready:
        step = ready.popleft()
        yield step
        for one in needed_by.get(step.id, ()):
            missing[one.id] -= 1
            if not missing[one.id]:
                ready.append(one)


def _texts(step: Step) -> Iterator[str]:
    yield shortened(step.id)
    yield shortened(_subject(step))
    if step.injected:
        yield shortened(f"{step.injected.moment} {step.injected.tasks}")
    if step.map:
        at_once = f", {step.map.concurrency} at a time" if step.map.concurrency else ""
        yield shortened(f"for each {step.map.each}{at_once}")
    if step.when:
        yield f"if {shortened(_condition(step.when))}"


def _subject(step: Step) -> str:
    """Return what a step does."""
    called = f"{step.call.name} {step.call.version}" if step.call else ""
    if step.wait:
        return _wait(step, called)
    chooser = called or (step.agent.shown if step.agent else "")
    if step.verb == "decide":
        return f"choose by {chooser}" if chooser else "choose"
    if step.agent:
        return f"agent {step.agent.shown}".rstrip()
    if called:
        return called
    if step.verb == "dag" and step.join is not None:
        return "dag, any of them" if step.join == 1 else f"dag, {step.join} of them"
    told = (step.fail and step.fail.error) or (step.emit and step.emit.event) or ""
    return f"{step.verb} {told}".rstrip()


def _wait(step: Step, called: str) -> str:
    wait = step.wait
    if wait is None or wait.signal is not None:
        return f"wait for {wait.signal if wait else ''}"
    if wait.every_seconds is not None:
        return f"{called or 'ask'} every {_lasting(wait.every_seconds)}"
    if wait.seconds is not None:
        return f"wait {_lasting(wait.seconds)}"
    return f"wait until {_condition(_text(wait.until))}"


def _text(value: Any) -> str:
    return value if isinstance(value, str) else str(value)


def _lasting(seconds: float) -> str:
    for size, unit in ((_DAY, "d"), (_HOUR, "h"), (_MINUTE, "min")):
        if seconds >= size and seconds % size == 0:
            return f"{seconds / size:.0f} {unit}"
    return f"{seconds:g} s"


def _condition(text: str) -> str:
    """Return an expression without its `${ }` where it stands alone."""
    inner = text.strip()
    is_lone = inner.startswith("${") and inner.endswith("}") and "${" not in inner[2:]
    return inner[2:-1].strip() if is_lone else inner
