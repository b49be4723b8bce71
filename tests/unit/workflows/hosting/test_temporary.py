"""Temporary directories of runs: there while they are needed, and gone afterwards, whoever made them."""

from __future__ import annotations

from contextlib import suppress
from pathlib import Path

import pytest

from workflows.hosting.temporary import PLACE, TemporaryFolders

pytestmark = pytest.mark.anyio


async def test_it_lies_in_the_runs_directory_and_goes_with_all_that_is_in_it(tmp_path: Path):
    async with TemporaryFolders().given(tmp_path) as folder:
        assert folder.is_dir()
        assert folder.is_relative_to(tmp_path / PLACE)
        (folder / "deep" / "er").mkdir(parents=True)
        (folder / "deep" / "file").write_text("x")
    assert not (tmp_path / PLACE).exists()


async def test_several_of_one_run_are_apart_and_end_one_by_one(tmp_path: Path):
    folders = TemporaryFolders()
    async with folders.given(tmp_path) as one:
        async with folders.given(tmp_path) as other:
            assert one != other
        assert (one.is_dir(), other.exists()) == (True, False)
        (one / "x").write_text("still mine")


async def test_what_a_server_that_died_has_left_is_removed_by_the_next(tmp_path: Path):
    dead = TemporaryFolders().given(tmp_path)
    left = await dead.__aenter__()
    (left / "big").write_text("x")
    async with TemporaryFolders().given(tmp_path) as folder:
        assert (folder.is_dir(), left.exists()) == (True, False)
    assert not (tmp_path / PLACE).exists()


async def test_a_failure_inside_removes_it_too(tmp_path: Path):
    with suppress(ValueError):
        async with TemporaryFolders().given(tmp_path) as folder:
            (folder / "x").write_text("x")
            raise ValueError
    assert not (tmp_path / PLACE).exists()
