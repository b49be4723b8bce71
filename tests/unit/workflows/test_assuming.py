"""A catalog of what specs name, for tests without one."""

from workflows.assuming import assumed_catalog

DOCUMENT = {
    "secrets": ["KEY"],
    "nodes": {
        "a": {"tool": "web.fetch@^2.1"},
        "b": {"dag": {"c": {"luigi": "market.Publish@~1.4"}, "d": {"decide": {"among": ["x"], "tool": "desk.sort"}}}},
        "e": {"wait": {"poll": {"tool": "web.fetch@1"}}},
    },
    "finally": {"f": {"tool": "chat.post@*"}},
}


def test_everything_that_is_named_is_there_at_the_oldest_version_that_fits():
    catalog = assumed_catalog([DOCUMENT, {"nodes": {"a": {"tool": "web.fetch@2.1"}}}])

    assert catalog.names("tool") == ("chat.post", "desk.sort", "web.fetch")
    assert catalog.names("stage") == ("market.Publish",)
    assert [one.version for one in catalog.versions("tool", "web.fetch")] == ["2.1.0", "1.0.0"]
    assert catalog.versions("stage", "market.Publish")[0].version == "1.4.0"
    assert catalog.versions("tool", "desk.sort")[0].secrets == ("KEY",)


def test_what_is_no_reference_and_no_document_is_left_to_the_checks():
    catalog = assumed_catalog([{"nodes": {"a": {"tool": "no reference at all"}, "b": {"tool": {"x": 1}}}}, None, [], 3])

    assert catalog.names("tool") == ()
