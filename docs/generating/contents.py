"""The list of everything that is generated."""

from __future__ import annotations

from docs.generating.commands import commands
from docs.generating.doors import doors
from docs.generating.events import events
from docs.generating.failpoints import failpoints
from docs.generating.language import reference
from docs.generating.library import library
from docs.generating.parts import Part
from docs.generating.problems import problems
from docs.generating.variables import variables
from translator.language.json_schema import spec_json_schema_text

PARTS = (
    Part("specs/schema/specloom-v1.schema.json", spec_json_schema_text),
    Part("docs/language.md", reference, "reference"),
    Part("docs/problems.md", problems, "problems"),
    Part("docs/http.md", doors, "doors"),
    Part("docs/events.md", events, "events"),
    Part("docs/reliability.md", failpoints, "fail-points"),
    Part("docs/cli.md", commands, "commands"),
    Part("docs/cli.md", variables, "variables"),
    *library(),
)
