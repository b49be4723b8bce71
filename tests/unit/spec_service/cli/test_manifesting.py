"""The manifest of agents: written, the same each time, and compared with what is there."""

import json
from pathlib import Path

import jsonschema

KEYS = [
    "name",
    "displayName",
    "description",
    "tools",
    "outputs",
    "stage",
    "tags",
    "timeoutSeconds",
    "maxRetries",
    "pythonClass",
    "inputSchema",
    "outputSchema",
    "sourceDigest",
]


def written(project: Path) -> dict:
    return json.loads((project / ".agents/manifest.json").read_text())


def test_it_is_written_and_the_same_each_time(specloom, project):
    said = specloom("manifest", "--out", ".agents/manifest.json")
    assert (said.code, said.out) == (0, ".agents/manifest.json: 1 agents\n")
    first = (project / ".agents/manifest.json").read_bytes()
    assert specloom("manifest").out == ".agents/manifest.json: 1 agents, as before\n"
    assert specloom("manifest", "--out", "-").out.encode() == first
    found = written(project)
    assert (list(found), found["count"]) == (["version", "count", "agents"], 1)
    (agent,) = found["agents"]
    assert list(agent) == KEYS
    assert agent["sourceDigest"].startswith("sha256:")
    for schema in (agent["inputSchema"], agent["outputSchema"]):
        jsonschema.Draft202012Validator.check_schema(schema)


def test_check_says_what_drifted(specloom, project):
    assert specloom("manifest").code == 0
    assert specloom("manifest", "--check").code == 0
    file = project / ".agents/manifest.json"
    found = written(project)
    name = found["agents"][0]["name"]
    changed = {
        **found["agents"][0],
        "tags": ["x"],
        "inputSchema": {**found["agents"][0]["inputSchema"], "type": "array"},
    }
    file.write_text(json.dumps({**found, "agents": [changed, {**changed, "name": "gone.Away"}]}))
    before = file.read_bytes()
    said = specloom("manifest", "--check")
    assert said.code == 1
    assert said.out.splitlines() == [
        ".agents/manifest.json is stale",
        "- gone.Away: is in the file, and not in the catalog",
        f"~ {name}: tags, inputSchema.type",
    ]
    assert file.read_bytes() == before


def test_check_of_a_new_stage_and_of_no_manifest(specloom, project):
    said = specloom("manifest", "--check")
    assert said.code == 1
    assert "specloom manifest --out .agents/manifest.json writes it" in said.err
    (project / ".agents").mkdir()
    (project / ".agents/manifest.json").write_text("[")
    assert "the file holds no manifest" in specloom("manifest", "--check").out
    (project / ".agents/manifest.json").write_text('{"version": "1.0", "count": 0, "agents": []}')
    assert "is not in the file" in specloom("manifest", "--check").out


def test_a_broken_catalog_gives_no_manifest(specloom, project):
    (module,) = (project / "pipelines").glob("[!_]*.py")
    module.write_text("import nowhere_to_be_found\n")
    said = specloom("manifest")
    assert said.code == 1
    assert "nowhere_to_be_found" in said.err
    assert not (project / ".agents").exists()
