"""Starts the server for one machine, and says where it is and what to try first."""

from __future__ import annotations

import asyncio
import socket
import sys
from contextlib import ExitStack
from pathlib import Path

from spec_service.app import serve as serve_app
from spec_service.cli.complaints import FINE, REPLACED, Complaint, innermost
from spec_service.cli.configuring import settings_with
from spec_service.cli.server_note import noted
from spec_service.errors import DataInUse, FencedOff
from spec_service.logs import configure_logs
from spec_service.settings import Settings

_EVERYWHERE = ("://0.0.0.0:", "://[::]:")


def serve(host: str | None, port: int | None, data: Path | None, catalog: Path | None) -> int:
    """Serve until SIGTERM or Ctrl-C, then let runs come to their next step; returns the exit code.

    Whether the data directory is free is seen when it is opened: a server that is frozen is there, and is replaced.
    """
    settings = settings_with(host=host, port=port, data=data, catalog=catalog)
    _check_port(settings)
    configure_logs(settings)
    with ExitStack() as stack:

        def started(url: str) -> None:
            reached = url
            for everywhere in _EVERYWHERE:
                reached = reached.replace(everywhere, "://127.0.0.1:")
            stack.enter_context(noted(settings.data, reached))
            sys.stderr.write(welcome(reached, settings))
            sys.stderr.flush()

        try:
            asyncio.run(serve_app(settings, started))
        except (DataInUse, FencedOff, BaseExceptionGroup) as error:
            raise _refused(innermost(error)) from error
    sys.stderr.write("specloom: stopped; unfinished runs go on at the next start\n")
    return FINE


def _refused(error: BaseException) -> BaseException:
    """Return what to say when the data directory is, or has become, another server's."""
    if isinstance(error, FencedOff):
        return Complaint(error.message, "the server that took over goes on with them", exit_code=REPLACED)
    return Complaint(error.message) if isinstance(error, DataInUse) else error


def welcome(url: str, settings: Settings) -> str:
    """Return what to say when the server listens: where it is, and the first request."""
    token = ' -H "Authorization: Bearer $SPECLOOM_TOKEN"' if settings.token else ""
    return (
        f"Specloom listens on {url}\n"
        f"  the doors, as OpenAPI   {url}/openapi.json\n"
        f"  data directory          {settings.data.absolute()}\n"
        f"  what specs may name     {settings.catalog_file.absolute()}\n"
        "Try, in another terminal:\n"
        f"  curl -sS{token} {url}/stages\n"
        f"  curl -sS{token} -H 'Content-Type: application/yaml' --data-binary @SPEC.yaml {url}/specs\n"
        "Ctrl-C stops it.\n"
    )


def _check_port(settings: Settings) -> None:
    """Refuse an address that cannot be listened on, before anything is opened; raises `Complaint`."""
    try:
        found = socket.getaddrinfo(settings.host, settings.port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)[0]
        with socket.socket(found[0], socket.SOCK_STREAM) as trial:
            trial.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            trial.bind(found[4])
    except (OSError, UnicodeError) as error:
        reason = error.strerror if isinstance(error, OSError) and error.strerror else str(error)
        raise Complaint(
            f"cannot listen on {settings.host}:{settings.port}: {reason}",
            "--port 0 takes a free port; --host says on which address",
        ) from None
