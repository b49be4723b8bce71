"""The root of all errors that Specloom raises on purpose."""

from __future__ import annotations

from typing import ClassVar


class SpecloomError(Exception):
    """Something went wrong."""

    name: ClassVar[str] = "error"  # stable, kebab-case; a subclass's docstring is its default message

    def __init__(self, message: str | None = None) -> None:
        super().__init__(message or (self.__doc__ or "").partition("\n")[0])

    @property
    def message(self) -> str:
        """Return the text for people."""
        return str(self)
