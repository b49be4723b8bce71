"""Commits to real bare repositories, with and without others who commit at the same time."""

import os
import stat
import threading
from dataclasses import replace

import anyio
import pytest
from dulwich.objects import Blob, Commit, Tree
from dulwich.repo import Repo

from spec_service.errors import FileMovedOn, PathNotAllowed, PublishFailed, PublishUnavailable
from spec_service.integrations.git import GitPublisher
from spec_service.integrations.publish_table import PublishTarget
from spec_service.ports import FileToCommit

pytestmark = pytest.mark.anyio
REF = b"refs/heads/main"
AUTHOR = "Server <server@example.org>"


def anything(found):
    """Let everything be replaced."""


def must_be(expected):
    def check(found):
        if found != expected:
            raise FileMovedOn("file", None, None)

    return check


def file(path="a.yaml", data=b"a: 1\n", check=anything, **fields):
    return FileToCommit(path=path, data=data, message="why", check=check, **fields)


@pytest.fixture
def bare(tmp_path):
    with Repo.init_bare(str(tmp_path / "bare.git"), mkdir=True) as repository:
        yield repository


@pytest.fixture
def target(bare):
    return PublishTarget(str(bare.path), "main", "specs", AUTHOR)


@pytest.fixture
def publisher(target, tmp_path):
    return GitPublisher(target, tmp_path / "data", {})


def commit_by_hand(repository, entries):
    """Commit a whole tree: path → (mode, bytes)."""

    def tree_of(level):
        tree = Tree()
        for name, value in level.items():
            if isinstance(value, dict):
                tree.add(name.encode(), 0o040000, tree_of(value))
            else:
                mode, data = value
                blob = Blob.from_string(data)
                repository.object_store.add_object(blob)
                tree.add(name.encode(), mode, blob.id)
        repository.object_store.add_object(tree)
        return tree.id

    commit = Commit()
    commit.tree = tree_of(entries)
    commit.parents = [repository.refs[REF]] if REF in repository.refs else []
    commit.author = commit.committer = b"Hand <hand@example.org>"
    commit.author_time = commit.commit_time = 1_700_000_000
    commit.author_timezone = commit.commit_timezone = 0
    commit.message = b"by hand\n"
    repository.object_store.add_object(commit)
    repository.refs[REF] = commit.id
    return commit.id


def files(repository):
    found = {}

    def walk(sha, path):
        for entry in repository[sha].iteritems():
            name = f"{path}/{entry.path.decode()}".strip("/")
            if stat.S_ISDIR(entry.mode):
                walk(entry.sha, name)
            else:
                found[name] = repository[entry.sha].data
        return found

    return walk(repository[repository.refs[REF]].tree, "")


def history(repository):
    return [entry.commit for entry in repository.get_walker(include=[repository.refs[REF]])]


async def test_the_first_commit_of_an_empty_repository(publisher, bare):
    done = await publisher.commit(file())

    assert (done.branch, done.path, done.is_new) == ("main", "specs/a.yaml", True)
    assert files(bare) == {"specs/a.yaml": b"a: 1\n"}
    (commit,) = history(bare)
    assert commit.id.decode() == done.commit
    assert (commit.author, commit.committer, commit.message) == (AUTHOR.encode(), AUTHOR.encode(), b"why\n")


async def test_all_else_stays_as_it_was(publisher, bare):
    by_hand = commit_by_hand(
        bare,
        {
            "run.sh": (0o100755, b"#!"),
            "link": (0o120000, b"run.sh"),
            "specs": {"b.yaml": (0o100644, b"b"), "x": {"c": (0o100644, b"c")}},
        },
    )
    done = await publisher.commit(file("x/new/a.yaml", author="Ann <ann@example.org>"))

    assert files(bare) == {
        "run.sh": b"#!",
        "link": b"run.sh",
        "specs/b.yaml": b"b",
        "specs/x/c": b"c",
        "specs/x/new/a.yaml": b"a: 1\n",
    }
    newest = bare[done.commit.encode()]
    assert newest.parents == [by_hand]
    assert (newest.author, newest.committer) == (b"Ann <ann@example.org>", AUTHOR.encode())
    assert bare[newest.tree][b"run.sh"][0] == 0o100755
    assert bare[newest.tree][b"link"][0] == 0o120000


async def test_the_same_text_makes_no_commit(publisher, bare):
    first = await publisher.commit(file())
    again = await publisher.commit(file(check=must_be(b"never asked")))
    assert (again.commit, again.is_new) == (first.commit, False)
    assert len(history(bare)) == 1


async def test_the_check_sees_what_is_there_now(publisher, bare):
    await publisher.commit(file(check=must_be(None)))
    await publisher.commit(file(data=b"a: 2\n", check=must_be(b"a: 1\n")))
    commit_by_hand(bare, {"specs": {"a.yaml": (0o100644, b"a: 3\n")}})
    with pytest.raises(FileMovedOn):
        await publisher.commit(file(data=b"a: 4\n", check=must_be(b"a: 2\n")))
    assert files(bare) == {"specs/a.yaml": b"a: 3\n"}
    assert len(history(bare)) == 3


@pytest.mark.parametrize(
    ("entries", "path"),
    [
        ({"specs": (0o120000, b"/etc")}, "a.yaml"),
        ({"specs": {"a.yaml": (0o120000, b"/etc/passwd")}}, "a.yaml"),
        ({"specs": {"x": (0o120000, b"..")}}, "x/a.yaml"),
        ({"specs": {"x": (0o100644, b"a file")}}, "x/a.yaml"),
        ({"specs": {"a.yaml": {"b": (0o100644, b"in a folder")}}}, "a.yaml"),
    ],
)
async def test_nothing_is_written_through_links_or_over_folders(publisher, bare, entries, path):
    head = commit_by_hand(bare, entries)
    with pytest.raises(PathNotAllowed):
        await publisher.commit(file(path))
    assert bare.refs[REF] == head


async def test_no_hook_runs(publisher, bare, tmp_path):
    hooks = tmp_path / "bare.git" / "hooks"
    hooks.mkdir(exist_ok=True)
    for name in ("pre-receive", "update", "post-receive", "post-update", "pre-commit", "commit-msg", "pre-push"):
        hook = hooks / name
        hook.write_text(f"#!/bin/sh\ntouch {tmp_path}/ran\nexit 1\n")
        hook.chmod(0o755)
    await publisher.commit(file())
    assert files(bare) == {"specs/a.yaml": b"a: 1\n"}
    assert not (tmp_path / "ran").exists()


async def test_two_publishers_lose_nothing_of_different_files(target, bare, tmp_path):
    publishers = [GitPublisher(target, tmp_path / name, {}) for name in ("one", "two")]
    async with anyio.create_task_group() as group:
        for number in range(6):
            for at, one in enumerate(publishers):
                group.start_soon(one.commit, file(f"f{at}-{number}.yaml", f"{at}: {number}\n".encode()))

    assert files(bare) == {f"specs/f{at}-{n}.yaml": f"{at}: {n}\n".encode() for at in (0, 1) for n in range(6)}
    commits = history(bare)
    assert len(commits) == 12
    assert all(len(one.parents) <= 1 for one in commits)


async def test_of_two_who_change_one_file_at_once_one_wins(target, bare, tmp_path):
    publishers = [GitPublisher(target, tmp_path / name, {}) for name in ("one", "two")]
    await publishers[0].commit(file(data=b"base\n"))
    meeting = threading.Barrier(2, timeout=10)
    outcomes = []

    def check(found):
        if not outcomes and meeting.n_waiting < 2 and found == b"base\n":
            meeting.wait()  # both have seen the base before either of them pushes
        must_be(b"base\n")(found)

    async def publish(one, data):
        try:
            outcomes.append((await one.commit(file(data=data, check=check))).commit)
        except FileMovedOn:
            outcomes.append("moved on")

    async with anyio.create_task_group() as group:
        group.start_soon(publish, publishers[0], b"one\n")
        group.start_soon(publish, publishers[1], b"two\n")

    assert outcomes.count("moved on") == 1
    assert files(bare)["specs/a.yaml"] in (b"one\n", b"two\n")
    assert len(history(bare)) == 2


async def test_a_copy_that_was_cut_off_is_made_anew(publisher, bare, tmp_path):
    await publisher.commit(file())
    (copy,) = (tmp_path / "data").iterdir()
    for pack in copy.rglob("*"):
        if pack.is_file() and "objects" in pack.parts:
            pack.chmod(0o644)
            pack.unlink()
    commit_by_hand(bare, {"specs": {"b.yaml": (0o100644, b"b")}})
    await publisher.commit(file())
    assert files(bare) == {"specs/a.yaml": b"a: 1\n", "specs/b.yaml": b"b"}


async def test_no_repository_no_branch_and_a_branch_in_use(target, bare, tmp_path):
    with pytest.raises(PublishFailed, match="no repository"):
        await GitPublisher(replace(target, repository=str(tmp_path / "gone")), tmp_path / "d", {}).commit(file())

    commit_by_hand(bare, {"x": (0o100644, b"x")})
    with pytest.raises(PublishUnavailable, match="no branch other"):
        await GitPublisher(replace(target, branch="other"), tmp_path / "d", {}).commit(file())

    with Repo.init(str(tmp_path / "worked-in"), mkdir=True, default_branch=b"main") as worked_in:
        pass
    with pytest.raises(PublishUnavailable, match="checked out"):
        await GitPublisher(replace(target, repository=worked_in.path), tmp_path / "d", {}).commit(file())


@pytest.mark.skipif(os.geteuid() == 0, reason="nothing is forbidden to root")
async def test_a_repository_that_cannot_be_written_is_told(publisher, bare, tmp_path):
    commit_by_hand(bare, {"x": (0o100644, b"x")})
    objects = tmp_path / "bare.git" / "objects"
    for folder in [objects, *objects.rglob("*")]:
        if folder.is_dir():
            folder.chmod(0o500)
    try:
        with pytest.raises(PublishFailed, match="cannot be written"):
            await publisher.commit(file())
    finally:
        for folder in [objects, *objects.rglob("*")]:
            if folder.is_dir():
                folder.chmod(0o700)
