"""Take bytes that runs can be given as inputs."""

from __future__ import annotations

import re
from collections.abc import AsyncGenerator, AsyncIterable

from structlog.stdlib import get_logger

from spec_service.errors import Refused
from spec_service.services import Services
from spec_service.views import UploadView
from translator.language.problems import Problem

_MEDIA_TYPE = re.compile(r"[A-Za-z0-9!#$&^_.+-]{1,64}/[A-Za-z0-9!#$&^_.+-]{1,64}")
_UNKNOWN = "application/octet-stream"
log = get_logger("specloom.operations")


async def upload(services: Services, content: AsyncIterable[bytes], media_type: str) -> tuple[UploadView, bool]:
    """Keep bytes while they come; False when they were there already.

    Raises `Refused` (`body-too-large`), `JournalError`, and what `content` raises.
    """
    kind = media_type.partition(";")[0].strip().lower()
    limited = _limited(content, services.settings.max_upload_bytes)
    kept, is_new = await services.uploads.put(limited, kind if _MEDIA_TYPE.fullmatch(kind) else _UNKNOWN)
    log.info("upload.kept", sha256=kept.sha256, bytes=kept.bytes, is_new=is_new)
    return UploadView(uri=kept.uri, bytes=kept.bytes, sha256=kept.sha256, media_type=kept.media_type), is_new


def too_large(limit: int) -> Refused:
    """Return the refusal of more bytes than an upload may have."""
    message = f"an upload has at most {limit:,} bytes"
    return Refused([Problem("body-too-large", message, suggestion="the operator can set SPECLOOM_MAX_UPLOAD_BYTES")])


async def _limited(content: AsyncIterable[bytes], limit: int) -> AsyncGenerator[bytes]:
    taken = 0
    async for chunk in content:
        taken += len(chunk)
        if taken > limit:
            raise too_large(limit)
        yield chunk
