from translator.planning.deciding import MOST_ITEMS, decide

INPUTS = "inputs: {a: {type: string}, n: {type: integer, default: 2}, many: {type: array, default: []}}\n"
DAG = """\
nodes:
  one: {luigi: cases.Copy, with: {text: "${ inputs.a + '!' }"}}
  each: {map: {each: row, in: [1, 2]}, luigi: cases.Copy, with: {text: "${ inputs.a } ${ row }"}, needs: [one]}
  later: {luigi: cases.Copy, with: {text: "${ nodes.tool.result.words > 1 ? 'x' : 'y' }"}, needs: [tool]}
  tool: {tool: text.count@1, with: {text: x}}
  wide: {map: {each: row, in: "${ inputs.many }"}, luigi: cases.Copy, with: {text: "${ string(row) }"}}
  odd: {luigi: cases.Copy, with: {text: "${ string(1 / (inputs.n - 2)) }"}}
  block: {map: {each: row, in: [1, 2]}, dag: {inside: {luigi: cases.Copy, with: {text: "${ string(row) }"}}}}
"""


def decided(desk, **inputs):
    plan = desk.planned(INPUTS + DAG)
    found = decide(plan, {"n": 2, "many": [], **inputs}, desk.engine, lambda step: step.verb == "luigi")
    return {one.step.id: one for one in found}


def test_arguments_that_read_nothing_but_inputs_are_known(desk):
    found = decided(desk, a="x")
    assert found["one"].arguments == ({"text": "x!"},)
    assert found["each"].arguments == ({"text": "x 1"}, {"text": "x 2"})
    assert found["each"].items == 2
    assert "tool" not in found


def test_what_depends_on_more_says_on_what(desk):
    found = decided(desk, a="x")
    assert found["later"].why_not == "it depends on nodes.tool"
    assert found["inside"].why_not == "it depends on row"
    assert found["odd"].why_not.startswith("an expression fails with these inputs")
    assert found["odd"].arguments == ()


def test_of_many_items_so_many_are_worked_out(desk):
    wide = decided(desk, a="x", many=list(range(MOST_ITEMS + 5)))["wide"]
    assert (wide.items, len(wide.arguments)) == (MOST_ITEMS + 5, MOST_ITEMS)
