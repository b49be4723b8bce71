"""Temporary directories of runs: there while they are needed, and gone afterwards, whoever made them."""

# ruff: noqa: ASYNC240, ASYNC110 - a few looks at a local disk

from __future__ import annotations

import asyncio
import shutil
from collections.abc import AsyncIterator
from contextlib import suppress
from pathlib import Path

import pytest

from workflows.hosting.temporary import PLACE, TemporaryFolders

pytestmark = pytest.mark.anyio


@pytest.fixture
async def folders() -> AsyncIterator[TemporaryFolders]:
    folders = TemporaryFolders(linger_seconds=0.05)
    yield folders
    await folders.aclose()


async def gone(path: Path) -> None:
    while path.exists():
        await asyncio.sleep(0.01)


async def test_it_lies_in_the_runs_directory_and_goes_with_all_that_is_in_it(folders, tmp_path: Path):
    async with folders.given(tmp_path) as folder:
        assert folder.is_dir()
        assert folder.is_relative_to(tmp_path / PLACE)
        (folder / "deep" / "er").mkdir(parents=True)
        (folder / "deep" / "file").write_text("x")
    await gone(tmp_path / PLACE)


async def test_all_of_one_run_share_one_and_others_have_their_own(folders, tmp_path: Path):
    async with folders.given(tmp_path / "a") as one, folders.given(tmp_path / "b") as other:
        assert one != other
        (one / "x").write_text("x")
        async with folders.given(tmp_path / "a") as same:
            assert same == one
        await asyncio.sleep(0.1)
        assert (one / "x").exists()
    async with folders.given(tmp_path / "a") as soon:
        assert (soon / "x").exists()


async def test_one_that_a_task_has_removed_is_made_again(folders, tmp_path: Path):
    async with folders.given(tmp_path) as folder:
        shutil.rmtree(folder)
        async with folders.given(tmp_path) as again:
            assert again.is_dir()


async def test_what_a_server_that_died_has_left_is_removed_by_the_next(folders, tmp_path: Path):
    left = tmp_path / PLACE / "of-another"
    left.mkdir(parents=True)
    (left / "big").write_text("x")
    async with folders.given(tmp_path) as folder:
        assert (folder.is_dir(), left.exists()) == (True, False)


async def test_closing_removes_at_once_what_lingers(tmp_path: Path):
    folders = TemporaryFolders(linger_seconds=600)
    async with folders.given(tmp_path) as folder:
        (folder / "x").write_text("x")
    assert folder.is_dir()
    await folders.aclose()
    assert not (tmp_path / PLACE).exists()


async def test_a_failure_inside_removes_it_too(folders, tmp_path: Path):
    with suppress(ValueError):
        async with folders.given(tmp_path) as folder:
            (folder / "x").write_text("x")
            raise ValueError
    await gone(tmp_path / PLACE)
