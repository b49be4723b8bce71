import asyncio
from datetime import UTC, datetime

import pytest

from spec_service.errors import BadCursor, UnknownSpec, VersionExists
from spec_service.ports import NewSpec
from spec_service.storage.specs import SqlSpecStore

pytestmark = pytest.mark.anyio
NOW = datetime(2026, 3, 1, tzinfo=UTC)


def spec(name="a", version="1.0.0", digest="d1", **changes) -> NewSpec:
    return NewSpec(**{
        "name": name, "version": version, "digest": digest, "text": f"text of {digest}", "media_type": "yaml",
        "at": NOW, **changes,
    })  # fmt: skip


@pytest.fixture
def store(database):
    return SqlSpecStore(database)


async def test_the_same_digest_keeps_its_revision_and_takes_new_words(store):
    first, is_new = await store.put(spec(description="old", labels={"x": "1"}))
    again, is_new_again = await store.put(spec(description="new", labels={"y": "2"}, text="other comment"))
    assert (is_new, is_new_again) == (True, False)
    assert (again.id, again.created_at) == (first.id, first.created_at)
    assert (again.description, again.labels, again.text) == ("new", {"y": "2"}, "other comment")


async def test_an_older_digest_becomes_current_again(store):
    await store.put(spec(version="1.0.0", digest="d1"))
    await store.put(spec(version="1.1.0", digest="d2"))
    assert (await store.get("a")).revision == 2
    await store.put(spec(version="1.0.0", digest="d1"))
    assert (await store.get("a")).revision == 1
    assert (await store.put(spec(version=None, digest="d3")))[0].revision == 3


async def test_a_declared_version_is_taken_once(store):
    await store.put(spec())
    with pytest.raises(VersionExists):
        await store.put(spec(digest="d2"))
    assert (await store.get("a")).digest == "d1"
    assert (await store.put(spec(name="b", digest="d2")))[1]


async def test_specs_without_a_version_are_told_apart_by_revision(store):
    await store.put(spec(version=None, digest="d1"))
    await store.put(spec(version=None, digest="d2"))
    assert [(await store.get(one)).digest for one in ("a", "a@r1", "a@r2")] == ["d2", "d1", "d2"]


async def test_a_spec_is_found_by_every_kind_of_id(store):
    digest = "sha256:" + "a" * 64
    stored, _ = await store.put(spec(digest=digest))
    for spec_id in ("a", "a@1.0.0", "a@r1", digest, "a" * 64):
        assert (await store.get(spec_id)) == stored


@pytest.mark.parametrize(
    "spec_id", ["", "b", "a@", "a@r0", "a@r2", "a@2.0.0", "@r1", "f" * 64, "a@r99999999999", "x" * 9999]
)
async def test_other_ids_are_unknown(store, spec_id):
    await store.put(spec())
    with pytest.raises(UnknownSpec):
        await store.get(spec_id)


async def test_pages_hold_the_current_revisions_by_name(store):
    for number, name in enumerate("cab"):
        await store.put(spec(name=name, digest=f"x{number}"))
    items, cursor = await store.page(None, 2)
    assert [one.name for one in items] == ["a", "b"]
    rest, end = await store.page(cursor, 2)
    assert ([one.name for one in rest], end) == (["c"], None)


@pytest.mark.parametrize("cursor", ["", "%%%", "bm90IGpzb24", "MTI", "x" * 9999])
async def test_a_cursor_that_nobody_gave_is_refused(store, cursor):
    with pytest.raises(BadCursor):
        await store.page(cursor, 2)


async def test_the_revisions_of_a_name_begin_with_the_current_one(store):
    for version, digest in (("1.0.0", "d1"), (None, "d2"), ("1.1.0", "d3"), (None, "d2")):
        await store.put(spec(version=version, digest=digest))
    found = await store.revisions("a")
    assert [(one.revision, one.version, one.digest) for one in found] == [
        (2, None, "d2"),
        (3, "1.1.0", "d3"),
        (1, "1.0.0", "d1"),
    ]
    await store.retire("a", NOW)
    assert await store.revisions("a") == ()
    assert await store.revisions("b") == ()


async def test_what_was_read_is_read_again_after_each_change(store):
    await store.put(spec(description="old"))
    assert (await store.get("a")).description == "old"
    await store.put(spec(description="new"))
    assert (await store.get("a")).description == (await store.get("a@r1")).description == "new"
    await store.retire("a", NOW)
    assert (await store.get("a")).retired_at == NOW


async def test_a_read_that_a_change_overtook_is_not_kept(store):
    await store.put(spec(description="old"))
    writing = asyncio.create_task(store.put(spec(description="new")))
    found = [asyncio.create_task(store.get("a")) for _ in range(20)]
    await asyncio.sleep(0)
    writing.cancel()  # it is written all the same
    await asyncio.gather(*found)
    for _ in range(200):
        if (await store.get("a")).description == "new":
            break
        await asyncio.sleep(0.01)
    assert (await store.get("a")).description == "new"
