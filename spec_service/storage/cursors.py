"""Cursors of pages: opaque to callers, a JSON value to us."""

from __future__ import annotations

import base64
import binascii
import json

from spec_service.errors import BadCursor

_MAX_CURSOR = 512  # characters


def write_cursor(text: str) -> str:
    """Return the cursor of the page after the item that `text` identifies."""
    return base64.urlsafe_b64encode(json.dumps(text).encode()).decode().rstrip("=")


def read_cursor(cursor: str | None) -> str | None:
    """Return what a cursor stands for; raises `BadCursor`."""
    if cursor is None:
        return None
    if len(cursor) > _MAX_CURSOR:
        raise BadCursor
    try:
        value = json.loads(base64.b64decode(cursor + "=" * (-len(cursor) % 4), altchars=b"-_", validate=True))
    except (ValueError, binascii.Error) as error:
        raise BadCursor from error
    if not isinstance(value, str):
        raise BadCursor
    return value
