from datetime import UTC, datetime, timedelta

import pytest

from spec_service.ports import RunFilter
from spec_service.storage.journal import SqlJournal
from spec_service.storage.runs import SqlRunBoard
from workflows.errors import UnknownRun
from workflows.records import ArtifactStored, QuestionAsked, RunCreated
from workflows.run import Run, RunId, RunStatus

pytestmark = pytest.mark.anyio
NOW = datetime(2026, 3, 1, tzinfo=UTC)


@pytest.fixture
async def board(database):
    journal = SqlJournal(database)
    statuses = [RunStatus.QUEUED, RunStatus.WAITING, RunStatus.SUCCEEDED, RunStatus.FAILED]
    for number, status in enumerate(statuses):
        name, labels = "ab"[number % 2], {"n": str(number), "tier": "gold" if number else "it's; DROP"}
        made = Run(RunId(f"run-{number}"), name, number + 1, "s", "p", {}, NOW + timedelta(seconds=number), status)
        await journal.commit(RunCreated(Run(**{**{f: getattr(made, f) for f in Run.__slots__}, "labels": labels})))
    question = QuestionAsked(RunId("run-1"), "q", "ask", "v", "Go?", None, {}, (), NOW)
    await journal.commit(question, ArtifactStored(RunId("run-1"), "b", 1, "h", "text/plain", "ask", NOW))
    await journal.commit(ArtifactStored(RunId("run-1"), "a", 1, "h", "text/plain", "ask", NOW))
    yield SqlRunBoard(database)
    await journal.aclose()


def numbers(positions) -> list[str]:
    return [one.run.id.removeprefix("run-") for one in positions]


@pytest.mark.parametrize(
    ("wanted", "expected"),
    [
        (RunFilter(), "3210"),
        (RunFilter(status=RunStatus.WAITING), "1"),
        (RunFilter(spec="a"), "20"),
        (RunFilter(spec="a@r3"), "2"),
        (RunFilter(spec="a@r1x"), ""),
        (RunFilter(labels={"tier": "gold"}), "321"),
        (RunFilter(labels={"tier": "gold", "n": "2"}), "2"),
        (RunFilter(labels={"tier": "it's; DROP"}), "0"),
        (RunFilter(labels={'n"': "2"}), ""),
    ],
)
async def test_runs_are_filtered(board, wanted, expected):
    items, cursor = await board.page(wanted, None, 10)
    assert ("".join(numbers(items)), cursor) == (expected, None)


async def test_pages_go_from_new_to_old(board):
    items, cursor = await board.page(RunFilter(), None, 3)
    assert numbers(items) == ["3", "2", "1"]
    rest, end = await board.page(RunFilter(), cursor, 3)
    assert (numbers(rest), end) == (["0"], None)


async def test_unfinished_runs_come_oldest_first_with_their_questions(board):
    open_ = [status for status in RunStatus if not status.is_final]
    found = await board.unfinished(open_, None, 10)
    assert numbers(found) == ["0", "1"]
    assert [question.title for question in found[1].questions] == ["Go?"]
    assert numbers(await board.unfinished(open_, None, 1)) == ["0"]
    assert numbers(await board.unfinished(open_, found[0].run.id, 10)) == ["1"]
    assert numbers(await board.unfinished([found[1].run.status], None, 10)) == ["1"]
    assert await board.unfinished(open_, found[1].run.id, 10) == ()


async def test_artifacts_are_listed_by_path(board):
    assert [one.path for one in await board.artifacts(RunId("run-1"))] == ["a", "b"]
    with pytest.raises(UnknownRun):
        await board.artifacts(RunId("nobody"))
    with pytest.raises(UnknownRun):
        await board.get(RunId("nobody"))


async def test_counts_name_every_status(board):
    assert (await board.counts())[RunStatus.WAITING] == 1
    assert (await board.counts())[RunStatus.CANCELLED] == 0
