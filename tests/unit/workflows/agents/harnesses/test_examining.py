"""The exam: the reference harness passes it, and bad ones fail where they are bad."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from tests.unit.workflows.agents.harnesses.conftest import Desk
from workflows.agents.harnesses import reference_harness
from workflows.agents.harnesses.examining import examine
from workflows.agents.harnesses.harness import Harness
from workflows.agents.harnesses.local_processes import LocalProcesses

pytestmark = pytest.mark.anyio


async def test_the_reference_harness_passes(desk: Desk):
    harness = Harness("reference", command=(sys.executable, str(Path(reference_harness.__file__))))
    answers = await examine(LocalProcesses(desk.pool), harness)
    assert [(one.question, one.note) for one in answers if one.mark != "passed"] == []


async def test_one_that_talks_nonsense_fails(desk: Desk):
    answers = await examine(LocalProcesses(desk.pool), desk.harness("print('hello')"))
    marks = {one.question: one.mark for one in answers}
    assert marks["takes a task, gives a result and ends with exit code 0"] == "failed"
    assert marks["comes to an end when a tool fails"] == "failed"
    assert marks["reports what it used"] == "not shown"
    assert "'hello'" in answers[0].note


async def test_one_that_gives_bare_results_passes_what_it_must(desk: Desk):
    answers = await examine(LocalProcesses(desk.pool), desk.harness("say(type='result', result={})"))
    assert {one.mark for one in answers} == {"passed", "not shown"}
