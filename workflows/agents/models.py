"""Makes chat models of what the catalog says: those of providers with LangChain's own maker, and the scripted one."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, cast

from langchain.chat_models import init_chat_model
from langchain_core.language_models import BaseChatModel

from translator.language.expressions import ExpressionEngine
from workflows.agents.cards import FAKE, ModelCard
from workflows.agents.scripted import ScriptedModel
from workflows.errors import StepError

_NO_KEY = "none"  # local servers ask for none; without one the client would look into the server's environment


def make_model(card: ModelCard, key: str, expressions: ExpressionEngine, wire: Mapping[str, Any]) -> BaseChatModel:
    """Return the model of a card; raises `StepError` when its provider is not installed or takes it not so."""
    if card.provider == FAKE:
        return ScriptedModel(card=card, expressions=expressions, streaming=card.streaming)
    given: dict[str, Any] = {
        "base_url": card.base_url,
        "api_key": key or _NO_KEY,
        "temperature": card.temperature,
        "max_tokens": card.max_tokens,
        "timeout": card.seconds,
    }
    options = {name: value for name, value in given.items() if value is not None}
    if card.provider == "openai":
        options |= {"stream_usage": True, "use_responses_api": False, **wire}
    make = cast("Callable[..., BaseChatModel]", init_chat_model)
    try:
        return make(card.model, model_provider=card.provider, max_retries=card.retries, **options)
    except ImportError as error:
        message = f"the model {card.name} needs a package that is not installed: {error}"
        raise StepError(message, error_name="unavailable") from error
    except (TypeError, ValueError) as error:
        message = f"the provider {card.provider} does not take the model {card.name}: {type(error).__name__}"
        raise StepError(message, error_name="agent-failed") from error
