"""The exam of artifact stores, taken by the folder and the in-memory adapter."""

import hashlib

import pytest

from spec_service.storage.artifacts import FolderArtifacts
from workflows.errors import UnknownArtifact
from workflows.memory import MemoryArtifacts
from workflows.run import RunId

pytestmark = pytest.mark.anyio
RUN = RunId("run-1")


@pytest.fixture(params=["folder", "memory"])
def store(request, tmp_path):
    if request.param == "memory":
        return MemoryArtifacts(tmp_path / "runs")
    return FolderArtifacts(tmp_path / "runs", tmp_path / "uploads")


async def test_bytes_come_back_by_uri(store):
    kept = await store.put(RUN, "results/a b/ü.json", b"[1]", "application/json")
    assert kept.uri == "specloom://runs/run-1/artifacts/results/a b/ü.json"
    assert (kept.path, kept.bytes, kept.media_type) == ("results/a b/ü.json", 3, "application/json")
    assert kept.sha256 == hashlib.sha256(b"[1]").hexdigest()
    assert await store.read(kept.uri) == b"[1]"


async def test_the_same_path_again_replaces_the_bytes(store):
    await store.put(RUN, "a", b"old", "text/plain")
    kept = await store.put(RUN, "a", b"", "text/plain")
    assert await store.read(kept.uri) == b""


async def test_runs_do_not_see_each_other(store):
    await store.put(RUN, "a", b"1", "text/plain")
    assert store.work_directory(RUN) != store.work_directory(RunId("run-2"))
    with pytest.raises(UnknownArtifact):
        await store.read("specloom://runs/run-2/artifacts/a")


@pytest.mark.parametrize(
    "path", ["", "/etc/passwd", "../x", "a/../../x", "a//b", ".", "a/./b", "a\0b", "a\\..\\b", "a/"]
)
async def test_paths_that_lead_elsewhere_are_refused(store, path):
    with pytest.raises(UnknownArtifact):
        await store.put(RUN, path, b"", "text/plain")
    with pytest.raises(UnknownArtifact):
        await store.read(f"specloom://runs/run-1/artifacts/{path}")


@pytest.mark.parametrize(
    "uri", ["", "file:///etc/passwd", "specloom://runs/../artifacts/a", "specloom://runs//artifacts/a", "a"]
)
async def test_other_uris_are_unknown(store, uri):
    with pytest.raises(UnknownArtifact):
        await store.read(uri)


async def test_a_file_of_the_work_directory_is_taken_where_it_lies(store):
    file = store.work_directory(RUN) / "out" / "report.md"
    file.parent.mkdir()
    file.write_text("# done")
    kept = await store.register(RUN, file)
    assert (kept.path, kept.bytes) == ("out/report.md", 6)
    assert await store.read(kept.uri) == b"# done"
    assert (await store.register(RUN, file.relative_to(store.work_directory(RUN)))).path == "out/report.md"


async def test_files_elsewhere_and_links_to_them_are_not_taken(store, tmp_path):
    outside = tmp_path / "secret"
    outside.write_text("s")
    link = store.work_directory(RUN) / "link"
    link.symlink_to(outside)
    for file in (outside, link, store.work_directory(RUN) / "absent", store.work_directory(RUN)):
        with pytest.raises(UnknownArtifact):
            await store.register(RUN, file)
    with pytest.raises(UnknownArtifact):
        await store.read("specloom://runs/run-1/artifacts/link")


async def test_a_file_with_the_bytes_can_be_had(store):
    kept = await store.put(RUN, "a/b.bin", b"\0\1", "application/octet-stream")
    assert (await store.path_of(kept.uri)).read_bytes() == b"\0\1"
    file = store.work_directory(RUN) / "report.md"
    file.write_text("# done")
    registered = await store.register(RUN, file)
    assert (await store.path_of(registered.uri)).read_text() == "# done"


@pytest.mark.parametrize(
    "uri",
    [
        "specloom://runs/run-1/artifacts/absent",
        "specloom://runs/run-1/artifacts/../../x",
        f"specloom://uploads/{'0' * 64}",
        "specloom://uploads/../runs",
        "specloom://uploads/",
    ],
)
async def test_there_is_no_file_of_what_is_not_kept(store, uri):
    with pytest.raises(UnknownArtifact):
        await store.path_of(uri)
    with pytest.raises(UnknownArtifact):
        await store.read(uri)


async def test_an_upload_is_read_by_its_uri(store, tmp_path):
    if isinstance(store, MemoryArtifacts):
        uri = store.upload(b"sent")
    else:
        digest = hashlib.sha256(b"sent").hexdigest()
        uri = f"specloom://uploads/{digest}"
        (tmp_path / "uploads").mkdir()
        (tmp_path / "uploads" / digest).write_bytes(b"sent")
    assert await store.read(uri) == b"sent"
    assert (await store.path_of(uri)).read_bytes() == b"sent"
