import pytest

from examples.repo_risk.history import read_history
from examples.repo_risk.measures import (
    measure_churn,
    measure_hotspots,
    measure_ownership,
    measure_risk,
)

DAY = 86_400


def commit(author, days_ago, *paths, is_fix=False, lines=10):
    changes = [{"path": path, "added": lines, "deleted": 0} for path in paths]
    return {"id": "c", "time": 1000 * DAY - days_ago * DAY, "author": author, "is_fix": is_fix, "changes": changes}


def history(*commits, sizes=None):
    paths = sorted({change["path"] for one in commits for change in one["changes"]})
    files = [{"path": path, "bytes": 1, "lines": (sizes or {}).get(path, 10), "depth": 0} for path in paths]
    return {
        "name": "x", "head": "c", "as_of": 1000 * DAY, "is_shallow": False, "is_cut": False,
        "commits": list(commits), "files": files,
    }  # fmt: skip


def all_of(past, keep=100):
    churn, ownership = measure_churn(past), measure_ownership(past)
    return measure_risk(past, churn, ownership, measure_hotspots(past, churn), keep)


def test_churn_halves_in_half_a_year():
    rows = measure_churn(history(commit("a", 0, "new"), commit("a", 180, "old"), commit("a", 360, "old", is_fix=True)))

    assert [(row["path"], row["activity"]) for row in rows] == [("new", 1.0), ("old", 0.75)]
    assert rows[1] == {
        "path": "old", "commits": 2, "fixes": 1, "lines_changed": 20, "activity": 0.75, "last_change": 820 * DAY,
    }  # fmt: skip


def test_a_clock_in_the_future_counts_as_now():
    assert measure_churn(history(commit("a", -5000, "x")))[0]["activity"] == 1.0


def test_two_old_names_of_a_file_in_one_commit_count_once():
    assert measure_churn(history(commit("a", 0, "x", "x")))[0]["commits"] == 1


def test_ownership_tells_the_owner_who_is_away_and_the_bus_factor():
    found = measure_ownership(
        history(
            commit("Ada", 300, "x"), commit("Ada", 300, "x"), commit("Ada", 300, "x"),
            commit("Grace", 1, "x"), commit("Grace", 1, "y"), commit("renovate[bot]", 0, "y", "z"),
        )
    )  # fmt: skip

    x, y = found["files"]
    assert (x["owner"], x["owner_share"], x["away_share"], x["people"], x["bus_factor"]) == ("Ada", 0.75, 0.75, 2, 1)
    assert (y["owner"], y["owner_share"], y["away_share"]) == ("Grace", 1.0, 0.0)
    assert [(person["name"], person["is_away"], person["owns"]) for person in found["people"]] == [
        ("Ada", True, 1),
        ("Grace", False, 1),
    ]
    assert found["bus_factor"] == 2


def test_a_hotspot_is_both_busy_and_big():
    past = history(
        *[commit("a", 0, "busy-big", "busy-small") for _ in range(4)],
        commit("a", 0, "quiet-big"),
        sizes={"busy-big": 100, "busy-small": 4, "quiet-big": 100},
    )

    spots = measure_hotspots(past, measure_churn(past))

    assert [(spot["path"], spot["score"]) for spot in spots] == [
        ("busy-big", 1.0), ("quiet-big", 0.5), ("busy-small", 0.2),
    ]  # fmt: skip


def test_risk_has_factors_between_0_and_1_and_keeps_the_worst():
    past = history(
        commit("Ada", 0, "worst", is_fix=True, lines=400),
        commit("Bob", 0, "mild", lines=100),
        commit("Cid", 0, "mild", lines=0),
    )

    risk = all_of(past, keep=1)

    assert [file["path"] for file in risk["files"]] == ["worst"]
    assert risk["files"][0]["factors"] == {
        "churn": 1.0,
        "hotspot": pytest.approx(0.7071),
        "ownership": 0.5,
        "fixes": 1.0,
    }
    mild = all_of(past)["files"][1]
    assert mild["factors"] == {"churn": 0.5, "hotspot": 1.0, "ownership": 0.25, "fixes": 0.0}
    assert risk["summary"]["files"] == 2


def test_a_file_of_bots_has_no_owner():
    (file,) = all_of(history(commit("x[bot]", 0, "lonely")))["files"]

    assert (file["owner"], file["people"], file["factors"]["ownership"]) == ("", 0, 0.0)


def test_no_commits_measure_as_nothing():
    risk = all_of(history())

    assert risk["files"] == []
    assert (risk["summary"]["commits"], risk["summary"]["bus_factor"], risk["summary"]["busiest_tenth"]) == (0, 0, 0.0)


def test_the_real_repository_puts_the_engine_first(repository):
    risk = all_of(read_history(str(repository.path), "", 100, ["*.lock"]))

    engine = risk["files"][0]
    assert engine["path"] == "src/engine.py"
    assert (engine["commits"], engine["fixes"], engine["owner_share"], engine["away_share"]) == (4, 2, 0.5, 0.5)
    assert risk["summary"]["people_away"] == 1
