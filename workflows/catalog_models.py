"""The catalog file's tables of models and of prompts."""
# ruff: noqa: RUF012 - pydantic copies the defaults of tables

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

from pydantic import Field, model_validator

from workflows.agents.cards import DEFAULT_BYTES, DEFAULT_SECONDS, FAKE, ModelCard, ScriptedAnswer, ScriptedCall
from workflows.agents.prompts import PromptGroup
from workflows.catalog_words import NO_VERSION, Table, Text, Url, Version, duration, size
from workflows.usage import Price

_Amount = Annotated[float, Field(ge=0, allow_inf_nan=False, strict=False)]
_Tokens = Annotated[int, Field(ge=0, lt=2**31)]
_LEAST_ANSWER = 1024


class _CallTable(Table):
    tool: Text
    arguments: dict[str, Any] = {}


class _AnswerTable(Table):
    when: Text | None = None
    text: str | None = None
    json_: Annotated[Any, Field(alias="json")] = None
    calls: list[_CallTable] = []
    tokens_in: _Tokens | None = None
    tokens_out: _Tokens | None = None
    pause: Annotated[float, duration()] | None = None
    error: Text | None = None

    @model_validator(mode="after")
    def _says_something(self) -> _AnswerTable:
        if not ({"text", "json_", "calls", "error"} & self.model_fields_set):
            raise ValueError("has an answer that says nothing: give `text`, `json`, `calls` or `error`")
        return self

    def answer(self) -> ScriptedAnswer:
        return ScriptedAnswer(
            when=self.when,
            text=self.text,
            value=self.json_,
            has_value="json_" in self.model_fields_set,
            calls=tuple(ScriptedCall(one.tool, one.arguments) for one in self.calls),
            tokens_in=self.tokens_in,
            tokens_out=self.tokens_out,
            seconds=self.pause or 0.0,
            error=self.error,
        )


class ModelTable(Table):
    """A `[models.NAME]` table."""

    provider: Text
    model: Text | None = None
    base_url: Url | None = None
    api_key: Text | None = None
    price_in: _Amount | None = None
    price_out: _Amount | None = None
    price_cached: _Amount | None = None
    max_tokens: Annotated[int, Field(ge=1, lt=2**31)] | None = None
    max_bytes: Annotated[int, size(_LEAST_ANSWER)] | None = None
    timeout: Annotated[float, duration()] | None = None
    temperature: Annotated[float, Field(ge=0, le=2, strict=False)] | None = None
    streaming: bool = True
    retries: Annotated[int, Field(ge=0, le=10)] = 0
    script: list[_AnswerTable] = []

    @model_validator(mode="after")
    def _can_answer(self) -> ModelTable:
        if self.provider == FAKE and not self.script:
            raise ValueError('has no `script`: a fake model answers from one, such as [{text = "Done."}]')
        if self.provider != FAKE and self.model is None:
            raise ValueError("has no `model`: add the name by which its provider knows it")
        if self.provider != FAKE and self.script:
            raise ValueError('has a `script`, which only the provider "fake" reads: take it out')
        if (self.price_in is None) != (self.price_out is None):
            raise ValueError("has one price of two: give `price_in` and `price_out`, in USD per million tokens")
        return self


ANSWER_KEYS = tuple(one.alias or name for name, one in _AnswerTable.model_fields.items())
"""What an answer of a script may hold."""


class PromptsTable(Table):
    """A `[prompts.GROUP]` table."""

    folder: Text
    version: Version = NO_VERSION


def model_card(name: str, table: ModelTable) -> ModelCard:
    """Return what running needs of a model."""
    return ModelCard(
        name=name,
        provider=table.provider,
        model=table.model or "",
        base_url=table.base_url,
        secret=table.api_key,
        price=_price(table),
        max_tokens=table.max_tokens,
        seconds=table.timeout or DEFAULT_SECONDS,
        max_bytes=table.max_bytes or DEFAULT_BYTES,
        temperature=table.temperature,
        streaming=table.streaming,
        retries=table.retries,
        script=tuple(one.answer() for one in table.script),
    )


def _price(table: ModelTable) -> Price | None:
    if table.price_in is None or table.price_out is None:
        return None
    return Price(table.price_in, table.price_out, table.price_cached)


def prompt_group(name: str, table: PromptsTable, folder: Path) -> PromptGroup:
    """Return where a group of prompts lies."""
    return PromptGroup(name, folder / table.folder, table.version)
