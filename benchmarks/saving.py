"""Three-node graphs, sixteen at a time in one process: our saver beside LangGraph's, all with `durability="sync"`.

Each round measures every saver once, one after the other, so that a busy machine disturbs all alike; the figures are
medians of the rounds' ratios. A run of ours counts when all of it is on disk. The strict one waits for that in every
node as well, before it does anything, as our tools and stages do.
"""

from __future__ import annotations

import asyncio
import itertools
import tempfile
import time
from collections.abc import AsyncGenerator, Awaitable, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path
from typing import Any, NamedTuple

from langchain_core.runnables import RunnableConfig

from benchmarks.figures import Figure, median_of
from spec_service.settings import forbid_unsafe_checkpoints
from spec_service.storage.database import open_database
from spec_service.storage.journal import SqlJournal
from spec_service.storage.migrating import upgrade

AT_ONCE, RUNS, ROUNDS, NODES = 16, 96, 21, 3
OURS, STRICT = "our saver", "our saver, every node waits for the disk"
MEMORY, SQLITE, NOTHING = "InMemorySaver", "AsyncSqliteSaver", "no saver"
Act = Callable[[str], Awaitable[None]]  # runs a thread of this id


class Pace(NamedTuple):
    """How a round went."""

    rate: float  # runs a second
    cpu: float  # ms a run, all threads; a busy machine disturbs it less


def figures() -> list[Figure]:
    """Return how many runs a second our saver makes, over LangGraph's; nothing is quicker than no saver at all."""
    forbid_unsafe_checkpoints()
    paces = asyncio.run(_measure())
    pairs = ((OURS, MEMORY, 0.7), (OURS, SQLITE, 4.0), (STRICT, MEMORY, 0.7), (STRICT, SQLITE, 4.0))
    return [_figure(paces, *pair) for pair in (*pairs, (NOTHING, MEMORY, None), (NOTHING, SQLITE, None))]


def _figure(paces: dict[str, list[Pace]], name: str, peer: str, reach: float | None) -> Figure:
    ratio = median_of([mine.rate / other.rate for mine, other in zip(paces[name], paces[peer], strict=True)])
    both = [
        f"{median_of([one.rate for one in paces[who]]):.0f}/s, {min(one.cpu for one in paces[who]):.2f} ms CPU"
        for who in (name, peer)
    ]
    title = f"{AT_ONCE} runs at a time, {name}"
    return Figure(title, ratio, f"x {peer}", reach, " to ".join(both), is_more_better=True)


async def _measure() -> dict[str, list[Pace]]:
    async with AsyncExitStack() as stack:
        acts = await stack.enter_async_context(_contenders())
        paces: dict[str, list[Pace]] = {name: [] for name in acts}
        for round_ in range(-1, ROUNDS):  # the first one warms up
            for name, act in acts.items():
                pace = await _pace(act, f"{name} {round_}")
                if round_ >= 0:
                    paces[name].append(pace)
        return paces


async def _pace(act: Act, label: str) -> Pace:
    threads = (f"{label} {number}" for number in itertools.count())
    begin, cpu = time.perf_counter(), time.process_time()
    left = RUNS

    async def work() -> None:
        nonlocal left
        while left > 0:
            left -= 1
            await act(next(threads))

    await asyncio.gather(*(work() for _ in range(AT_ONCE)))
    return Pace(RUNS / (time.perf_counter() - begin), (time.process_time() - cpu) / RUNS * 1000)


@asynccontextmanager
async def _contenders() -> AsyncGenerator[dict[str, Act]]:
    from langgraph.checkpoint.memory import InMemorySaver  # noqa: PLC0415 - after its settings are made
    from langgraph.checkpoint.sqlite.aio import AsyncSqliteSaver  # noqa: PLC0415

    from spec_service.storage.checkpoints import JournalSaver  # noqa: PLC0415

    with tempfile.TemporaryDirectory() as folder:
        upgrade(Path(folder, "ours.db"))
        async with (
            AsyncSqliteSaver.from_conn_string(str(Path(folder, "theirs.db"))) as sqlite,
            open_database(Path(folder, "ours.db")) as database,
        ):
            journal = SqlJournal(database)
            saver = JournalSaver(database, journal).without_results()
            yield {
                NOTHING: _act(_graph(None)),
                MEMORY: _act(_graph(InMemorySaver())),
                SQLITE: _act(_graph(sqlite)),
                OURS: _ours(_graph(saver), saver, journal),
                STRICT: _ours(_graph(saver, journal), saver, journal),
            }
            await journal.aclose()


def _act(graph: Any) -> Act:
    durability = {"durability": "sync"} if graph.checkpointer else {}

    async def act(thread: str) -> None:
        state = await graph.ainvoke({"n": 0}, {"configurable": {"thread_id": thread}}, **durability)
        assert state["n"] == NODES

    return act


def _ours(graph: Any, saver: Any, journal: SqlJournal) -> Act:
    run = _act(graph)

    async def act(thread: str) -> None:
        saver.expect(thread)  # as it learns of every run that is created
        await run(thread)
        await journal.settle(thread)
        assert not journal.is_broken

    return act


def _graph(saver: Any, journal: SqlJournal | None = None) -> Any:
    from langgraph.graph import END, START, StateGraph  # noqa: PLC0415
    from typing_extensions import TypedDict  # noqa: PLC0415

    async def node(state: dict[str, int], config: RunnableConfig) -> dict[str, int]:
        if journal is not None:
            await journal.settle(config.get("configurable", {})["thread_id"])
        return {"n": state["n"] + 1}

    graph: Any = StateGraph(TypedDict("State", {"n": int}))  # pyright: ignore[reportArgumentType]
    names = [START, *(f"node-{number}" for number in range(NODES)), END]
    for name in names[1:-1]:
        graph.add_node(name, node)
    for before, after in itertools.pairwise(names):
        graph.add_edge(before, after)
    return graph.compile(checkpointer=saver)
