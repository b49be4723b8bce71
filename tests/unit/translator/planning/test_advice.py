import pytest

from translator.planning.catalog import CatalogEntry, FixedCatalog


def test_what_nothing_uses(desk):
    body = (
        "inputs: {a: {type: string}, b: {type: string}}\nstate: {c: {type: string}, d: {type: string}}\n"
        "secrets: [KEY]\ndefs: {X: {type: string}, Y: {type: string}}\n"
        'outputs: {a: "${ inputs.a }"}\nnodes:\n  n: {tool: cases.echo, with: {text: x}, save: {d: x}, '
        'result: {$ref: "#/defs/X"}}\n'
    )
    assert desk.advised(body) == [
        ("unused-input", "/inputs/b"),
        ("unused-channel", "/state/c"),
        ("unused-secret", "/secrets/0"),
        ("unused-definition", "/defs/Y"),
    ]


@pytest.mark.parametrize(
    "argument",
    [
        "text: sk-live-0123456789abcdef",
        "text: AKIAABCDEFGHIJKLMNOP",
        "text: 'postgres://me:hunter22@db/x'",
        "api_key: abcdefghij",
    ],
)
def test_a_literal_that_looks_like_a_secret_is_pointed_at_and_not_repeated(desk, argument):
    key, _, value = argument.partition(": ")
    [advice] = desk.planned(f"nodes:\n  n: {{tool: free.form, with: {{{argument}}}}}\n").warnings
    assert (advice.code[:2], advice.name, advice.path) == ("W6", "secret-like-literal", f"/nodes/n/with/{key}")
    assert value.strip("'") not in advice.message + (advice.suggestion or "")


def test_plain_words_are_no_secrets(desk):
    body = (
        'inputs: {t: {type: string}}\nnodes:\n  n: {tool: free.form, with: {token: "${ inputs.t }", mask: risk-of-x}}\n'
    )
    assert desk.advised(body) == []


def test_a_stage_that_works_in_one_directory_for_all_runs(desk, monkeypatch):
    stages = [
        CatalogEntry(kind="stage", name=name, version="1.0.0", source_digest="aa", is_shared=name != "own.C")
        for name in ("here.A", "here.B", "own.C")
    ]
    monkeypatch.setattr(desk, "catalog", FixedCatalog(stages))
    body = "nodes:\n  c: {luigi: own.C}\n  a: {luigi: here.A}\n  b: {luigi: here.B}\n"
    assert desk.advised(body) == [("shared-workdir", "/nodes/a/luigi")]
