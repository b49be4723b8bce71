import pytest

from examples.tools import text

pytestmark = pytest.mark.anyio


async def test_greet():
    assert await text.greet.ainvoke({"name": "Ada"}) == {"text": "Hello, Ada!"}


async def test_a_draft_grows_and_its_score_rises_above_the_bar_in_the_fourth_round():
    drafts = [(await text.draft.ainvoke({"topic": "cold starts", "round": number}))["text"] for number in range(5)]
    scores = [(await text.score.ainvoke({"text": draft}))["score"] for draft in drafts]

    assert drafts[0].startswith("# Cold starts\n\n## In short\n")
    assert drafts[3] == drafts[4]
    assert scores == [0.25, 0.25, 0.75, 1.0, 1.0]


async def test_score_says_what_is_missing():
    answer = await text.score.ainvoke({"text": "word " * 70})

    assert answer == {
        "score": 0.25,
        "advice": ["divide it into at least three sections", "shorten the sentences", "end with what to do next"],
    }
    assert (await text.score.ainvoke({"text": ""}))["score"] == 0.0


async def test_outline_lists_headings_only():
    answer = await text.outline.ainvoke({"text": "# One\nno # heading\n### Two \n#none\n"})

    assert answer == {"headings": [{"level": 1, "title": "One"}, {"level": 3, "title": "Two"}]}


async def test_merge_keeps_the_order_and_leaves_out_what_is_empty():
    parts = {"B": ["x", {"a": 1, "b": 2}, "cut"], "A": "text", "none": None, "empty": [], "blank": ""}

    answer = await text.merge.ainvoke({"title": "All", "parts": parts, "points": 2})

    assert answer == {"text": "# All\n\n## B\n\n- x\n- a: 1, b: 2\n\n## A\n\ntext\n"}


def test_count_is_a_plain_function():
    assert text.count.coroutine is None
    assert text.count.invoke({"text": "One two. Three!"}) == {
        "words": 3,
        "sentences": 2,
        "minutes": 1,
        "sha256": "4ce3dffbfe2cc57f4718553a5fa5864e4ef1d928aeca76310a1866a2da0acc20",
    }
    assert text.count.invoke({"text": ""})["minutes"] == 0
