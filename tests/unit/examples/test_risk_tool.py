import pytest

from examples.tools.risk import rank

pytestmark = pytest.mark.anyio

WEIGHTS = {"hotspot": 2, "churn": 1, "fixes": 1}
FILES = [
    {"path": "b.py", "factors": {"churn": 0.5, "hotspot": 0.5, "ownership": 1.0, "fixes": 0.5}},
    {"path": "a.py", "factors": {"churn": 0.5, "hotspot": 0.5, "ownership": 0.0, "fixes": 0.5}},
    {"path": "c.py", "factors": {"churn": 0.0, "hotspot": 1.0, "ownership": 0.0, "fixes": 0.9}},
]


async def call(**changes):
    return await rank.ainvoke({"files": FILES, "weights": WEIGHTS} | changes)


async def test_files_come_in_order_of_their_weighted_mean_ties_by_name():
    answer = await call()

    assert [(file["path"], file["score"]) for file in answer["files"]] == [
        ("c.py", 0.725),
        ("a.py", 0.5),
        ("b.py", 0.5),
    ]
    assert answer["files"][0]["parts"] == {"churn": 0.0, "hotspot": 0.5, "ownership": 0.0, "fixes": 0.225}
    assert answer["lines"][0] == "0.72  c.py  (complex and busy, fixed often)"
    assert answer["headline"] == "c.py is the riskiest file (0.72): complex and busy, fixed often."


async def test_the_scale_of_the_weights_does_not_matter():
    assert await call(weights={"hotspot": 0.2, "churn": 0.1, "fixes": 0.1}) == await call()


async def test_limit_cuts_the_list():
    assert [file["path"] for file in (await call(limit=1))["files"]] == ["c.py"]


async def test_factors_out_of_range_count_as_the_nearest_end_and_missing_ones_as_nothing():
    answer = await call(
        files=[{"path": "x", "factors": {"hotspot": 7, "churn": -3}}], weights={"hotspot": 1, "churn": 1}
    )

    assert answer["files"][0]["score"] == 0.5


async def test_no_files_are_a_ranking_too():
    assert await call(files=[]) == {"files": [], "lines": [], "headline": "No file changed in this period."}


@pytest.mark.parametrize(
    "weights", [{}, {"churn": 0}, {"churn": -1, "fixes": 2}, {"speed": 1}, {"churn": float("nan")}]
)
async def test_weights_that_weigh_nothing_are_refused(weights):
    with pytest.raises(ValueError, match="weights"):
        await call(weights=weights)


def test_the_arguments_are_described_for_the_catalog():
    schema = rank.args_schema.model_json_schema()

    assert schema["required"] == ["files", "weights"]
    assert schema["properties"]["limit"]["maximum"] == 200
    assert rank.coroutine is not None
