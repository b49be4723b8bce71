"""Checkpoints of a whole service under a key: what is in the file, and what another key is told at the start."""

import base64
import logging
import sqlite3

import anyio
import pytest

from spec_service.bootstrap import open_services
from spec_service.operations.create_spec import create_spec
from spec_service.operations.execute_spec import execute_spec
from spec_service.operations.get_run import get_run
from spec_service.operations.resume_run import resume_run
from spec_service.requests import ExecuteRequest, ResumeRequest
from spec_service.settings import Settings
from spec_service.storage.sealing import CheckpointUnreadable

pytestmark = pytest.mark.anyio
SPEC = b"""apiVersion: specloom/v1
kind: Workflow
metadata: {name: ask}
state: {word: {type: string, default: ""}}
start: first
nodes:
  first: {set: {word: kept}, next: ask}
  ask: {human: {title: Go on?}, next: end}
outputs: {word: "${ state.word }"}
"""
OLD, NEW = (base64.b64encode(bytes([number]) * 32).decode() for number in (1, 2))


async def test_a_waiting_run_goes_on_under_a_rotated_key_and_not_under_another(tmp_path, caplog):
    caplog.set_level(logging.DEBUG)
    data = tmp_path / "data"
    async with open_services(Settings(data=data, checkpoint_key=OLD)) as services:
        await create_spec(services, SPEC, "yaml")
        run = (await execute_spec(services, "ask", ExecuteRequest(), wait=30)).run
        assert run.status == "waiting"
    for keys in (None, NEW):
        with pytest.raises(CheckpointUnreadable, match="unfinished runs cannot go on"):
            async with open_services(Settings(data=data, checkpoint_key=keys)):
                pytest.fail("it was opened")
    file = tmp_path / "keys"
    file.write_text(f"{NEW}\n{OLD}\n")
    async with open_services(Settings(data=data, checkpoint_key_file=file)) as services:
        await resume_run(services, run.id, ResumeRequest(answer={}))
        with anyio.fail_after(30):
            while (ended := await get_run(services, run.id)).status != "succeeded":  # noqa: ASYNC110 - asks like a client
                await anyio.sleep(0.02)
        assert ended.outputs == {"word": "kept"}
    connection = sqlite3.connect(data / "specloom.db")
    ids = [row[0] for row in connection.execute("SELECT key_id FROM checkpoint ORDER BY id")]
    connection.close()
    assert None not in ids
    assert ids[0] != ids[-1]
    assert OLD not in caplog.text
    assert NEW not in caplog.text
