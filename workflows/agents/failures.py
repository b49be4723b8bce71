"""What it means when a model cannot be reached, refuses, or breaks off: as an error of the step, without secrets."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from workflows.agents.cards import ModelCard
from workflows.errors import StepError
from workflows.tools.scrubbing import Scrubber

_TOO_MANY, _LATE, _BROKEN = 429, 408, 500
_DEEPEST = 10
_LONGEST = 300  # characters of what a provider says
_BROKEN_LINES = ("Connect", "Connection", "RemoteProtocol", "ReadError", "WriteError", "Network", "IncompleteRead")
_NO_ANSWER = ("JSONDecodeError", "ResponseValidation", "UnicodeDecodeError")


class TooLarge(StepError):
    """A model answers more than it may."""

    def __init__(self, name: str, most: int) -> None:
        super().__init__(f"the model {name} answered more than {most:,} bytes", error_name="agent-failed")


class AnswerTooLong(Exception):
    """More bytes came over the wire than are taken; raised by whoever reads them."""


def as_step_error(error: BaseException, card: ModelCard, scrubber: Scrubber) -> StepError:
    """Return the error of the step that a failed call of a model stands for."""
    chain = list(_chain(error))
    known = next((one for one in chain if isinstance(one, StepError)), None)
    if known is not None:
        return known
    if any(isinstance(one, AnswerTooLong) for one in chain):
        return TooLarge(card.name, card.max_bytes)
    status = next((found for one in chain if (found := _status(one)) is not None), None)
    if status is not None:
        return _of_status(status, card, scrubber.text(str(error))[:_LONGEST])
    return _of_names(error, chain, card, scrubber)


def _of_names(error: BaseException, chain: Sequence[BaseException], card: ModelCard, scrubber: Scrubber) -> StepError:
    """Tell by the classes of the errors, whose packages need not be there."""
    names = [base.__name__ for one in chain for base in type(one).__mro__]
    if any("Timeout" in name for name in names):
        return StepError(f"the model {card.name} did not answer in time", error_name="timeout")
    if any(name.startswith(_BROKEN_LINES) or "ConnectionError" in name for name in names):
        return StepError(
            f"the connection to the model {card.name} could not be made, or broke", error_name="unavailable"
        )
    if any(part in name for part in _NO_ANSWER for name in names):
        return StepError(f"what the model {card.name} answered is no chat completion", error_name="unavailable")
    said = scrubber.text(f"{type(error).__name__}: {error}")[:_LONGEST]
    return StepError(f"the model {card.name} failed: {said}", error_name="agent-failed")


def _of_status(status: int, card: ModelCard, said: str) -> StepError:
    if status == _TOO_MANY:
        message = f"the model {card.name} takes no more requests for now (status 429)"
        return StepError(message, error_name="rate-limit")
    if status == _LATE:
        return StepError(f"the model {card.name} did not answer in time (status 408)", error_name="timeout")
    if status >= _BROKEN:
        return StepError(f"the model {card.name} is out of order (status {status})", error_name="unavailable")
    return StepError(f"the model {card.name} refused the request (status {status}): {said}", error_name="agent-failed")


def _status(error: BaseException) -> int | None:
    for holder in (error, getattr(error, "response", None)):
        status = getattr(holder, "status_code", None)
        if isinstance(status, int) and status >= 400:  # noqa: PLR2004 - where errors begin
            return status
    return None


def _chain(error: BaseException) -> Iterator[BaseException]:
    """Walk from an error to what caused it."""
    seen = 0
    one: BaseException | None = error
    while one is not None and seen < _DEEPEST:
        yield one
        one, seen = one.__cause__ or one.__context__, seen + 1
