"""Our saver beyond LangGraph's exam: strictness, encryption at rest, memory, and what is not kept on purpose."""

import sqlite3

import ormsgpack
import pytest
from langgraph.checkpoint.base import empty_checkpoint

from spec_service.storage.aes_sealing import AesSealer
from spec_service.storage.checkpoint_keys import open_sealer
from spec_service.storage.checkpoints import JournalSaver
from spec_service.storage.sealing import CheckpointUnreadable
from workflows.errors import WorkflowError
from workflows.records import RunCreated

pytestmark = pytest.mark.anyio
KEY, OTHER = bytes(range(32)), bytes(32)
CONFIG = {"configurable": {"thread_id": "run", "checkpoint_ns": ""}}
NOTE = {"source": "input", "step": -1, "parents": {}}


@pytest.fixture
def saver(database, journal):
    return JournalSaver(database, journal)


@pytest.fixture
def sealed(database, journal):
    return JournalSaver(database, journal, AesSealer((KEY,)))


def holding(value):
    return {**empty_checkpoint(), "channel_values": {"state.word": value}}


def execute(database, sql, *values):
    connection = sqlite3.connect(database.path)
    with connection:
        connection.execute(sql, values)
    connection.close()


async def test_a_row_that_names_code_is_not_executed(saver, journal, database, tmp_path):
    await saver.aput(CONFIG, holding("x"), NOTE, {})
    await journal.settle("run")
    target = tmp_path / "made-by-a-row"
    evil = ormsgpack.Ext(0, ormsgpack.packb(("os", "mkdir", str(target))))
    content = ormsgpack.packb({**holding("x"), "channel_values": {"state.word": evil}})
    execute(database, "UPDATE checkpoint SET content = ?", content)
    found = await saver.aget_tuple(CONFIG)
    assert not target.exists()
    assert found.checkpoint["channel_values"]["state.word"] != "x"


@pytest.mark.parametrize("format_", ["pickle", "json", "yaml"])
async def test_a_format_that_is_never_written_is_refused(format_, saver, journal, database):
    await saver.aput(CONFIG, holding("x"), NOTE, {})
    await journal.settle("run")
    execute(database, "UPDATE checkpoint SET format = ?", format_)
    with pytest.raises(CheckpointUnreadable, match="never written here"):
        await saver.aget_tuple(CONFIG)


@pytest.mark.parametrize("column", ["content", "details"])
async def test_damaged_bytes_are_refused_by_name(column, saver, journal, database):
    await saver.aput(CONFIG, holding("x"), NOTE, {})
    await journal.settle("run")
    execute(database, f"UPDATE checkpoint SET {column} = ?", b"\xc1\x00")  # noqa: S608
    with pytest.raises(WorkflowError, match="damaged") as told:
        await saver.aget_tuple(CONFIG)
    assert told.value.name == "checkpoint-unreadable"


async def test_a_filter_is_compared_and_never_part_of_a_statement(saver):
    await saver.aput(CONFIG, holding("x"), {**NOTE, "it's": 1}, {})
    for wanted, count in (({"it's": 1}, 1), ({"it's": 2}, 0), ({"') OR 1=1 --": 1}, 0), ({"source": "input"}, 1)):
        assert len([one async for one in saver.alist(CONFIG, filter=wanted)]) == count


async def test_long_lists_are_read_in_pages(saver):
    config = CONFIG
    for step in range(230):
        config = await saver.aput(config, empty_checkpoint(), {**NOTE, "step": step}, {})
    found = [one.metadata["step"] async for one in saver.alist(CONFIG)]
    assert found == list(reversed(range(230)))
    assert [one.metadata["step"] async for one in saver.alist(None, limit=3)] == [229, 228, 227]


async def test_nothing_of_a_sealed_checkpoint_is_readable_in_the_file(sealed, journal, database):
    config = await sealed.aput(CONFIG, holding("plain-as-day"), {**NOTE, "who": "plain-as-day"}, {})
    await sealed.aput_writes(config, [("state.word", "plain-as-day")], "task")
    await journal.settle("run")
    files = [one for one in database.path.parent.iterdir() if one.name.startswith(database.path.name)]
    assert not any(b"plain-as-day" in one.read_bytes() for one in files)
    found = await sealed.aget_tuple(CONFIG)
    assert found.checkpoint["channel_values"] == {"state.word": "plain-as-day"}
    assert found.metadata["who"] == "plain-as-day"
    assert found.pending_writes == [("task", "state.word", "plain-as-day")]


@pytest.mark.parametrize("table", ["checkpoint", "checkpoint_write"])
async def test_what_was_sealed_for_one_thread_is_refused_in_another(table, sealed, database):
    config = await sealed.aput(CONFIG, holding("x"), NOTE, {})
    await sealed.aput_writes(config, [("ch", 1)], "task")
    other = {"configurable": {**config["configurable"], "thread_id": "other"}}
    await sealed.acopy_thread("run", "other")
    assert await sealed.aget_tuple(other) is not None
    moved = "UPDATE {0} SET content = (SELECT content FROM {0} WHERE thread_id = 'run') WHERE thread_id = 'other'"
    execute(database, moved.format(table))
    with pytest.raises(CheckpointUnreadable, match="changed, or moved"):
        await sealed.aget_tuple(other)


async def test_plain_rows_are_refused_where_a_key_is_configured(saver, sealed):
    await saver.aput(CONFIG, holding("x"), NOTE, {})
    with pytest.raises(CheckpointUnreadable, match="not encrypted"):
        await sealed.aget_tuple(CONFIG)


async def test_keys_rotate(sealed, database, journal):
    await sealed.aput(CONFIG, holding("x"), NOTE, {})
    rotated = JournalSaver(database, journal, AesSealer((OTHER, KEY)))
    assert (await rotated.aget_tuple(CONFIG)).checkpoint["channel_values"] == {"state.word": "x"}
    await rotated.acopy_thread("run", "run")  # seals it anew
    newer = JournalSaver(database, journal, AesSealer((OTHER,)))
    assert (await newer.aget_tuple(CONFIG)).checkpoint["channel_values"] == {"state.word": "x"}


async def test_a_server_does_not_start_with_keys_that_its_unfinished_runs_cannot_use(
    sealed, journal, database, tmp_path, new_run
):
    assert (await open_sealer(database, None, None)).key_id is None
    await journal.commit(RunCreated(new_run("run")))
    await sealed.aput(CONFIG, holding("x"), NOTE, {})
    await journal.settle("run")
    with pytest.raises(CheckpointUnreadable, match="no key is configured"):
        await open_sealer(database, None, None)
    file = tmp_path / "keys"
    file.write_text("A" * 43 + "=\n")
    with pytest.raises(CheckpointUnreadable, match="which is not configured") as told:
        await open_sealer(database, None, file)
    assert "A" * 8 not in str(told.value)


async def test_a_new_run_is_known_to_have_no_checkpoint_and_takes_no_read(saver, journal, database, new_run):
    journal.observe(saver.observe)
    await journal.commit(RunCreated(new_run("run")))
    reads = counted(database)
    assert await saver.aget_tuple(CONFIG) is None
    placed = await saver.aput(CONFIG, holding("x"), NOTE, {})
    await saver.aput_writes(placed, [("__interrupt__", "?")], "task")
    found = await saver.aget_tuple(CONFIG)
    assert reads == []
    assert found == await JournalSaver(database, journal).aget_tuple(CONFIG)


async def test_a_run_that_is_being_created_is_not_waited_for_and_what_it_puts_meanwhile_counts(
    saver, journal, database, new_run
):
    journal.observe(saver.observe)
    reads = counted(database)
    journal.append(RunCreated(new_run("run")))
    assert await saver.aget_tuple(CONFIG) is None
    await saver.aput(CONFIG, holding("x"), NOTE, {})
    await journal.settle("run")
    assert (await saver.aget_tuple(CONFIG)).checkpoint["channel_values"] == {"state.word": "x"}
    assert reads == []


async def test_a_thread_that_was_read_is_not_read_again(saver, database, journal):
    await saver.aput(CONFIG, holding("x"), NOTE, {})
    reads = counted(database)
    fresh = JournalSaver(database, journal)
    assert await fresh.aget_tuple(CONFIG) == await fresh.aget_tuple(CONFIG)
    assert len(reads) == 1


async def test_a_value_from_memory_is_the_callers_own(saver):
    saver.expect("run")
    await saver.aput(CONFIG, holding(["x"]), NOTE, {})
    (await saver.aget_tuple(CONFIG)).checkpoint["channel_values"]["state.word"].append("y")
    assert (await saver.aget_tuple(CONFIG)).checkpoint["channel_values"]["state.word"] == ["x"]


async def test_results_of_tasks_may_be_left_out_but_never_interrupts_answers_and_errors(saver):
    lean = saver.without_results()
    placed = await lean.aput(CONFIG, holding("x"), NOTE, {})
    await lean.aput_writes(placed, [("state.word", 1), ("branch:to:next", None)], "task")
    await lean.aput_writes(placed, [("__no_writes__", None)], "other")
    assert (await lean.aget_tuple(CONFIG)).pending_writes == []
    kept = [("__interrupt__", "?"), ("__resume__", "!"), ("__error__", "no"), ("__pregel_tasks", 1)]
    for number, one in enumerate(kept):
        await lean.aput_writes(placed, [one, ("state.word", 1)], f"task-{number}")
    await lean.aput_writes(placed, [("state.word", 2)], "00000000-0000-0000-0000-000000000000")
    assert len((await lean.aget_tuple(CONFIG)).pending_writes) == 2 * len(kept) + 1


async def test_removing_everything_of_a_thread_is_seen_at_once(saver):
    saver.expect("run")
    await saver.aput(CONFIG, holding("x"), NOTE, {})
    await saver.adelete_thread("run")
    assert await saver.aget_tuple(CONFIG) is None
    with pytest.raises(ValueError, match="strategy"):
        await saver.aprune(["run"], strategy="perhaps")


def counted(database):
    reads, read = [], database.read

    async def counting(work):
        reads.append(work)
        return await read(work)

    database.read = counting
    return reads
