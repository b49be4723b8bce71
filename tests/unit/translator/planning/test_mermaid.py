import re

from hypothesis import given
from hypothesis import strategies as st

from translator.planning.mermaid import shown

SPEC = (
    "inputs: {topic: {type: string}}\nstart: a\nnodes:\n"
    "  a: {tool: cases.echo, with: {text: x}, next: [{when: \"${ inputs.topic == 'x' }\", to: b}, {else: end}]}\n"
    "  b:\n    dag:\n      c: {luigi: cases.Copy, with: {text: x}}\n      d: {set: {}, needs: [c], when: true}\n"
    "    next: q\n"
    "  q: {human: {title: Well?}, next: f}\n  f: {fail: {error: no-luck}}\n"
)


def test_the_drawing_of_a_flow_with_a_block(desk):
    assert desk.planned(SPEC).mermaid.splitlines() == [
        "flowchart TD",
        '  start_(["start"])',
        '  n_a["a<br/><i>cases.echo 1.0.0</i>"]',
        '  subgraph n_b["b<br/><i>dag</i>"]',
        '    n_c[["c<br/><i>cases.Copy 1.0.0</i>"]]',
        '    n_d[/"d<br/><i>set</i><br/>if true"/]',
        "  end",
        '  n_q{{"q<br/><i>human</i>"}}',
        '  n_f[\\"f<br/><i>fail no-luck</i>"/]',
        '  end_(["end"])',
        "  start_ --> n_a",
        '  n_a -->|"inputs.topic == #39;x#39;"| n_b',
        '  n_a -->|"else"| end_',
        "  n_b --> n_q",
        "  n_c -.-> n_d",
        "  n_q --> n_f",
    ]


def test_the_drawing_of_a_dag_has_a_start_and_an_end(desk):
    lines = desk.planned("nodes:\n  a: {set: {}}\n  b: {set: {}, needs: [a]}\n").mermaid.splitlines()
    assert lines[-3:] == ["  start_ --> n_a", "  n_b --> end_", "  n_a --> n_b"]


def test_what_an_author_writes_breaks_out_of_nothing(desk):
    body = SPEC.replace("'x'", "']; click n_a evil'").replace("no-luck", "end")
    assert "click n_a evil" in desk.planned(body).mermaid
    assert "; click" not in re.sub(r"#\d+;", "", desk.planned(body).mermaid)


@given(st.text(max_size=200))
def test_no_text_of_an_author_leaves_its_label(text):
    label = shown(text)
    bare = re.sub(r"#\d+;", "", label)
    assert not set(bare) & set("\"'`<>[](){}|;#&\\/\n\r%")
    assert len(bare) <= 40
