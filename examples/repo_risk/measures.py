"""Four measures of a file's risk, from its history: churn, hotspots, ownership, fixes; each explained where it is made.

Time is counted back from HEAD's commit, not from the clock, so that the same commit always gives the same figures.
"""

import math
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping
from typing import TypedDict

from .history import Commit, History

DAY = 86_400  # seconds
HALF_LIFE_DAYS = 180  # after half a year, a change counts half: old trouble fades
AWAY_AFTER_DAYS = 180  # who has not committed for half a year may not be there to ask


class FileChurn(TypedDict):
    """How much a file moves: commits and lines of the period, `activity` with older commits counting less."""

    path: str
    commits: int
    fixes: int
    lines_changed: int
    activity: float
    last_change: int


class FileOwnership(TypedDict):
    """Who knows a file: shares of its commits, 0 to 1."""

    path: str
    owner: str
    owner_share: float
    away_share: float
    people: int
    bus_factor: int


class Person(TypedDict):
    """One author: commits in the period, files they know best, and whether they committed lately."""

    name: str
    commits: int
    owns: int
    last_commit: int
    is_away: bool


class Ownership(TypedDict):
    """Who knows the repository; `bus_factor` people together own more than half of its files."""

    bus_factor: int
    people: list[Person]
    files: list[FileOwnership]


class Hotspot(TypedDict):
    """A file that is both complex and changed often; `score` 0 to 1."""

    path: str
    lines: int
    complexity: int
    score: float


class Factors(TypedDict):
    """The parts of a file's risk, each 0 (best of the repository) to 1 (worst)."""

    churn: float
    hotspot: float
    ownership: float
    fixes: float


class FileRisk(TypedDict):
    """One file's factors, and the figures that they were made of."""

    path: str
    factors: Factors
    commits: int
    fixes: int
    lines_changed: int
    lines: int
    complexity: int
    owner: str
    owner_share: float
    away_share: float
    people: int
    last_change: int


class Summary(TypedDict):
    """The repository in a few figures; times in seconds since 1970."""

    name: str
    head: str
    as_of: int
    first_commit: int
    commits: int
    files: int
    people: int
    people_away: int
    bus_factor: int
    busiest_tenth: float
    is_shallow: bool
    is_cut: bool


class Risk(TypedDict):
    """What the ranking weighs: the riskiest files, and the repository's summary."""

    summary: Summary
    files: list[FileRisk]


def measure_churn(history: History) -> list[FileChurn]:
    """Add up each file's commits, fixes and changed lines, newest activity first.

    Files that changed much lately are where defects are found next (Nagappan, Ball: Use of relative code churn
    measures to predict system defect density, 2005).
    """
    rows: dict[str, FileChurn] = {}
    for commit in history["commits"]:
        weight = 0.5 ** (_days_before(history, commit["time"]) / HALF_LIFE_DAYS)
        for change in _one_per_file(commit):
            path, lines = change
            row = rows.setdefault(path, _no_churn(path))
            row["commits"] += 1
            row["fixes"] += commit["is_fix"]
            row["lines_changed"] += lines
            row["activity"] = round(row["activity"] + weight, 4)
            row["last_change"] = max(row["last_change"], commit["time"])
    return sorted(rows.values(), key=lambda row: (-row["activity"], row["path"]))


def _no_churn(path: str) -> FileChurn:
    return FileChurn(path=path, commits=0, fixes=0, lines_changed=0, activity=0.0, last_change=0)


def _one_per_file(commit: Commit) -> Iterable[tuple[str, int]]:
    """Return a commit's changed lines per file: two names of the past may be one file today."""
    lines: Counter[str] = Counter()
    for change in commit["changes"]:
        lines[change["path"]] += change["added"] + change["deleted"]
    return lines.items()


def _days_before(history: History, time: int) -> float:
    """Return how many days before HEAD something happened; never negative, whatever a clock was set to."""
    return max(0, history["as_of"] - time) / DAY


def measure_ownership(history: History) -> Ownership:
    """Find out who knows each file, by shares of its commits; bots know nothing.

    Many small contributors without an owner, or an owner who left, both go with more defects (Bird and others: Don't
    touch my code, 2011). The bus factor takes people in the order of the files they own (Avelino and others, 2016).
    """
    last: dict[str, int] = {}
    commits: Counter[str] = Counter()
    shares: defaultdict[str, Counter[str]] = defaultdict(Counter)
    for commit in history["commits"]:
        author = commit["author"]
        if author.endswith("[bot]"):
            continue
        commits[author] += 1
        last[author] = max(last.get(author, 0), commit["time"])
        for path, _ in _one_per_file(commit):
            shares[path][author] += 1
    away = {author for author, time in last.items() if _days_before(history, time) > AWAY_AFTER_DAYS}
    files = [_own(path, counts, away) for path, counts in sorted(shares.items())]
    owned = Counter(file["owner"] for file in files)
    people = [
        Person(name=name, commits=count, owns=owned[name], last_commit=last[name], is_away=name in away)
        for name, count in _most(commits)
    ]
    return Ownership(bus_factor=_more_than_half(owned), people=people, files=files)


def _own(path: str, counts: Counter[str], away: set[str]) -> FileOwnership:
    """Sum up one file's authors."""
    total = counts.total()
    owner, most = _most(counts)[0]
    return FileOwnership(
        path=path,
        owner=owner,
        owner_share=round(most / total, 4),
        away_share=round(sum(counts[name] for name in away) / total, 4),
        people=len(counts),
        bus_factor=_more_than_half(counts),
    )


def _most(counts: Mapping[str, int]) -> list[tuple[str, int]]:
    """Sort by count, then by name, so that a tie is always broken in the same way."""
    return sorted(counts.items(), key=lambda item: (-item[1], item[0]))


def _more_than_half(counts: Mapping[str, int]) -> int:
    """Return how few of the largest counts make up more than half of them all."""
    half, covered = sum(counts.values()) / 2, 0
    for number, (_, count) in enumerate(_most(counts), start=1):
        covered += count
        if covered > half:
            return number
    return 0


def measure_hotspots(history: History, churn: list[FileChurn]) -> list[Hotspot]:
    """Multiply how often a file changes by how complex it is, both against the repository's largest.

    Complex code that nobody touches does no harm, and simple code may change daily: trouble is where both meet
    (Tornhill: Your Code as a Crime Scene, 2015). Complexity is lines plus indentation levels.
    """
    sizes = {file["path"]: file for file in history["files"]}
    complexity = {path: file["lines"] + file["depth"] for path, file in sizes.items()}
    busiest = max((row["activity"] for row in churn), default=0.0)
    largest = max(complexity.values(), default=0)
    spots = [
        Hotspot(
            path=row["path"],
            lines=sizes[row["path"]]["lines"],
            complexity=complexity[row["path"]],
            score=round(math.sqrt(_part(row["activity"], busiest) * _part(complexity[row["path"]], largest)), 4),
        )
        for row in churn
    ]
    return sorted(spots, key=lambda spot: (-spot["score"], spot["path"]))


def _part(value: float, largest: float) -> float:
    return value / largest if largest else 0.0


def _root_part(value: float, largest: float) -> float:
    """Return the share of the largest on a square-root scale: four times the changes count double."""
    return round(math.sqrt(_part(value, largest)), 4)


def measure_risk(
    history: History, churn: list[FileChurn], ownership: Ownership, hotspots: list[Hotspot], keep: int
) -> Risk:
    """Put the measures side by side as factors from 0 to 1; the `keep` files with the highest mean are handed on.

    Ownership counts half for the main author's share (who else could take over?) and half for the commits of people
    who went away (who could still explain it?).
    """
    owners = {row["path"]: row for row in ownership["files"]}
    spots = {row["path"]: row for row in hotspots}
    most_lines = max((row["lines_changed"] for row in churn), default=0)
    most_fixes = max((row["fixes"] for row in churn), default=0)
    files: list[FileRisk] = []
    for row in churn:
        owner = owners.get(row["path"], _nobody(row["path"]))
        spot = spots[row["path"]]
        factors = Factors(
            churn=_root_part(row["lines_changed"], most_lines),
            hotspot=spot["score"],
            ownership=round((owner["owner_share"] + owner["away_share"]) / 2, 4),
            fixes=_root_part(row["fixes"], most_fixes),
        )
        files.append(_file_risk(row, owner, spot, factors))
    files.sort(key=lambda file: (-_sum(file["factors"]), file["path"]))
    return Risk(summary=_summarise(history, churn, ownership), files=files[:keep])


def _file_risk(row: FileChurn, owner: FileOwnership, spot: Hotspot, factors: Factors) -> FileRisk:
    return FileRisk(
        path=row["path"],
        factors=factors,
        commits=row["commits"],
        fixes=row["fixes"],
        lines_changed=row["lines_changed"],
        lines=spot["lines"],
        complexity=spot["complexity"],
        owner=owner["owner"],
        owner_share=owner["owner_share"],
        away_share=owner["away_share"],
        people=owner["people"],
        last_change=row["last_change"],
    )


def _sum(factors: Factors) -> float:
    return factors["churn"] + factors["hotspot"] + factors["ownership"] + factors["fixes"]


def _nobody(path: str) -> FileOwnership:
    """Describe a file that only bots wrote: nobody to ask, and nobody away."""
    return FileOwnership(path=path, owner="", owner_share=0.0, away_share=0.0, people=0, bus_factor=0)


def _summarise(history: History, churn: list[FileChurn], ownership: Ownership) -> Summary:
    """Count what the report says of the repository as a whole."""
    commits = sorted((row["commits"] for row in churn), reverse=True)
    tenth = commits[: math.ceil(len(commits) / 10)]
    return Summary(
        name=history["name"],
        head=history["head"],
        as_of=history["as_of"],
        first_commit=min((commit["time"] for commit in history["commits"]), default=history["as_of"]),
        commits=len(history["commits"]),
        files=len(churn),
        people=len(ownership["people"]),
        people_away=sum(person["is_away"] for person in ownership["people"]),
        bus_factor=ownership["bus_factor"],
        busiest_tenth=round(_part(sum(tenth), sum(commits)), 4),
        is_shallow=history["is_shallow"],
        is_cut=history["is_cut"],
    )
