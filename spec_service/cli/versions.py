"""Which versions are installed."""

from __future__ import annotations

from importlib.metadata import PackageNotFoundError, version

FROM_SOURCE = "0+unknown"


def own_version() -> str:
    """Return the version of Specloom; it is unknown when its source is used without having been installed."""
    return version_of("specloom") or FROM_SOURCE


def version_of(package: str) -> str | None:
    """Return the version of an installed package, or None."""
    try:
        return version(package)
    except PackageNotFoundError:
        return None
