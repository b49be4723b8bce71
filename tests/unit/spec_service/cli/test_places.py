import json
import os
import subprocess
import sys

from spec_service.cli.artifact_places import find_artifact, located, split_uri
from spec_service.cli.configuring import Place
from spec_service.cli.server_note import NAME, find_server, noted


def test_an_artifact_lies_where_stages_work_or_where_the_engine_keeps_it(tmp_path):
    for folder, name in (("work", "a b/report.md"), ("artifacts", ".specloom/logs/x.log")):
        file = tmp_path / "runs" / "r1" / folder / name
        file.parent.mkdir(parents=True)
        file.write_text("x")
        assert find_artifact(tmp_path, "r1", name) == file
    assert find_artifact(tmp_path, "r1", "none.md") is None


def test_no_path_leads_out_of_the_run(tmp_path):
    (tmp_path / "runs/r1/work").mkdir(parents=True)
    (tmp_path / "specloom.db").write_text("x")
    (tmp_path / "runs/r1/work/link").symlink_to(tmp_path / "specloom.db")
    assert find_artifact(tmp_path, "r1", "../../../specloom.db") is None
    assert find_artifact(tmp_path, "r1", "link") is None


def test_uris_in_outputs_become_places():
    uri = "specloom://runs/r1/artifacts/a%20b/report.md"
    assert split_uri(uri) == ("r1", "a b/report.md")
    for other in ("specloom://runs/r1", "specloom://runs/r1/artifacts/", "https://x/runs/r1/artifacts/a", ""):
        assert split_uri(other) is None
    value = {"report": uri, "list": [uri, 3], "text": "none"}
    assert located(value, lambda run, path: f"/{run}/{path}") == {
        "report": "/r1/a b/report.md",
        "list": ["/r1/a b/report.md", 3],
        "text": "none",
    }


def test_a_server_is_found_as_long_as_it_lives(tmp_path):
    assert find_server(tmp_path) is None
    with noted(tmp_path, "http://127.0.0.1:8321"):
        found = find_server(tmp_path)
        assert found is not None
        assert (found.pid, found.url) == (os.getpid(), "http://127.0.0.1:8321")
    assert find_server(tmp_path) is None
    assert list(tmp_path.iterdir()) == []


def test_the_note_of_a_dead_server_does_not_count(tmp_path):
    gone = subprocess.Popen([sys.executable, "-c", ""])
    gone.wait()
    for told in ({"pid": gone.pid, "url": "http://x"}, {"pid": "1", "url": "http://x"}, {"pid": 1}, [], "x", 1 << 80):
        (tmp_path / NAME).write_text(json.dumps(told))
        assert find_server(tmp_path) is None
    (tmp_path / NAME).write_text("{")
    assert find_server(tmp_path) is None


def test_the_options_that_lead_to_the_same_place_can_be_pasted(tmp_path):
    place = Place(tmp_path / "a b", tmp_path / "c.toml", None)
    assert place.options() == f" --data '{tmp_path}/a b'"
    assert place.options(with_catalog=True) == f" --data '{tmp_path}/a b' --catalog {tmp_path}/c.toml"
    assert Place().options(with_catalog=True) == ""
