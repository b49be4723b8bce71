"""The settings of one command: what its options say, else the environment, else the defaults."""

from __future__ import annotations

import shlex
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from spec_service.cli.complaints import wrong_usage
from spec_service.settings import Settings


@dataclass(frozen=True, slots=True)
class Place:
    """Where a command looks: data directory, catalog and server, None where its options do not say."""

    data: Path | None = None
    catalog: Path | None = None
    server: str | None = None

    def settings(self) -> Settings:
        """Return the settings; raises `Complaint`."""
        return settings_with(data=self.data, catalog=self.catalog, server=self.server)

    def options(self, *, with_catalog: bool = False) -> str:
        """Return the options that lead another command to the same place, ready for a shell."""
        given = {"--data": self.data, "--server": self.server}
        if with_catalog:
            given["--catalog"] = self.catalog
        return "".join(f" {name} {shlex.quote(str(value))}" for name, value in given.items() if value is not None)


def settings_with(**given: Any) -> Settings:
    """Return settings in which what is not None has been set by options; raises `Complaint`."""
    chosen = {name: value for name, value in given.items() if value is not None}
    try:
        return Settings(**chosen)
    except ValidationError as error:
        wrong = [f"{_name(str(one['loc'][0]), chosen)}: {one['msg']}" for one in error.errors(include_input=False)]
        raise wrong_usage(f"a setting is wrong: {wrong[0]}", *wrong[1:]) from None


def quiet_logs(settings: Settings) -> None:
    """Let the log of this process go to standard error: errors only, unless somebody set a level."""
    from spec_service.logs import configure_logs  # noqa: PLC0415 - not needed where nothing is executed here

    level = settings.log_level if "log_level" in settings.model_fields_set else "error"
    configure_logs(settings.model_copy(update={"log_level": level}))


def _name(field: str, chosen: dict[str, Any]) -> str:
    return f"--{field.replace('_', '-')}" if field in chosen else f"SPECLOOM_{field.upper()}"
