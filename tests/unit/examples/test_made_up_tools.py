"""The tools that the library's specs call: offline, and the same every time."""

import asyncio

import pytest

from examples.tools import desk, facts, money, ops, shop, table, text, web


def call(tool, **arguments):
    return asyncio.run(tool.ainvoke(arguments))


def test_a_page_is_there_or_it_is_gone():
    assert call(web.fetch, url="https://mines.example/blue-tin")["title"] == "blue tin (mines)"
    assert call(web.check_link, url="https://mines.example/tin") == {"url": "https://mines.example/tin", "status": 200}
    for tool in (web.fetch, web.check_link):
        with pytest.raises(ValueError, match="404"):
            call(tool, url="https://gone.example/tin")


def test_a_mirror_that_is_not_there_is_an_absence():
    assert call(web.download, file="a", mirror="berlin")["mirror"] == "berlin"
    with pytest.raises(ConnectionError):
        call(web.download, file="a", mirror="atlantis")


@pytest.mark.parametrize(
    ("message", "way"),
    [("Where is my lamp?", "answer"), ("I want my MONEY BACK", "refund"), ("My lawyer says broken", "escalate")],
)
def test_a_message_is_sorted_by_the_first_rule_that_fits(message, way):
    assert call(desk.sort, message=message)["next"] == way


def test_a_word_within_a_word_is_not_the_word():
    assert call(desk.sort, message="There is an issue")["next"] == "answer"


def test_a_change_needs_the_checks_of_its_files():
    assert call(desk.checks, paths=["a.md", "db/migrations/1.py"])["next"] == ["docs", "schema", "tests"]
    assert call(desk.checks, paths=["a.png"])["next"] == ["tests"]
    assert call(desk.check, kind="docs", paths=["a.md", "b.py"]) == {"files": 1}
    with pytest.raises(ValueError, match="no check"):
        call(desk.check, kind="spelling", paths=[])


def test_claims_are_sentences_with_figures_each_once():
    pages = [{"text": "It shines. Half of it is sold!"}, {"text": "Half of it is sold! It costs 3 coins."}, {}]

    assert call(facts.claims, pages=pages) == ["Half of it is sold!", "It costs 3 coins."]
    assert call(facts.verify, claim="Short.")["holds"] is True
    assert call(facts.verify, claim="x" * 91)["holds"] is False


def test_a_shop_knows_its_prices_and_numbers_stay_the_same():
    first, again = (call(shop.reserve, order="A-1", goods=["lamp", "lamp"]) for _ in range(2))
    assert first == again
    assert first["cents"] == 9800
    with pytest.raises(ValueError, match="do not sell"):
        call(shop.reserve, order="A-1", goods=["boat"])
    assert call(shop.ship, reservation=first["reservation"], address="here")["parcel"].startswith("P-")


def test_money_is_converted_by_the_rates_of_the_base():
    rates = call(money.rates, day="2026-03-02", base="USD")["rates"]
    total = call(money.convert, amounts=[{"amount": 5, "currency": "EUR"}], rates=rates, base="USD")
    assert total == {"amount": 6.25, "currency": "USD"}


def test_a_migration_that_drops_is_refused():
    assert call(ops.migrate, sandbox="s", script="create table a; create table b;") == {"statements": 2}
    with pytest.raises(ValueError, match="two steps"):
        call(ops.migrate, sandbox="s", script="DROP table a;")


def test_a_table_is_told_by_its_columns(tmp_path):
    file = tmp_path / "t.csv"
    file.write_text("name,price\ntin,1.5\nlead,2\n")
    assert table.profile.invoke({"file": str(file)}) == {"rows": 2, "columns": ["name", "price"], "numbers": ["price"]}
    assert table.figures.invoke({"file": str(file), "column": "price"})["total"] == 3.5
    with pytest.raises(ValueError, match="numbers only"):
        table.figures.invoke({"file": str(file), "column": "name"})
    file.write_text("name,price\n")
    assert table.profile.invoke({"file": str(file)})["rows"] == 0


def test_a_text_is_translated_word_by_word():
    said = call(text.translate, text="The door is red.", language="de")
    assert (said["text"], said["unknown"]) == ("die Tür ist red.", ["red"])
    assert call(text.terms, text="the Door", wanted=["door", "Acme"]) == {"lacks": ["Acme"]}
    assert call(text.topics, pages=[{"text": "One. Two."}, {"text": "One. Three."}, {}]) == ["One"]


def test_a_report_says_what_its_brief_says_and_grows_until_it_is_good():
    brief = {"text": "# tin\n\n## Facts\n\n- Half of it is sold.\n"}
    drafts = [call(text.report, topic="tin", brief=brief, round=round_)["text"] for round_ in range(3)]
    assert all("- Half of it is sold." in draft for draft in drafts)
    assert call(text.score, text=drafts[0])["score"] < call(text.score, text=drafts[2])["score"] == 1.0
