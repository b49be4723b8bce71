"""Commit a spec's exact text to the repository that the operator configured."""

from __future__ import annotations

from spec_service.errors import PublishUnavailable, SpecRetired, UnknownSpec
from spec_service.ports import FileToCommit, Publication, StoredSpec
from spec_service.publishing import Base, MovedOnCheck, text_digest
from spec_service.requests import PublishRequest
from spec_service.services import Services
from spec_service.views import Published


async def publish_spec(services: Services, spec_id: str, request: PublishRequest) -> Published:
    """Commit a revision, and remember where.

    Raises `UnknownSpec`, `SpecRetired`, `PublishUnavailable`, `PublishFailed`, `PathNotAllowed`, `FileMovedOn`.
    """
    repository = services.repository
    if repository is None:
        raise PublishUnavailable
    stored = await services.specs.get(spec_id)
    if stored.retired_at is not None:
        raise SpecRetired
    published = await services.specs.publications(stored.name)
    path = request.path or _path(stored, published, repository.root)
    full = f"{repository.root}/{path}".strip("/")
    base = Base(request.base, await _text_of(services, request.base)) if request.has_base else None
    file = FileToCommit(
        path=path,
        data=stored.text.encode(),
        message=request.message or _message(stored),
        check=MovedOnCheck(full, base, published, _spec_digest),
        author=request.author,
    )
    done = await repository.commit(file)
    note = Publication(done.commit, done.branch, done.path, text_digest(file.data))
    await services.specs.note_published(stored.name, stored.revision, note)
    return Published(
        spec=stored.id,
        digest=stored.digest,
        commit=done.commit,
        branch=done.branch,
        path=done.path,
        is_new=done.is_new,
    )


def _path(stored: StoredSpec, published: tuple[Publication, ...], root: str) -> str:
    """Return where the name was published last, or a file of its name."""
    start = f"{root}/" if root else ""
    last = next((one.path for one in published if one.path.startswith(start)), None)
    return last.removeprefix(start) if last else f"{stored.name}.{stored.media_type}"


def _message(stored: StoredSpec) -> str:
    version = f" {stored.version}" if stored.version else ""
    return f"{stored.name}{version}: revision {stored.revision}\n\nSpec-Digest: sha256:{stored.digest}"


async def _text_of(services: Services, digest: str | None) -> bytes | None:
    """Return the text of the revision with this digest, None where there is none here."""
    try:
        return (await services.specs.get(digest)).text.encode() if digest else None
    except UnknownSpec:
        return None


def _spec_digest(data: bytes) -> str | None:
    from translator.language.digest import spec_digest  # noqa: PLC0415 - with the language
    from translator.language.reading import read  # noqa: PLC0415

    document = read(data, "json" if data.lstrip()[:1] == b"{" else "yaml")
    return None if isinstance(document, list) else spec_digest(document.value)
