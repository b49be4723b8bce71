"""The page that compares five systems counts honestly, and what it shows can at least be read."""

import ast
import json
import re

import pytest
import yaml

from docs.generating.markdown import anchor
from docs.generating.parts import ROOT

PAGE = (ROOT / "docs" / "ten-things.md").read_text(encoding="utf-8")
JOBS = re.compile(r"^### ([A-Z][\w ]+)\n\n```(\w+)\n(.*?)^```", re.MULTILINE | re.DOTALL)
ROW = re.compile(r"^\| \[([\w ]+)\]\(#([\w-]+)\) \| (\d+) \|", re.MULTILINE)


def jobs():
    found = JOBS.findall(PAGE)
    assert [name for name, _, _ in found] == ["Here", "GitHub Actions", "Argo Workflows", "Step Functions", "Airflow"]
    return found


def lines_of(text):
    return [line for line in text.splitlines() if line.strip() and not line.strip().startswith("#")]


def test_the_lines_of_the_table_are_those_of_the_texts_and_ours_are_the_fewest():
    told = {name: int(count) for name, _, count in ROW.findall(PAGE)}
    counted = {name: len(lines_of(text)) for name, _, text in jobs()}

    assert told == counted
    assert min(counted, key=counted.__getitem__) == "Here"
    assert all(link == anchor(name) for name, link, _ in ROW.findall(PAGE))


def test_no_line_is_longer_than_a_line_of_this_repository():
    for name, _, text in jobs():
        assert max(len(line) for line in text.splitlines()) <= 140, name


@pytest.mark.parametrize("job", jobs(), ids=lambda job: job[0])
def test_each_text_is_of_its_language(job):
    _, language, text = job
    parse = {"yaml": yaml.safe_load, "yml": yaml.safe_load, "json": json.loads, "python": ast.parse}[language]

    assert parse(text)


def test_there_are_ten_things_each_with_a_piece_of_a_spec():
    things = re.findall(r"^### (\d+)\. .+\n\n```yaml\n", PAGE, re.MULTILINE)

    assert things == [str(number) for number in range(1, 11)]
