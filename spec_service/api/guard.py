"""What stands before every door: the request's id, `Host` and `Origin`, the token, and a bare 500 for our own failures.

A web page that somebody visits can send requests to a server on loopback, and a name that it controls can resolve to
loopback. So `Host` must be a name of ours, and a foreign `Origin` is refused, also without a token.
"""

from __future__ import annotations

import hmac
import re
import time
import uuid
from collections.abc import Mapping
from typing import Any
from urllib.parse import urlsplit

from starlette.datastructures import Headers, MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send
from structlog.stdlib import get_logger

from spec_service.api.problems import INTERNAL, answer_problem
from spec_service.settings import Settings

_LOOPBACK = frozenset({"localhost", "127.0.0.1", "[::1]"})
_HOST = re.compile(r"(?P<name>[A-Za-z0-9._-]{1,253}|\[[0-9A-Fa-f:.]{2,45}\])(?::(?P<port>[0-9]{1,5}))?")
_OPEN = frozenset({"/healthz"})  # needs no token
_HEADERS: Mapping[str, str] = {"x-content-type-options": "nosniff", "cache-control": "no-store"}
log = get_logger("specloom.http")

Refusal = tuple[str, str, Mapping[str, str]]
"""Name, detail and headers."""


class Guard:
    """ASGI middleware around the whole application."""

    def __init__(self, app: ASGIApp, settings: Settings) -> None:
        self._app = app
        self._token = settings.token.get_secret_value().encode() if settings.token else None
        self._origins = frozenset(one.rstrip("/").lower() for one in settings.allowed_origins)
        names = {*_LOOPBACK, *(one.lower() for one in settings.allowed_hosts)}
        # Beyond loopback nobody knows by which names a machine is reached; there a token is required anyway.
        self._hosts = frozenset({*names, settings.host.lower()}) if settings.is_on_loopback else None

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Let a request pass, or answer it."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        request = _Request(scope, send)
        refusal = self._refusal(scope, Headers(scope=scope))
        if refusal is not None:
            name, detail, headers = refusal
            await answer_problem(name, detail, request.id, headers=headers)(scope, receive, request.send)
        else:
            await self._pass(request, receive)
        request.report()

    async def _pass(self, request: _Request, receive: Receive) -> None:
        try:
            await self._app(request.scope, receive, request.send)
        except Exception:
            log.exception("request.broke", request_id=request.id, method=request.scope["method"])
            if request.status == 0:
                answer = answer_problem(INTERNAL, "The server failed; its log tells more.", request.id)
                await answer(request.scope, receive, request.send)

    def _refusal(self, scope: Scope, headers: Headers) -> Refusal | None:
        hosts = headers.getlist("host")
        match = _HOST.fullmatch(hosts[0]) if len(hosts) == 1 else None
        if match is None:
            return "host-not-allowed", "The request needs one valid `Host`.", {}
        if self._hosts is not None and match["name"].lower() not in self._hosts:
            return "host-not-allowed", "This server does not go by that name; see SPECLOOM_ALLOWED_HOSTS.", {}
        for origin in headers.getlist("origin"):
            if not self._is_own(origin, hosts[0]):
                return "origin-not-allowed", "Web pages of other origins may not ask this server.", {}
        if self._token is not None and scope["path"] not in _OPEN and not self._has_token(headers):
            return "unauthenticated", "This door asks for a bearer token.", {"WWW-Authenticate": "Bearer"}
        return None

    def _is_own(self, origin: str, host: str) -> bool:
        try:
            parts = urlsplit(origin)
        except ValueError:
            return False
        if parts.scheme not in ("http", "https"):
            return False
        return parts.netloc.lower() == host.lower() or origin.rstrip("/").lower() in self._origins

    def _has_token(self, headers: Headers) -> bool:
        scheme, _, given = headers.get("authorization", "").partition(" ")
        is_right = hmac.compare_digest(given.strip().encode("latin-1"), self._token or b"")  # the bytes that came
        return scheme.lower() == "bearer" and is_right


class _Request:
    """One request on its way: its id, and what became of it."""

    def __init__(self, scope: Scope, send: Send) -> None:
        self.id = uuid.uuid4().hex
        self.scope: Any = scope
        self.status = 0
        self._send = send
        self._started = time.perf_counter()
        scope.setdefault("state", {})["request_id"] = self.id

    async def send(self, message: Message) -> None:
        """Send on, with the headers that every answer has."""
        if message["type"] == "http.response.start":
            self.status = message["status"]
            headers = MutableHeaders(scope=message)
            headers["x-request-id"] = self.id
            for name, value in _HEADERS.items():
                headers.setdefault(name, value)
        await self._send(message)

    def report(self) -> None:
        """Log the request by its door, never by what was in it."""
        route = getattr(self.scope.get("route"), "path", None)
        milliseconds = round((time.perf_counter() - self._started) * 1000, 1)
        method, status = self.scope["method"], self.status
        log.debug("request.done", request_id=self.id, method=method, door=route, status=status, ms=milliseconds)
