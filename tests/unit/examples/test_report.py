from xml.etree import ElementTree as ET

import pytest

from examples.repo_risk.picture import MAX_BARS, draw_ranking
from examples.repo_risk.report import build_report, code, day, plain, write_markdown

SVG = "{http://www.w3.org/2000/svg}"
HOSTILE = '<script>alert("1")</script> & `|` 猫'


def summary(**changes):
    whole = {
        "name": "demo", "head": "0123456789abcdef", "as_of": 1_767_225_600, "first_commit": 0, "commits": 1200,
        "files": 30, "people": 4, "people_away": 1, "bus_factor": 2, "busiest_tenth": 0.62, "is_shallow": False,
        "is_cut": False,
    }  # fmt: skip
    return whole | changes


def measured(path, **changes):
    whole = {
        "path": path, "factors": {"churn": 1.0, "hotspot": 1.0, "ownership": 1.0, "fixes": 1.0}, "commits": 9,
        "fixes": 3, "lines_changed": 1234, "lines": 400, "complexity": 500, "owner": "Ada *L*", "owner_share": 0.8,
        "away_share": 0.25, "people": 2, "last_change": 1_767_225_600,
    }  # fmt: skip
    return whole | changes


def ranked(path, score=0.5):
    return {"path": path, "score": score, "parts": {"hotspot": score / 2, "churn": score / 2}}


def report(paths, *, known=True, verdict="", comment="", **changes):
    risk = {"summary": summary(**changes), "files": [measured(path) for path in paths] if known else []}
    return build_report(risk, [ranked(path) for path in paths], verdict, comment)


def picture(paths, name="demo"):
    return ET.fromstring(draw_ranking(report(paths)["files"], name))  # noqa: S314 - our own


def test_the_picture_stands_alone_and_says_what_it_shows():
    root = picture(["a.py", "b.py"])

    assert root.tag == f"{SVG}svg"
    assert (root.get("role"), root.get("aria-labelledby")) == ("img", "title desc")
    assert root.find(f"{SVG}title").text == "The riskiest files of demo"
    assert "a.py 0.50; b.py 0.50" in root.find(f"{SVG}desc").text
    assert root.find(f"{SVG}rect").get("width") == root.get("width")


def test_a_bar_is_as_long_as_its_parts():
    root = picture(["a.py"])

    (bar,) = [group for group in root.iter(f"{SVG}g") if group.get("clip-path")]
    parts = [(float(rect.get("x")), float(rect.get("width"))) for rect in bar]
    clip = next(root.iter(f"{SVG}clipPath"))[0]
    assert parts[0][0] == float(clip.get("x"))
    assert sum(width for _, width in parts) == pytest.approx(float(clip.get("width")), abs=0.2)


def test_hostile_names_are_text_in_the_picture():
    root = picture([HOSTILE], name=HOSTILE)

    assert not list(root.iter(f"{SVG}script"))
    assert HOSTILE in root.find(f"{SVG}desc").text


def test_long_names_are_cut_in_the_middle_and_many_files_to_the_first():
    root = picture(["src/" + "very_deep_folder/" * 5 + "the_file.py", *(f"f{number}.py" for number in range(30))])

    labels = [text.text for text in root.iter(f"{SVG}text") if text.get("text-anchor") == "end"]
    assert len(labels) == MAX_BARS
    assert labels[0].startswith("src/")
    assert labels[0].endswith("the_file.py")
    assert len(labels[0]) <= 40


def test_the_report_tells_who_decided_what_and_what_stands_out():
    text = write_markdown(report(["src/a.py"], verdict="approve", comment="# yes\n\n[x](http://x)"))

    assert r"> Reviewer's verdict: **approve**: \# yes \[x\](http://x)" in text
    assert "1,200 commits by 4 people to 30 files, 1970-01-01 to 2026-01-01, up to commit `0123456789ab`." in text
    assert "`src/a.py` comes first with 0.50: 9 commits, 3 of them fixes; 1,234 lines changed in a file of 400" in text
    assert "takes 62% of all changes: care spent there pays most" in text
    assert "2 people know more than half of the files best (the bus factor); 1 of 4 have not committed" in text
    assert r"| 1 | `src/a.py` | 0.50 | 9 | 3 | 1,234 | 400 | Ada \*L\* 80% | 25% | 2026-01-01 |" in text
    assert "1 of the 1 file below: one person made at least 75%" in text


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"is_shallow": True}, "git fetch --unshallow"),
        ({"is_cut": True}, "raise it to look further back"),
        ({"people": 1, "bus_factor": 1}, "One person wrote everything"),
        ({"people": 0, "bus_factor": 0}, "Only bots committed"),
    ],
)
def test_the_report_says_what_its_figures_rest_on(changes, words):
    assert words in write_markdown(report(["a.py"], **changes))


def test_a_file_that_was_not_measured_is_listed_without_figures():
    built = report(["new.py"], known=False)

    assert built["files"][0]["measured"] is None
    assert "| 1 | `new.py` | 0.50 | - |" in write_markdown(built)
    assert "it was not measured" in write_markdown(built)


def test_names_cannot_break_the_table():
    row = next(line for line in write_markdown(report([HOSTILE])).splitlines() if line.startswith("| 1 |"))

    assert row.replace("\\|", "").count("|") == 11
    assert code("a`b") == "`` a`b ``"
    assert plain("a\n| <b>") == r"a \| \<b\>"


def test_any_time_becomes_a_date():
    assert (day(-5), day(10**15)) == ("1970-01-01", "9999-12-31")
