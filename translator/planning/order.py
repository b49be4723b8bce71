"""What has run when: an expression may read the result of a node that can have run before it, and of no other."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from translator.language.document import Position
from translator.language.problems import Problem, problem_at
from translator.planning.draft import Draft, DraftNode, NodeMap, Reading
from translator.planning.graphs import Precedence, precedence
from translator.planning.literals import strings
from translator.planning.plan import END


@dataclass(frozen=True, slots=True)
class _Question:
    """May, or must, `source` have come before `reader`? Both stand in `map`; `is_skippable`: it may be left out."""

    reading: Reading
    name: str
    map: NodeMap
    source: str
    reader: str
    is_skippable: bool


def check_order(draft: Draft) -> list[Problem]:
    """Refuse readings of what cannot have run; advise about what may not have run."""
    questions = list(_questions(draft))
    asked: dict[NodeMap, list[tuple[str, str]]] = {}
    for question in questions:
        asked.setdefault(question.map, []).append((question.source, question.reader))
    answers = {one: _answer(one, pairs) for one, pairs in asked.items()}
    found = [*_from_outside(draft)]
    for question in questions:
        pair = (question.source, question.reader)
        answer = answers[question.map]
        if pair not in answer.may:
            found.append(_not_yet(draft, question))
        elif (question.is_skippable or pair not in answer.must) and not _is_prepared(question.reading.value):
            found.append(_perhaps_not(draft, question))
    return found


def _answer(one: NodeMap, pairs: list[tuple[str, str]]) -> Precedence:
    return precedence(one.graph, one.start if one.kind == "flow" else None, pairs)


def _questions(draft: Draft) -> Iterator[_Question]:
    for reading in draft.readings:
        for name in sorted({path[1] for path in reading.references if _is_result(path)}):
            if name in draft.nodes and not _hidden_by(reading, draft.nodes[name]):
                yield from _question(reading, draft.nodes[name])


def _from_outside(draft: Draft) -> Iterator[Problem]:
    """Refuse readings of what is repeated inside a map, from outside of it, and of `finally` by what comes before."""
    for reading in draft.readings:
        for name in sorted({path[1] for path in reading.references if path[0] == "nodes" and len(path) > 1}):
            source = draft.nodes.get(name)
            around = _hidden_by(reading, source) if source else None
            if around:
                position, path = _where(draft, reading, name)
                is_map = draft.nodes[around].node.map is not None
                what = "item" if is_map else "task"
                message = f"`{name}` runs once for each {what} of `{around}`, so from outside it has no one result"
                suggestion = f"read the result of the whole map: `nodes.{around}.result.ok`" if is_map else None
                yield problem_at(position, "inside-of-map", message, path, suggestion)
            elif source and source.map.is_final and not (reading.node and reading.node.map.is_final):
                position, path = _where(draft, reading, name)
                message = f"`{name}` runs at the end of the run, when everything else has ended"
                yield problem_at(position, "not-yet-run", message, path, "read it under `finally` only")


def _hidden_by(reading: Reading, source: DraftNode) -> str | None:
    """Return the outermost mapped block that the source stands in and the reader does not."""
    within = _line(reading.node)[1:] if reading.node else []
    around = [one.id for one in _line(source)[1:] if (one.node.map or one.node.inject) and one not in within]
    return around[-1] if around else None


def _is_result(path: tuple[str, ...]) -> bool:
    return len(path) > 1 and path[0] == "nodes" and path[2:3] in ((), ("result",))


def _question(reading: Reading, source: DraftNode) -> Iterator[_Question]:
    """Ask in the innermost map that both stand in; outputs come at the end of the outermost."""
    line = _line(source)
    if reading.node is None:
        whole = line[-1].map
        if whole.is_final:
            return  # refused already
        may_skip = _is_skippable(line if whole.kind == "dag" else line[:-1])
        yield _Question(reading, source.id, whole, line[-1].id, END, may_skip)
        return
    readers = {one.map: one for one in _line(reading.node)}
    at = next((number for number, one in enumerate(line) if one.map in readers), None)
    if at is None:
        return
    one, reader = line[at], readers[line[at].map]
    if one is reader and reading.is_after and reader is reading.node:
        return  # its own result, or that of a node inside it, is there
    may_skip = _is_skippable(line[: at + 1] if one.map.kind == "dag" else line[:at])
    yield _Question(reading, source.id, one.map, one.id, reader.id, may_skip)


def _line(node: DraftNode) -> list[DraftNode]:
    """Return the node and the blocks around it, from the inside out."""
    line = [node]
    while line[-1].map.owner:
        line.append(line[-1].map.owner)
    return line


def _is_skippable(line: list[DraftNode]) -> bool:
    """Tell whether one of these may be left out although what stands around it runs."""
    return any(one.node.when is not None if one.map.kind == "dag" else one.id != one.map.start for one in line)


def _not_yet(draft: Draft, question: _Question) -> Problem:
    position, path = _where(draft, question.reading, question.name)
    if question.map.kind == "dag":
        message = f"`{question.name}` is not needed by this node, so it may not have run yet"
        suggestion = f"add `needs: [{question.source}]`"
        if question.source == question.reader:
            message, suggestion = f"`{question.name}` cannot have run before this is evaluated", None
    else:
        message = f"`{question.name}` cannot have run yet: no path leads from it to this node"
        suggestion = "read it from a node that comes later"
    return problem_at(position, "not-yet-run", message, path, suggestion)


def _perhaps_not(draft: Draft, question: _Question) -> Problem:
    position, path = _where(draft, question.reading, question.name)
    message = f"`{question.name}` may not have run by then: its result is null in that case"
    suggestion = "compare it with null before it is used, or see to it that every path leads through it"
    return problem_at(position, "may-not-have-run", message, path, suggestion)


def _is_prepared(value: Any) -> bool:
    """Tell whether the author thought of null: the text compares, asks or chooses."""
    return any(word in text for _, text in strings("", value) for word in ("null", "has(", "?"))


def _where(draft: Draft, reading: Reading, name: str) -> tuple[Position, str]:
    """Find where in the value the node is named."""
    for path, text in strings(reading.path, reading.value):
        offset = text.find(f"nodes.{name}")
        if offset >= 0:
            return draft.document.position_in(path, offset), path
    return draft.document.value_position(reading.path), reading.path
