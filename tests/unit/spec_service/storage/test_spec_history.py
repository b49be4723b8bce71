"""Where revisions come from and go to, names that are retired, and which plan of a spec is the last one."""

from datetime import UTC, datetime, timedelta

import pytest

from spec_service.errors import UnknownSpec
from spec_service.ports import NewSpec, Publication, SpecSource
from spec_service.storage.plans import SqlPlanStore
from spec_service.storage.specs import SqlSpecStore
from translator.planning.plan import Plan

pytestmark = pytest.mark.anyio
NOW = datetime(2026, 3, 1, tzinfo=UTC)
LATER = NOW + timedelta(days=1)
FROM_GIT = SpecSource("git", "specs/a.yaml", "c0ffee")


def spec(digest="d1", name="a", **changes):
    return NewSpec(
        name=name, version=None, digest=digest, text=f"text of {digest}", media_type="yaml", at=NOW, **changes
    )


def plan(digest, spec_digest):
    return Plan(digest=digest, spec_name="a", spec_digest=spec_digest, inputs={}, steps=())


@pytest.fixture
def store(database):
    return SqlSpecStore(database)


@pytest.fixture
def plans(database):
    return SqlPlanStore(database)


async def test_a_revision_remembers_where_it_came_from(store):
    assert (await store.put(spec()))[0].source == SpecSource("api")
    assert (await store.put(spec("d2", source=FROM_GIT)))[0].source == FROM_GIT
    assert (await store.get("a@r2")).source == FROM_GIT


async def test_who_says_nothing_of_a_source_changes_none(store):
    await store.put(spec(source=FROM_GIT))
    assert (await store.put(spec()))[0].source == FROM_GIT
    newer = SpecSource("git", "specs/a.yaml", "beef")
    assert (await store.put(spec(source=newer)))[0].source == newer


async def test_a_retired_name_is_readable_and_in_no_list_until_it_is_stored_again(store):
    await store.put(spec())
    await store.put(spec("d2", name="b"))
    retired = await store.retire("a", NOW)
    assert (retired.id, retired.retired_at) == ("a@r1", NOW)
    assert (await store.retire("a", LATER)).retired_at == NOW  # the first time counts
    assert (await store.get("a@r1")).retired_at == NOW
    assert [one.name for one in (await store.page(None, 10))[0]] == ["b"]

    stored, is_new = await store.put(spec())
    assert (stored.retired_at, is_new) == (None, False)
    assert [one.name for one in (await store.page(None, 10))[0]] == ["a", "b"]


async def test_only_what_is_there_can_be_retired(store):
    with pytest.raises(UnknownSpec):
        await store.retire("nobody", NOW)


async def test_revisions_remember_where_they_were_published(store):
    await store.put(spec())
    await store.put(spec("d2"))
    first, second = (Publication(commit=one, branch="main", path="a.yaml", sha256=one) for one in ("c1", "c2"))
    assert (await store.note_published("a", 1, first)).published == first
    assert await store.publications("a") == (first,)
    await store.note_published("a", 2, second)
    assert await store.publications("a") == (second, first)
    assert await store.publications("b") == ()


async def test_the_last_plan_of_a_spec_is_that_of_any_revision(store, plans):
    assert await plans.last("a") is None
    await store.put(spec("d1"))
    await store.put(spec("d2"))
    await store.put(spec("other", name="b"))
    await plans.put(plan("p1", "d1"), NOW)
    await plans.put(plan("p2", "d2"), LATER)
    await plans.put(plan("p3", "other"), LATER + timedelta(days=1))
    assert (await plans.last("a")).digest == "p2"


async def test_a_plan_that_is_asked_for_again_is_the_last_one_again(store, plans):
    await store.put(spec("d1"))
    await plans.put(plan("p1", "d1"), NOW)
    await plans.put(plan("p2", "d1"), LATER)
    await plans.make_last("p1", LATER + timedelta(seconds=1))
    assert (await plans.last("a")).digest == "p1"
