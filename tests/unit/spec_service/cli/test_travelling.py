"""The commands through time, without a server, as a person calls them."""

import json

SPEC = """\
apiVersion: specloom/v1
kind: Workflow
metadata: {name: travels}
inputs: {word: {type: string, default: tin}}
state: {log: {type: array, reduce: append}, n: {type: integer, reduce: sum, default: 0}}
outputs: {log: "${ state.log }", n: "${ state.n }"}
start: first
nodes:
  first: {set: {log: ["${ inputs.word }"]}, next: again}
  again: {set: {n: 1, log: [again]}, next: [{when: "${ state.n < 3 }", to: again}, {else: end}]}
limits: {steps: 20}
"""


def run_of(said) -> dict:
    return json.loads(said.out.splitlines()[-1])


def test_replay_fork_and_compare(specloom, project):
    (project / "travels.yaml").write_text(SPEC)
    run = run_of(specloom("run", "travels.yaml", "--json"))
    said = specloom("replay", run["id"])
    assert said.code == 0
    assert said.out.startswith("✓ 4 steps replayed in ")

    (project / "other.yaml").write_text(SPEC.replace("state.n < 3", "state.n < 2"))
    said = specloom("runs", "replay", run["id"], "--spec", "other.yaml")
    assert said.code == 1
    assert "  recorded  … → again → again → again → end" in said.out
    assert '    recorded  "again"\n    replayed  "end"' in said.out
    assert json.loads(specloom("replay", run["id"], "--json").out)["is_same"]

    said = specloom("fork", run["id"], "--at", "again", "--visit", "2", "--set", "state.n=7", "-i", "word=lead")
    assert said.code == 0, said.err
    assert f"forked from {run['id']} at again, visit 2; 2 steps taken over" in said.out
    assert "changed there: state.n, inputs.word" in said.out
    assert "had read what was changed as it was: first" in said.out
    made = json.loads(specloom("runs", "--json").out.splitlines()[0])
    assert made["forked_from"]["step"] == "again"

    said = specloom("compare", run["id"], made["id"])
    assert said.code == 0
    assert "Path: the ways part at place 4" in said.out
    assert "  n\n    a  3\n    b  8" in said.out
    both = json.loads(specloom("runs", "compare", run["id"], made["id"], "--json").out)
    assert (both["b"]["forked_from"]["run"], both["parts_at"]) == (run["id"], 3)


def test_forks_that_are_refused_say_what_is_known(specloom, project):
    (project / "travels.yaml").write_text(SPEC)
    run = run_of(specloom("run", "travels.yaml", "--json"))
    said = specloom("fork", run["id"], "--at", "agian")
    assert said.code == 1
    assert "did you mean again?" in said.err
    said = specloom("fork", run["id"], "--at", "again", "--set", "state.nn=1")
    assert "did you mean n?" in said.err
    said = specloom("fork", run["id"], "--at", "again", "--set", "state.n=many")
    assert (said.code, "integer is wanted" in said.err) == (64, True)
    assert specloom("replay", "nothing").code == 1
