"""Which version of Specloom this is."""

from __future__ import annotations

from importlib.metadata import PackageNotFoundError
from importlib.metadata import version as installed_version


def _version() -> str:
    try:
        return installed_version("specloom")
    except PackageNotFoundError:  # run from a checkout that is not installed
        return "0.0.0"


VERSION = _version()
