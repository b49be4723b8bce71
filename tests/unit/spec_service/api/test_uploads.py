"""Uploads: bytes of any type, once each, and inputs that name them."""

import hashlib
import uuid
from pathlib import Path

import pytest

from spec_service.settings import Settings

YAML = {"Content-Type": "application/yaml"}
TAKES = """\
apiVersion: specloom/v1
kind: Workflow
metadata: {name: takes}
inputs:
  doc: {type: string, format: artifact}
  more: {type: array, items: {type: string, format: artifact}, default: []}
start: note
state:
  seen: {type: string}
nodes:
  note:
    set: {seen: "${ inputs.doc }"}
    next: end
"""


MEASURES = """\
apiVersion: specloom/v1
kind: Workflow
metadata: {name: measures}
inputs:
  doc: {type: string, format: artifact}
outputs: {bytes: "${ nodes.look.result.bytes }", path: "${ nodes.look.result.path }"}
start: look
nodes:
  look:
    tool: shelf.measure
    with: {file: "${ inputs.doc }"}
    result: {type: object, properties: {bytes: {type: integer}, path: {type: string}}}
    next: end
"""


def sha256(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()


def refused(answer, status, name):
    assert (answer.status_code, answer.json()["name"]) == (status, name)


@pytest.fixture
def content() -> bytes:
    return uuid.uuid4().bytes * 1000


@pytest.fixture
def takes(client) -> str:
    answer = client.post("/specs", content=TAKES, headers=YAML)
    assert answer.is_success, answer.json()
    return answer.json()["id"]


def test_bytes_are_kept_once_whatever_they_are(client, server, content):
    first = client.put("/uploads", content=content, headers={"Content-Type": "Image/PNG; x=y"})
    assert first.status_code == 201
    digest = sha256(content)
    uri = f"specloom://uploads/{digest}"
    assert first.json() == {"uri": uri, "bytes": len(content), "sha256": digest, "media_type": "image/png"}
    again = client.put("/uploads", content=content)
    assert (again.status_code, again.json()) == (200, first.json())
    file = Path(server.settings.data) / "uploads" / digest
    assert file.read_bytes() == content
    assert file.stat().st_mode & 0o777 == 0o400


def test_no_type_and_no_bytes_are_fine_too(client):
    answer = client.put("/uploads", content=b"", headers={"Content-Type": "no type at all"})
    assert answer.status_code in {200, 201}
    assert answer.json()["sha256"] == sha256(b"")
    assert answer.json()["media_type"] == "application/octet-stream"


def test_a_stream_without_a_length_is_taken(client, content):
    answer = client.put("/uploads", content=(content[start : start + 777] for start in range(0, len(content), 777)))
    assert (answer.status_code, answer.json()["sha256"]) == (201, sha256(content))


def test_compressed_bodies_are_refused(client):
    refused(client.put("/uploads", content=b"x", headers={"Content-Encoding": "gzip"}), 415, "unsupported-media-type")


def test_too_much_is_refused_and_leaves_nothing(tmp_path, catalog, run_server):
    settings = Settings(data=tmp_path / "data", catalog=catalog, port=0, max_upload_bytes=1000)
    with run_server(settings) as server, server.client() as client:
        refused(client.put("/uploads", content=b"x" * 1001), 413, "body-too-large")
        refused(client.put("/uploads", content=iter([b"x" * 600, b"y" * 600])), 413, "body-too-large")
        assert client.put("/uploads", content=b"x" * 1000).status_code == 201
        assert len(list((tmp_path / "data" / "uploads").iterdir())) == 1


def test_a_run_takes_the_uri_of_an_upload(client, takes, content):
    uri = client.put("/uploads", content=content).json()["uri"]
    run = client.post(f"/specs/{takes}/execute?wait=20", json={"inputs": {"doc": uri, "more": [uri]}})
    assert (run.status_code, run.json()["status"]) == (200, "succeeded")


def test_a_tool_that_wants_a_file_is_given_its_path(client, content, server):
    spec = client.post("/specs", content=MEASURES, headers=YAML).json()["id"]
    kept = client.put("/uploads", content=content).json()
    run = client.post(f"/specs/{spec}/execute?wait=20", json={"inputs": {"doc": kept["uri"]}}).json()
    path = Path(server.settings.data) / "uploads" / kept["sha256"]
    assert (run["status"], run["outputs"]) == ("succeeded", {"bytes": len(content), "path": str(path)})
    assert run["inputs"] == {"doc": kept["uri"]}


@pytest.mark.parametrize(
    "uri",
    [
        "",
        "/etc/passwd",
        f"specloom://uploads/{'0' * 64}",
        "specloom://uploads/../specloom.db",
        "specloom://runs/nobody/artifacts/a",
        "specloom://runs/../artifacts/a",
    ],
)
def test_other_texts_are_no_artifacts(client, takes, content, uri):
    known = client.put("/uploads", content=content).json()["uri"]
    answer = client.post(f"/specs/{takes}/execute", json={"inputs": {"doc": uri, "more": [known, uri]}})
    refused(answer, 422, "unknown-artifact")
    assert [one["path"] for one in answer.json()["problems"]] == ["/inputs/doc", "/inputs/more/1"]
    assert "PUT /uploads" in answer.json()["suggestion"]
