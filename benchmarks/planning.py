"""Reading, checking and planning a spec of 1,000 nodes with 2,000 expressions."""

from __future__ import annotations

from benchmarks.figures import Figure, best_of
from translator.language import check_shape, read
from translator.language.cel import CelEngine
from translator.language.document import Document
from translator.language.model import Spec
from translator.planning.catalog import CatalogEntry, FixedCatalog
from translator.planning.plan import Plan
from translator.planning.planning import check_text, plan

NODES = 1_000
_TEXT = {"type": "object", "properties": {"text": {"type": "string"}}, "required": ["text"]}


def figures() -> list[Figure]:
    """Return what reading takes, and what all of validating and planning takes."""
    data = spec_text(NODES).encode()
    reading = best_of(5, lambda: _read(data))
    once = best_of(5, lambda: _plan(data))
    twice = best_of(3, lambda: _plan(data, is_posted_first=True))
    size = f"{len(data) // 1000} kB"
    return [
        Figure(f"read a spec of {NODES:,} nodes ({size})", reading, "s", 0.1),
        Figure(f"validate and plan a spec of {NODES:,} nodes", once, "s", 0.5, "what `specloom plan FILE` does"),
        Figure("the same, posted first, then planned", twice, "s", None, "its text is checked twice"),
    ]


def spec_text(nodes: int) -> str:
    """Write a flow of so many tool nodes, each with two expressions and one save."""
    head = """apiVersion: specloom/v1
kind: Workflow
metadata: {name: large, version: 1.0.0, description: A spec to measure with}
inputs: {topic: {type: string}}
state: {text: {type: string, default: ""}}
outputs: {text: "${ state.text }"}
start: node_0
nodes:
"""
    return head + "".join(_node(number, nodes) for number in range(nodes))


def _node(number: int, nodes: int) -> str:
    following = f"node_{number + 1}" if number + 1 < nodes else "end"
    return f"""  node_{number}:
    description: The step number {number} of a long chain of steps
    tool: bench.echo@^1
    with: {{text: "${{ state.text + inputs.topic }} and step {number}"}}
    save: {{text: "${{ result.text }}"}}
    timeout: 30s
    next: {following}
"""


def _read(data: bytes) -> Document:
    document = read(data, "yaml")
    assert isinstance(document, Document), document
    return document


def _plan(data: bytes, *, is_posted_first: bool = False) -> Plan:
    """Read, check and plan; a spec that is posted is checked by its text alone before it is planned."""
    document, engine = _read(data), CelEngine()
    spec, problems = check_shape(document)
    assert isinstance(spec, Spec), problems
    if is_posted_first:
        assert not [one for one in check_text(spec, document, engine) if not one.is_advice]
    entry = CatalogEntry(
        kind="tool",
        name="bench.echo",
        version="1.0.0",
        source_digest="d",
        parameters=_TEXT,
        result=_TEXT,
        is_async=True,
    )
    planned = plan(spec, document, FixedCatalog([entry]), engine)
    assert isinstance(planned, Plan), planned
    return planned
