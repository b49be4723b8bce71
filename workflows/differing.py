"""Where a replay and its recording differ, step by step, and what of the records does not fit together."""

from __future__ import annotations

import hashlib
import json
from collections.abc import AsyncIterator, Iterator, Mapping
from typing import Any

from workflows.errors import UnknownArtifact
from workflows.expecting import same
from workflows.luigi.expansion import Expansion
from workflows.ports import ArtifactStore
from workflows.recalling import Recording, is_item
from workflows.records import StepExecution, StepStatus
from workflows.replay_report import Difference, What
from workflows.replaying import Replayed
from workflows.run import RunError, RunStatus

Json = Any
_UNFINISHED = frozenset({StepStatus.RUNNING, StepStatus.CANCELLED, StepStatus.CRASHED})


def differences(recording: Recording, replayed: Replayed) -> list[Difference]:
    """Return all differences, in the order of the replay, what was not reached and the run itself last."""
    return [
        *(one for key, row in replayed.rows.items() for one in _of_row(recording, replayed, key, row)),
        *_unreached(recording, replayed),
        *_of_run(recording, replayed),
    ]


def _of_row(
    recording: Recording, replayed: Replayed, key: tuple[str, str, str], row: StepExecution
) -> Iterator[Difference]:
    found = replayed.matches.get(key)
    item = int(row.task[1:]) if is_item(row.task) else None
    if found is None:
        if not _stands(recording, replayed, row):
            yield Difference(row.step, 1, item, "unrecorded", None, _status(row))
        return
    visit = recording.ordinal(found) + 1
    compared: dict[What, tuple[Json, Json]] = {
        "status": (_status(found), _status(row)),
        "goto": (found.goto, row.goto),
        "saves": (found.saves or {}, row.saves or {}),
        "result": (_measured(found.result), _measured(row.result)),
        "error": (_error(found), _error(row)),
    }
    for what, (old, new) in compared.items():
        if old is not new and not same(_plain(old), _plain(new)):
            yield Difference(row.step, visit, item, what, old, new)
            if what == "status":
                return


def _stands(recording: Recording, replayed: Replayed, row: StepExecution) -> bool:
    """Tell whether a step without a record is where the run itself stood when it was stopped or left."""
    ended_by_itself = recording.history.run.status in {RunStatus.SUCCEEDED, RunStatus.FAILED}
    return not ended_by_itself and row.status in _UNFINISHED and replayed.status is None


def _status(row: StepExecution) -> str:
    """Return how a step ended: not at all, for what was stopped or could not begin, since that is a matter of time."""
    if row.status in _UNFINISHED or (row.status is StepStatus.SKIPPED and row.error):
        return "unfinished"
    return "caught" if row.is_caught else row.status.value


def _measured(kept: Json) -> Json:
    """Return what tells one result from another: the value, or how large its file is and what its digest is."""
    return {name: kept.get(name) for name in ("bytes", "sha256")} if kept and "artifact" in kept else kept


def _error(row: StepExecution) -> Json:
    return _of_error(row.error) if row.status is StepStatus.FAILED else None


def _of_error(error: RunError | None) -> Json:
    return {"name": error.name, "message": error.message, "node": error.node} if error else None


def _plain(value: Json) -> Json:
    """Return a value as a row gives it back."""
    return value if isinstance(value, str | None) else json.loads(json.dumps(value))


def _unreached(recording: Recording, replayed: Replayed) -> Iterator[Difference]:
    reached = {(one.step, one.visit, one.task) for one in replayed.matches.values()}
    for key, one in recording.rows.items():
        if key in reached or (one.task and not is_item(one.task)) or _status(one) in {"unfinished", "skipped"}:
            continue
        item = int(one.task[1:]) if one.task else None
        yield Difference(one.step, recording.ordinal(one) + 1, item, "unreached", _status(one), None)


def _of_run(recording: Recording, replayed: Replayed) -> Iterator[Difference]:
    run = recording.history.run
    if replayed.status is None and (run.status is not RunStatus.SUCCEEDED and not _failed_in_a_step(recording)):
        return  # it was stopped there, or stands there
    status = replayed.status.value if replayed.status else "stopped"
    if status != run.status.value:
        yield Difference("", 1, None, "status", run.status.value, status)
    elif not same(_plain(run.outputs), _plain(replayed.outputs)):
        yield Difference("", 1, None, "outputs", run.outputs, replayed.outputs)
    elif not same(_of_error(run.error), _of_error(replayed.error)):
        yield Difference("", 1, None, "error", _of_error(run.error), _of_error(replayed.error))


def _failed_in_a_step(recording: Recording) -> bool:
    """Tell whether the failure of a recorded step ended the run; else it was stopped by its time, or by the server."""
    run = recording.history.run
    if run.status is not RunStatus.FAILED or run.error is None:
        return False
    failed = [one for one in recording.rows.values() if one.status is StepStatus.FAILED and one.error]
    return any(
        one.error and (one.error.name, one.error.message) == (run.error.name, run.error.message) for one in failed
    )


# --- records that must agree ---------------------------------------------------------------------------------------


async def disagreements(recording: Recording, artifacts: ArtifactStore) -> list[Difference]:
    """Return what of the records themselves does not fit together: answers, expansions, results that lie in files."""
    return [*_answers(recording), *_expansions(recording), *[one async for one in _files(recording, artifacts)]]


def _answers(recording: Recording) -> Iterator[Difference]:
    given = {(one.step, one.visit): one for one in recording.history.questions if one.kind == "person"}
    for one in recording.rows.values():
        found = recording.places.of(one.step)
        question = given.get((one.step, f"{one.visit}{one.task}"))
        if found is None or question is None or found[1].verb != "human" or one.status is not StepStatus.SUCCEEDED:
            continue
        kept: Mapping[str, Json] = one.result or {}
        if "value" in kept and not same(_plain(question.answer), _plain(kept["value"])):
            item = int(one.task[1:]) if one.task else None
            yield Difference(one.step, recording.ordinal(one) + 1, item, "records", kept["value"], question.answer)


def _expansions(recording: Recording) -> Iterator[Difference]:
    for one in recording.history.expansions:
        expansion = Expansion.from_json(one.body)
        digest = Expansion.of(expansion.tasks, expansion.root).digest
        if digest != one.digest:
            yield Difference(one.step, 1, None, "records", one.digest, digest)


async def _files(recording: Recording, artifacts: ArtifactStore) -> AsyncIterator[Difference]:
    for one in recording.rows.values():
        kept: Mapping[str, Json] = one.result or {}
        if "artifact" not in kept:
            continue
        try:
            digest = hashlib.sha256(await artifacts.read(kept["artifact"])).hexdigest()
        except UnknownArtifact:
            digest = None
        if digest != kept.get("sha256"):
            yield Difference(one.step, recording.ordinal(one) + 1, None, "records", kept.get("sha256"), digest)
