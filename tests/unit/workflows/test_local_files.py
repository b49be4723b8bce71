"""Paths in the place of URIs, where a schema wants a file."""

from pathlib import Path

import pytest

from workflows.errors import StepError, UnknownArtifact
from workflows.local_files import with_local_files

pytestmark = pytest.mark.anyio
URI = "specloom://uploads/abc"
FILE = {"type": "string", "format": "artifact"}


async def path_of(uri: str) -> Path:
    if uri != URI:
        raise UnknownArtifact
    return Path("/data/abc")


def takes(**fields):
    return {"type": "object", "properties": fields}


@pytest.mark.parametrize(
    ("schema", "given", "wanted"),
    [
        (FILE, URI, "/data/abc"),
        ({"type": "string", "format": "path"}, URI, "/data/abc"),
        ({"type": "string"}, URI, URI),
        ({"type": "string", "format": "uri"}, URI, URI),
        (FILE, "/etc/hosts", "/etc/hosts"),
        (FILE, None, None),
        ({"anyOf": [FILE, {"type": "null"}]}, URI, "/data/abc"),
        ({"$ref": "#/$defs/file"}, URI, "/data/abc"),
        ({"$ref": "#/$defs/round"}, URI, URI),
        ({"type": "array", "items": FILE}, [URI, "x"], ["/data/abc", "x"]),
        (takes(inner=FILE), {"inner": URI, "other": URI}, {"inner": "/data/abc", "other": URI}),
        ({"additionalProperties": FILE}, {"any": URI}, {"any": "/data/abc"}),
    ],
)
async def test_uris_become_paths_where_files_are_wanted(schema, given, wanted):
    whole = {**takes(field=schema), "$defs": {"file": FILE, "round": {"$ref": "#/$defs/round"}}}
    arguments = {"field": given, "plain": URI}
    assert await with_local_files(whole, arguments, path_of) == {"field": wanted, "plain": URI}
    assert arguments["field"] == given


async def test_an_uri_without_bytes_is_an_error_of_the_step():
    with pytest.raises(StepError, match="nothing behind specloom://uploads/other") as raised:
        await with_local_files(takes(a=FILE), {"a": "specloom://uploads/other"}, path_of)
    assert raised.value.error_name == "unknown-artifact"
