"""What agents need of the server: its models, made once each, and the graphs of agents, compiled once each."""

from __future__ import annotations

import asyncio
import importlib
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

from translator.language.expressions import ExpressionEngine
from workflows.agents.cards import Cards, ModelCard
from workflows.errors import StepError, UnknownSecret
from workflows.ports import Secrets
from workflows.tools.scrubbing import Scrubber

if TYPE_CHECKING:
    from langchain_core.language_models import BaseChatModel

_MOST_GRAPHS = 256
_ROOMS = ("workflows.agents.models", "workflows.agents.graphs")

Wire = Callable[[ModelCard], Mapping[str, Any]]
"""Tells what a provider's client is made with, so that it reads no more than a card allows."""


def no_wire(card: ModelCard) -> Mapping[str, Any]:
    """Return nothing: the client that the provider's package makes."""
    del card
    return {}


class Agents:
    """The models of the catalog, ready to be asked.

    LangChain's agents are imported when the first one runs, beside the loop: that takes a second or more.
    """

    def __init__(self, cards: Cards, secrets: Secrets, expressions: ExpressionEngine, *, wire: Wire = no_wire) -> None:
        """Take the cards of the catalog; `expressions` compile what scripts of fake models hold."""
        self._cards = dict(cards)
        self._secrets = secrets
        self._expressions = expressions
        self._wire = wire
        self._models: dict[str, tuple[str, BaseChatModel]] = {}  # by name: the key that it was made with, and itself
        self._graphs: dict[str, Any] = {}
        self._is_ready = False

    async def ready(self) -> None:
        """Import what agents stand on."""
        if not self._is_ready:
            for name in _ROOMS:
                await asyncio.to_thread(importlib.import_module, name)
            self._is_ready = True

    def card(self, name: str) -> ModelCard:
        """Return what the catalog says of a model; raises `StepError` when it has it no more."""
        if name not in self._cards:
            message = f"the server's catalog has no model {name} any more"
            raise StepError(message, error_name="unavailable")
        return self._cards[name]

    def scrubber(self, card: ModelCard) -> Scrubber:
        """Return what takes the model's key out of texts."""
        return Scrubber([self._key(card)] if card.secret else [])

    def model(self, card: ModelCard) -> BaseChatModel:
        """Return the chat model, made anew when its key has changed; raises `StepError`."""
        from workflows.agents.models import make_model  # noqa: PLC0415 - langchain takes a second

        key = self._key(card)
        known = self._models.get(card.name)
        if known is None or known[0] != key:
            known = self._models[card.name] = (key, make_model(card, key, self._expressions, self._wire(card)))
        return known[1]

    def graph(self, name: str, make: Callable[[], Any]) -> Any:
        """Return the compiled graph of an agent, by a name for all that it is made of."""
        if name not in self._graphs:
            if len(self._graphs) >= _MOST_GRAPHS:
                self._graphs.clear()
            self._graphs[name] = make()
        return self._graphs[name]

    def _key(self, card: ModelCard) -> str:
        if card.secret is None:
            return ""
        try:
            return self._secrets.value(card.secret)
        except UnknownSecret as error:
            raise StepError(f"the key of the model {card.name}: {error.message}", error_name="agent-failed") from error
