import pytest
from rich.cells import cell_len

from spec_service.cli.problem_text import SpecRefused, counted, learn_more, problem_lines
from spec_service.cli.spec_files import SpecText
from translator.language.problems import Problem


def pointed(line: str, column: int) -> tuple[str, str]:
    """Return what stands above the caret's line, and what the caret points at."""
    spec = SpecText("a.yaml", f"first\n{line}\n".encode(), "yaml")
    head, shown, caret = problem_lines(spec, [Problem("unknown-node", "message", line=2, column=column)])
    assert head == f"a.yaml:2:{column}: E304 unknown-node message"
    cells = caret.index("^")
    at = next(index for index in range(len(shown)) if cell_len(shown[:index]) == cells)
    return shown, shown[at]


@pytest.mark.parametrize(
    ("line", "column", "wanted"),
    [
        ("  next: b", 9, "b"),
        ("\t\tnext: b", 9, "b"),
        ("日本語: b", 6, "b"),
        ("é́: b", 5, "b"),
        ("x" * 300 + "Y" + "z" * 300, 301, "Y"),
        ("Y" + "x" * 300, 1, "Y"),
        ("x" * 300 + "Y", 301, "Y"),
    ],
)
def test_the_caret_stands_below_the_place(line, column, wanted):
    shown, found = pointed(line, column)
    assert found == wanted
    assert cell_len(shown) <= 200


def test_a_caret_may_stand_behind_the_last_character():
    spec = SpecText("a.yaml", b"ab", "yaml")
    assert problem_lines(spec, [Problem("syntax-error", "m", line=1, column=3)])[2] == "      ^"


def test_nothing_in_a_line_moves_the_cursor_or_sets_colours():
    spec = SpecText("a.yaml", "a: \x1b[31m\u202ered\n".encode(), "yaml")
    shown = problem_lines(spec, [Problem("control-character", "a \x1b[2J message", line=1, column=4)])
    assert not [character for line in shown for character in line if character in "\x1b\u202e"]


def test_lines_end_with_any_line_break():
    spec = SpecText("a.yaml", b"a\rb\r\nc", "yaml")
    assert spec.lines == ["a", "b", "c"]


def test_a_suggestion_stands_in_brackets_and_a_kind_without_a_code_has_none():
    spec = SpecText("a.yaml", b"a", "yaml")
    suggested = Problem("unknown-node", "no such node", line=1, column=1, suggestion="did you mean b?")
    assert problem_lines(spec, [suggested])[0].endswith("unknown-node no such node (did you mean b?)")
    assert problem_lines(spec, [Problem("invalid-inputs", "m")]) == ["a.yaml: invalid-inputs m"]


def test_the_report_counts_and_leads_on():
    spec = SpecText("a.yaml", b"a", "yaml")
    problems = [Problem("unknown-stage", "m", line=1, column=1), Problem("unknown-stage", "n", line=1, column=1)]
    lines = SpecRefused(spec, problems).report().splitlines()
    assert "a.yaml has 2 problems" in lines
    assert lines[-2:] == learn_more(problems)
    assert lines[-2].startswith("specloom explain E30")
    assert lines[-1].startswith("specloom stages")
    assert counted(1, "problem") == "1 problem"
