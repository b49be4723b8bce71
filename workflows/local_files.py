"""Hands bytes over to tools and stages: where they want a file, the URI of an artifact becomes a path of this machine.

Only the call itself sees the path. What is recorded, and what the next step is given, stays a URI.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterator, Mapping
from pathlib import Path
from typing import Any, cast

from translator.planning.plan import JsonSchema
from workflows.errors import StepError, UnknownArtifact

Json = Any
PathOf = Callable[[str], Awaitable[Path]]
_SCHEME = "specloom://"
_FORMATS = frozenset({"artifact", "path"})
_CHOICES = ("anyOf", "oneOf", "allOf")
_MAX_DEPTH = 16  # of references to references, which may go round


async def with_local_files(schema: JsonSchema, arguments: Mapping[str, Json], path_of: PathOf) -> dict[str, Json]:
    """Return arguments in which each URI that stands where a file is wanted has become its path.

    Raises `StepError` (`unknown-artifact`) when there is nothing behind a URI.
    """
    return cast("dict[str, Json]", await _Hand(schema, path_of).over(schema, dict(arguments)))


class _Hand:
    """One walk through arguments along their schema."""

    def __init__(self, root: JsonSchema, path_of: PathOf) -> None:
        self._root = root
        self._path_of = path_of

    async def over(self, schema: JsonSchema, value: Json) -> Json:
        """Return a value with paths in the place of URIs."""
        if isinstance(value, str):
            is_file = value.startswith(_SCHEME) and any(one.get("format") in _FORMATS for one in self._all_of(schema))
            return await self._path(value) if is_file else value
        if isinstance(value, dict):
            fields = cast("dict[str, Json]", value)
            return {key: await self._inner(schema, key, inner) for key, inner in fields.items()}
        if isinstance(value, list):
            return [await self._item(schema, inner) for inner in cast("list[Json]", value)]
        return value

    async def _inner(self, schema: JsonSchema, key: str, value: Json) -> Json:
        for one in self._all_of(schema):
            fields: Mapping[str, Json] = one.get("properties") or {}
            found = fields.get(key, one.get("additionalProperties"))
            if isinstance(found, dict):
                value = await self.over(cast("JsonSchema", found), value)
        return value

    async def _item(self, schema: JsonSchema, value: Json) -> Json:
        for one in self._all_of(schema):
            if isinstance(one.get("items"), dict):
                value = await self.over(one["items"], value)
        return value

    async def _path(self, uri: str) -> str:
        try:
            return str(await self._path_of(uri))
        except UnknownArtifact as error:
            raise StepError(f"there is nothing behind {uri}", error_name="unknown-artifact") from error

    def _all_of(self, schema: JsonSchema, depth: int = 0) -> Iterator[JsonSchema]:
        """Yield a schema and those that it is made of."""
        yield schema
        if depth > _MAX_DEPTH:
            return
        for part in (one for key in _CHOICES for one in schema.get(key) or ()):
            if isinstance(part, dict):
                yield from self._all_of(cast("JsonSchema", part), depth + 1)
        target = self._target(schema.get("$ref"))
        if target is not None:
            yield from self._all_of(target, depth + 1)

    def _target(self, reference: Json) -> JsonSchema | None:
        if not isinstance(reference, str) or not reference.startswith("#/"):
            return None
        found: Json = self._root
        for part in reference.removeprefix("#/").split("/"):
            found = cast("JsonSchema", found).get(part) if isinstance(found, dict) else None
        return cast("JsonSchema", found) if isinstance(found, dict) else None
