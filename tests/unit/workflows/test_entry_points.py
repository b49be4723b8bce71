"""Entry points become groups; names that clash or are none are refused with a reason."""

from __future__ import annotations

from importlib.metadata import EntryPoint

from workflows.entry_points import STAGES, TOOLS, entry_point_groups
from workflows.luigi.registry import LuigiGroup
from workflows.tools.registry import ToolGroup


def test_modules_and_objects_become_groups_of_this_interpreter() -> None:
    points = [
        EntryPoint("market", "pipelines.market", STAGES),
        EntryPoint("single", "pipelines.one:Publish", STAGES),
        EntryPoint("web", "tools.web:fetch", TOOLS),
        EntryPoint("else", "x", "console_scripts"),
    ]
    found = entry_point_groups(points, [])
    assert found.luigi == (LuigiGroup("market", ("pipelines.market",)), LuigiGroup("single", ("pipelines.one",)))
    assert found.tools == (ToolGroup("web", ("tools.web:fetch",)),)
    assert found.only == {("single", "Publish")}
    assert found.refused == ()


def test_the_file_wins_and_the_reason_is_told() -> None:
    points = [EntryPoint("web", "b", TOOLS), EntryPoint("web", "a", STAGES), EntryPoint("No Name", "c", TOOLS)]
    found = entry_point_groups(points, [(TOOLS, "web")])
    assert [one.name for one in found.luigi] == ["web"]
    assert found.tools == ()
    assert [(point.value, message.partition(":")[0]) for point, message in found.refused] == [
        ("c", "the entry point's name No Name is no name of a group"),
        ("b", "there is a group web already"),
    ]


def test_the_version_is_that_of_the_package() -> None:
    class Package:
        def __init__(self, version: str) -> None:
            self.version = version

    def version(text: str) -> str:
        point = EntryPoint("web", "a", TOOLS)
        vars(point).update(dist=Package(text))
        return entry_point_groups([point], []).tools[0].version

    assert [version(text) for text in ("1.2.3", "2026.1", "1.0rc1", "v3", "1.2.3.4+local")] == [
        "1.2.3",
        "2026.1.0",
        "1.0.1",
        "3.0.0",
        "1.2.3",
    ]
