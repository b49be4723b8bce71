"""The exam of checkpoint savers: LangGraph's own for SQLite, and ours that the journal writes."""

import aiosqlite
import pytest
from langgraph.checkpoint.base import empty_checkpoint
from langgraph.checkpoint.serde.jsonplus import JsonPlusSerializer
from langgraph.checkpoint.sqlite.aio import AsyncSqliteSaver
from langgraph.graph import END, START, StateGraph
from langgraph.types import Command, interrupt
from typing_extensions import TypedDict

from spec_service.storage.aes_sealing import AesSealer
from spec_service.storage.checkpoint_board import SaverCheckpoints
from spec_service.storage.checkpoints import JournalSaver
from spec_service.storage.database import open_database
from spec_service.storage.journal import SqlJournal
from spec_service.storage.migrating import upgrade
from workflows.run import RunId

pytestmark = pytest.mark.anyio
CONFIG = {"configurable": {"thread_id": "run-1", "checkpoint_ns": ""}}


@pytest.fixture(params=["langgraph", "journal", "sealed", "without-results"])
async def saver(request, tmp_path):
    path = tmp_path / "exam.db"
    if request.param == "langgraph":
        async with aiosqlite.connect(path) as connection:
            yield AsyncSqliteSaver(connection, serde=JsonPlusSerializer(allowed_msgpack_modules=None))
        return
    upgrade(path)
    async with open_database(path) as database:
        journal = SqlJournal(database)
        made = JournalSaver(database, journal, AesSealer((bytes(32),)) if request.param == "sealed" else None)
        yield made.without_results() if request.param == "without-results" else made
        await journal.aclose()


class State(TypedDict, total=False):
    said: str
    answer: str


def graph(saver):
    def ask(_state):
        return {"answer": interrupt({"title": "Go?"})}

    builder = StateGraph(State)
    builder.add_node("say", lambda _state: {"said": "ü"})
    builder.add_node("ask", ask)
    builder.add_edge(START, "say")
    builder.add_edge("say", "ask")
    builder.add_edge("ask", END)
    return builder.compile(checkpointer=saver)


async def test_an_interrupted_graph_goes_on_from_its_checkpoint(saver):
    await graph(saver).ainvoke({}, CONFIG, durability="sync")
    state = await graph(saver).aget_state(CONFIG)
    assert state.next == ("ask",)
    assert [one.value for one in state.interrupts] == [{"title": "Go?"}]
    result = await graph(saver).ainvoke(Command(resume="yes"), CONFIG, durability="sync")
    assert (result["said"], result["answer"]) == ("ü", "yes")
    steps = [one.metadata["step"] async for one in saver.alist(CONFIG)]
    assert steps == [2, 1, 0, -1]


async def test_writes_come_back_with_their_checkpoint(saver, request):
    if "without-results" in request.node.name:
        pytest.skip("it does not keep them, on purpose")
    checkpoint = empty_checkpoint()
    placed = await saver.aput(CONFIG, checkpoint, {"source": "input", "step": -1, "parents": {}}, {})
    await saver.aput_writes(placed, [("a", 1), ("b", {"x": [None]})], "task-1")
    await saver.aput_writes(placed, [("a", 2)], "task-1")
    await saver.aput_writes(placed, [("__error__", "old")], "task-1")
    await saver.aput_writes(placed, [("__error__", "new")], "task-1")
    found = await saver.aget_tuple(CONFIG)
    assert found.checkpoint["id"] == checkpoint["id"]
    assert sorted(found.pending_writes) == [
        ("task-1", "__error__", "new"),
        ("task-1", "a", 1),
        ("task-1", "b", {"x": [None]}),
    ]


async def test_threads_do_not_see_each_other(saver):
    await graph(saver).ainvoke({}, CONFIG, durability="sync")
    assert await saver.aget_tuple({"configurable": {"thread_id": "run-2", "checkpoint_ns": ""}}) is None


async def test_callers_are_shown_notes_in_pages(saver):
    await graph(saver).ainvoke({}, CONFIG, durability="sync")
    board = SaverCheckpoints(saver)
    items, cursor = await board.page(RunId("run-1"), None, 2)
    rest, end = await board.page(RunId("run-1"), cursor, 2)
    assert [one.step for one in (*items, *rest)] == [1, 0, -1]
    assert end is None
    assert items[0].parent == items[1].id
    assert (await board.values(RunId("run-1")))[1] == items[0]
    assert await board.values(RunId("nobody")) is None
