"""The harnesses of the catalog with the places where they run: what the engine is given of them."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Any

from workflows.agents.cards import Cards, ModelCard
from workflows.agents.harnesses.harness import Harness, Protocol
from workflows.agents.harnesses.ports import Runtime
from workflows.errors import StepError, UnknownSecret
from workflows.ports import Secrets
from workflows.tools.scrubbing import Scrubber
from workflows.usage import Price

Json = Any
ShownBy = Callable[[Iterable[str]], list[str]]
"""Tells which values of secrets lie in variables of the environment."""


class Harnesses:
    """Harnesses by name, the runtime of each protocol, and the models that they may be told of."""

    def __init__(
        self,
        harnesses: Mapping[str, Harness],
        runtimes: Mapping[Protocol, Runtime],
        cards: Cards,
        secrets: Secrets,
        shown_by: ShownBy = lambda _: [],
    ) -> None:
        self._harnesses, self._runtimes = dict(harnesses), dict(runtimes)
        self._cards, self._secrets, self._shown_by = dict(cards), secrets, shown_by

    def harness(self, name: str) -> Harness:
        """Return a harness of the catalog; raises `StepError` when it has it no more."""
        if name not in self._harnesses:
            raise StepError(f"the server's catalog has no harness {name} any more", error_name="unavailable")
        return self._harnesses[name]

    def runtime(self, harness: Harness) -> Runtime:
        """Return where a harness runs; raises `StepError` where nothing runs harnesses of its protocol."""
        if harness.protocol not in self._runtimes:
            message = f"nothing here talks {harness.protocol} to harnesses"
            raise StepError(message, error_name="unavailable")
        return self._runtimes[harness.protocol]

    def card(self, harness: Harness, asked: str | None = None) -> ModelCard | None:
        """Return what the catalog says of the spec's model, or else of the harness's; raises `StepError`."""
        name = asked or harness.model
        if name is None:
            return None
        if name not in self._cards:
            raise StepError(f"the server's catalog has no model {name}", error_name="unavailable")
        return self._cards[name]

    def model(self, card: ModelCard) -> dict[str, Json]:
        """Return what a harness is told of its model, the key included; raises `StepError`."""
        told: dict[str, Json] = {
            "name": card.name,
            "provider": card.provider,
            "model": card.model,
            "base_url": card.base_url,
            "temperature": card.temperature,
            "max_tokens": card.max_tokens,
        }
        return {**told, **({"api_key": self._value(card.secret)} if card.secret else {})}

    def price(self, card: ModelCard | None, named: str) -> Price | None:
        """Return the price of the model that a report names, or else of the one that the harness was given."""
        known = [one for one in self._cards.values() if named and named in {one.name, one.model}]
        found = known[0] if known else card
        return found.price if found else None

    def scrubber(self, harness: Harness, card: ModelCard | None) -> Scrubber:
        """Return what takes all values of secrets that a harness knows out of what it says."""
        key = [self._value(card.secret)] if card and card.secret else []
        return Scrubber([*key, *self._shown_by(harness.env)])

    def _value(self, name: str) -> str:
        try:
            return self._secrets.value(name)
        except UnknownSecret as error:
            raise StepError(error.message, error_name="unavailable") from error
