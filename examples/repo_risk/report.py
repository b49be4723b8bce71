"""The report: the reviewer's ranking beside what was measured, as data and as Markdown that explains itself."""

import re
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import NamedTuple, TypedDict

from .measures import AWAY_AFTER_DAYS, HALF_LIFE_DAYS, FileRisk, Risk, Summary

_SPECIAL = re.compile(r"([\\`*_{}\[\]<>#|~!&])")
_LAST_SECOND = 253_402_300_799  # of the year 9999: commits can carry any time
_LONELY_SHARE, _CROWDED_TENTH, _FEW_PEOPLE = 0.75, 0.4, 2


class Meaning(NamedTuple):
    """A factor's short label, and what it says of a file."""

    label: str
    explanation: str


FACTORS = {
    "hotspot": Meaning(
        "hotspot",
        "How often the file changes times how complex it is (lines and their indentation), against the repository's "
        "largest. Complex code at rest does no harm; complex code in motion is where to simplify first.",
    ),
    "churn": Meaning(
        "churn",
        "Lines added and deleted in the period; four times as many count double. Files that move a lot are where the "
        "next defect is likely.",
    ),
    "ownership": Meaning(
        "ownership",
        "Half for the main author's share of the commits (who else could take over?), half for the share of people "
        f"who have not committed for {AWAY_AFTER_DAYS} days (who could still explain it?). Pair up, or write it down.",
    ),
    "fixes": Meaning(
        "fixes",
        "Commits whose subject speaks of a fix, a bug, a regression or a revert; four times as many count double. What "
        "broke before tends to break again: look at its tests.",
    ),
}


class RankedFile(TypedDict):
    """One row of the ranking tool's answer: `parts` are the weighted factors, which add up to `score`."""

    path: str
    score: float
    parts: dict[str, float]


class ReportedFile(RankedFile):
    """A ranked file with what was measured of it (null for a file that the measures do not know)."""

    measured: FileRisk | None


class Report(TypedDict):
    """What report.json holds; `format` rises when a field changes its meaning."""

    format: int
    summary: Summary
    verdict: str
    comment: str
    files: list[ReportedFile]


def build_report(risk: Risk, ranking: Sequence[RankedFile], verdict: str, comment: str) -> Report:
    """Join the ranking, whose order is kept, with the measures."""
    known = {file["path"]: file for file in risk["files"]}
    files = [
        ReportedFile(path=row["path"], score=row["score"], parts=row["parts"], measured=known.get(row["path"]))
        for row in ranking
    ]
    return Report(format=1, summary=risk["summary"], verdict=verdict, comment=comment, files=files)


def write_markdown(report: Report) -> str:
    """Write the report for people; names from the repository and the reviewer's words are text, never markup."""
    summary = report["summary"]
    blocks = [
        f"# Where the risk lies: {plain(summary['name'])}",
        _period(summary),
        *_decision(report),
        *_warnings(summary),
        "## What stands out",
        "\n".join(f"- {finding}" for finding in _findings(report)),
        "![The riskiest files as bars, each made of its weighted factors](risk.svg)",
        "## The riskiest files",
        _table(report["files"]),
        "## How to read this",
        (
            "The score is the weighted sum of four factors, each from 0 to 1 (the worst of this repository). It "
            "compares files of one repository with each other; it says where to start looking, and is no verdict on "
            "anybody's work."
        ),
        "\n".join(f"- **{meaning.label}**: {meaning.explanation}" for meaning in FACTORS.values()),
        (
            f"Time is counted back from the newest commit; activity of {HALF_LIFE_DAYS} days before counts half. Merge "
            "commits, generated files and files that no longer exist are left out; a renamed file keeps its history. "
            "People are told apart by name (a `.mailmap` merges spellings); bots own nothing."
        ),
    ]
    return "\n\n".join(blocks) + "\n"


def plain(text: str) -> str:
    """Escape what Markdown or HTML would read as markup, on one line."""
    return _SPECIAL.sub(r"\\\1", " ".join(text.split()))


def code(text: str) -> str:
    """Quote a path as code, whatever backticks and bars it holds."""
    fence = "`" * (max((len(run) for run in re.findall("`+", text)), default=0) + 1)
    pad = " " if "`" in text else ""
    return f"{fence}{pad}{text}{pad}{fence}".replace("|", "\\|")


def day(seconds: int) -> str:
    """Return a date in UTC; a commit's clock may have been set to anything."""
    return datetime.fromtimestamp(min(max(seconds, 0), _LAST_SECOND), UTC).date().isoformat()


def _count(number: int, one: str, many: str) -> str:
    return f"{number:,} {one if number == 1 else many}"


def _period(summary: Summary) -> str:
    commits, people = _count(summary["commits"], "commit", "commits"), _count(summary["people"], "person", "people")
    files = _count(summary["files"], "file", "files")
    return (
        f"{commits} by {people} to {files}, {day(summary['first_commit'])} to {day(summary['as_of'])}, "
        f"up to commit `{summary['head'][:12]}`."
    )


def _decision(report: Report) -> list[str]:
    """Say what the reviewer decided, in their own words."""
    if not report["verdict"]:
        return []
    said = f": {plain(report['comment'])}" if report["comment"].strip() else "."
    return [f"> Reviewer's verdict: **{plain(report['verdict'])}**{said}"]


def _warnings(summary: Summary) -> list[str]:
    """Say where the figures rest on less than the whole history."""
    warnings: list[str] = []
    if summary["is_shallow"]:
        warnings.append(
            "> **A shallow clone.** Older history is missing, so the figures cover recent commits only. "
            "`git fetch --unshallow` brings the rest."
        )
    if summary["is_cut"]:
        warnings.append("> Only the newest commits were read (`max_commits`); raise it to look further back.")
    return warnings


def _findings(report: Report) -> list[str]:
    """Name what a maintainer should know first."""
    summary, files = report["summary"], report["files"]
    if not files:
        return ["No file of this repository changed in the period, so there is nothing to rank."]
    findings = [f"{code(files[0]['path'])} comes first with {files[0]['score']:.2f}: {_because(files[0])}."]
    tenth = f"The busiest tenth of the files takes {summary['busiest_tenth']:.0%} of all changes"
    crowded = summary["busiest_tenth"] >= _CROWDED_TENTH
    findings.append(f"{tenth}{': care spent there pays most' if crowded else ''}.")
    findings.append(_bus_factor(summary))
    lonely = [file for file in files if file["measured"] and file["measured"]["owner_share"] >= _LONELY_SHARE]
    if lonely and summary["people"] > 1:
        several = f"{len(lonely)} of the {_count(len(files), 'file', 'files')} below"
        findings.append(f"{several}: one person made at least {_LONELY_SHARE:.0%} of the commits.")
    return findings


def _bus_factor(summary: Summary) -> str:
    """Say how many people the repository hangs on."""
    if not summary["people"]:
        return "Only bots committed in this period."
    if summary["people"] == 1:
        return "One person wrote everything: the bus factor is 1."
    few = _count(summary["bus_factor"], "person knows", "people know")
    gone = f"; {summary['people_away']} of {summary['people']} have not committed for {AWAY_AFTER_DAYS} days"
    worry = " That is thin." if summary["bus_factor"] <= _FEW_PEOPLE else ""
    return f"{few} more than half of the files best (the bus factor){gone if summary['people_away'] else ''}.{worry}"


def _because(file: ReportedFile) -> str:
    """Give the figures behind a file's score."""
    measured = file["measured"]
    if measured is None:
        return "it was not measured"
    changes = f"{_count(measured['commits'], 'commit', 'commits')}, {measured['fixes']} of them fixes"
    size = f"{measured['lines_changed']:,} lines changed in a file of {measured['lines']:,}"
    owner = f"{plain(measured['owner'])} made {measured['owner_share']:.0%} of the commits" if measured["owner"] else ""
    return "; ".join(part for part in (changes, size, owner) if part)


def _table(files: Sequence[ReportedFile]) -> str:
    """Lay the ranking out as a table."""
    head = "| # | File | Score | Commits | Fixes | Lines changed | Lines | Main author | Away | Last change |"
    rule = "|---:|---|---:|---:|---:|---:|---:|---|---:|---|"
    return "\n".join([head, rule, *(_row(place, file) for place, file in enumerate(files, start=1))])


def _row(place: int, file: ReportedFile) -> str:
    measured = file["measured"]
    if measured is None:
        return f"| {place} | {code(file['path'])} | {file['score']:.2f} | - | - | - | - | - | - | - |"
    owner = f"{plain(measured['owner'])} {measured['owner_share']:.0%}" if measured["owner"] else "-"
    return (
        f"| {place} | {code(file['path'])} | {file['score']:.2f} | {measured['commits']} | {measured['fixes']} | "
        f"{measured['lines_changed']:,} | {measured['lines']:,} | {owner} | {measured['away_share']:.0%} | "
        f"{day(measured['last_change'])} |"
    )
