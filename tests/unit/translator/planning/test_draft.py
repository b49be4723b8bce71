from translator.planning.draft import draft

HEAD = "apiVersion: specloom/v1\nkind: Workflow\nmetadata: {name: tried}\n"


def drafted(desk, body):
    spec, document, problems = desk.read(HEAD + body)
    assert problems == []
    return draft(spec, document, desk.engine, None)


def test_maps_are_laid_out_flat_and_the_last_is_finally(desk):
    found = drafted(
        desk,
        "start: a\nfinally: {z: {set: {}}}\nnodes:\n  a: {dag: {b: {set: {}}}, next: c}\n"
        "  c: {flow: {start: d, nodes: {d: {set: {}, next: end}}}, next: end}\n",
    )
    assert [(one.path, one.kind, one.is_final) for one in found.maps] == [
        ("/nodes", "flow", False),
        ("/nodes/a/dag", "dag", False),
        ("/nodes/c/flow/nodes", "flow", False),
        ("/finally", "dag", True),
    ]
    assert list(found.nodes) == ["a", "b", "c", "d", "z"]
    assert found.maps[2].start_path == "/nodes/c/flow/start"


def test_ways_of_a_flow_and_of_a_dag(desk):
    flow = drafted(desk, "start: a\nnodes:\n  a: {set: {}, next: [{when: true, to: gone}, {else: end}]}\n").top
    assert [(way.target, way.path) for way in flow.ways] == [
        ("gone", "/nodes/a/next/0/to"),
        ("end", "/nodes/a/next/1/else"),
    ]
    assert [way.target for way in flow.known_ways] == ["end"]
    assert flow.has_broken_ways
    dag = drafted(desk, "nodes:\n  a: {set: {}}\n  b: {set: {}, needs: [a]}\n").top
    assert [(way.source, way.target, way.path) for way in dag.ways] == [("a", "b", "/nodes/b/needs/0")]
    assert dag.graph == {"a": ["end", "b"], "b": ["end"], "end": []}


def test_suggestions_stop_after_many(desk):
    found = drafted(desk, "nodes:\n  a: {set: {}}\n")
    names = [f"name{number}" for number in range(15_000)]
    given = [found.did_you_mean("name7", names) for _ in range(4)]
    assert given == ["did you mean name7?", "did you mean name7?", None, None]
