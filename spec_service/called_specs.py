"""What a spec calls: finds the stored specs that its references mean, at any depth, before it is planned."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Awaitable, Callable, Iterable, Iterator
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Protocol, cast

from spec_service.ports import Revision, SpecStore
from spec_service.requests import Media

if TYPE_CHECKING:  # the language takes a while to load, and a server should listen before that
    from translator.language.document import Document
    from translator.language.model import Node, Spec
    from translator.planning.workflows import FixedWorkflows

_REMEMBERED = 2_000
_NAMES = 200  # among which a name that is unknown is looked for

Choices = tuple[tuple[str, str], ...]
"""References, each with the id of the revision that it means and the digest of its spec; none for unknown ones."""


class Shelf(Protocol):
    """Where specs that may be called stand."""

    async def revisions(self, name: str) -> tuple[Revision, ...]:
        """Return what is in use under a name, the current one first; empty when there is nothing."""
        ...

    async def text(self, name: str, revision: int) -> tuple[bytes, Media]:
        """Return the text of a revision."""
        ...

    async def names(self) -> tuple[str, ...]:
        """Return names that could be meant by one that is not there."""
        ...


@dataclass(frozen=True, slots=True)
class StoreShelf:
    """The specs that are stored."""

    specs: SpecStore

    async def revisions(self, name: str) -> tuple[Revision, ...]:
        """Return what is in use under a name, the current one first; empty when there is nothing."""
        return await self.specs.revisions(name)

    async def text(self, name: str, revision: int) -> tuple[bytes, Media]:
        """Return the text of a revision; raises `UnknownSpec`."""
        stored = await self.specs.get(f"{name}@r{revision}")
        return stored.text.encode(), cast("Media", stored.media_type)

    async def names(self) -> tuple[str, ...]:
        """Return the first names that are in use."""
        page, _ = await self.specs.page(None, _NAMES)
        return tuple(one.name for one in page)


class EmptyShelf:
    """No specs."""

    async def revisions(self, name: str) -> tuple[Revision, ...]:  # noqa: ARG002 - there are none
        """Return nothing."""
        return ()

    async def text(self, name: str, revision: int) -> tuple[bytes, Media]:
        """Raise KeyError."""
        raise KeyError(name, revision)

    async def names(self) -> tuple[str, ...]:
        """Return nothing."""
        return ()


@dataclass(frozen=True, slots=True)
class ComingSpec:
    """A spec that is about to be stored."""

    name: str
    version: str | None
    digest: str
    data: bytes
    media: Media


class ComingShelf:
    """A shelf as it will be when some specs have been stored there, one of a name."""

    def __init__(self, shelf: Shelf, coming: Iterable[ComingSpec]) -> None:
        self._shelf = shelf
        self._coming = {one.name: one for one in coming}

    async def revisions(self, name: str) -> tuple[Revision, ...]:
        """Return what will be in use under a name, the current one first."""
        there, one = await self._shelf.revisions(name), self._coming.get(name)
        if one is None:
            return there
        first = await self._revision(one)
        return (first, *(other for other in there if other.revision != first.revision))

    async def text(self, name: str, revision: int) -> tuple[bytes, Media]:
        """Return the text of a revision, as it will be."""
        one = self._coming.get(name)
        if one is not None and (await self._revision(one)).revision == revision:
            return one.data, one.media
        return await self._shelf.text(name, revision)

    async def names(self) -> tuple[str, ...]:
        """Return names that could be meant by one that is not there."""
        return (*self._coming, *await self._shelf.names())

    async def _revision(self, one: ComingSpec) -> Revision:
        """Return the revision that a spec is already, or will be."""
        there = await self._shelf.revisions(one.name)
        known = next((other for other in there if other.digest == one.digest), None)
        return known or Revision(max((other.revision for other in there), default=0) + 1, one.version, one.digest)


@dataclass(frozen=True, slots=True)
class ReadSpec:
    """A spec that was read and has the right shape."""

    spec: Spec
    document: Document


Read = Callable[[bytes, Media], Awaitable[ReadSpec | None]]


class Callees:
    """Finds what specs call; what a spec refers to is remembered by its digest."""

    def __init__(self, read: Read) -> None:
        self._read = read
        self._references: OrderedDict[str, tuple[str, ...]] = OrderedDict()

    def note(self, digest: str, spec: Spec) -> tuple[str, ...]:
        """Remember and return what a spec refers to."""
        found = self._references[digest] = tuple(dict.fromkeys(references(spec)))
        while len(self._references) > _REMEMBERED:
            self._references.popitem(last=False)
        return found

    def known(self, digest: str) -> tuple[str, ...] | None:
        """Return what a spec of this digest refers to, if that is remembered."""
        return self._references.get(digest)

    async def find(self, references: tuple[str, ...], shelf: Shelf) -> Found:
        """Find what references mean, and what that refers to in turn."""
        found = Found(shelf, self)
        waiting = list(references)
        while waiting:
            waiting = [inner for one in waiting for inner in await found.follow(one)]
        return found

    async def references_of(self, name: str, revision: Revision, found: Found) -> tuple[str, ...]:
        """Return what a revision refers to; nothing when it cannot be read any more."""
        known = self._references.get(revision.digest)
        if known is not None:
            return known
        read = await found.read(name, revision)
        return () if read is None else self.note(revision.digest, read.spec)

    async def read(self, shelf: Shelf, name: str, revision: Revision) -> ReadSpec | None:
        """Read a revision; None when it is no spec any more."""
        return await self._read(*await shelf.text(name, revision.revision))


@dataclass(slots=True)
class Found:
    """What was found for one spec."""

    shelf: Shelf
    callees: Callees
    known: dict[str, tuple[Revision, ...]] = field(default_factory=dict[str, tuple[Revision, ...]])  # by name
    meant: dict[str, int | None] = field(default_factory=dict[str, "int | None"])  # by reference: which of `known`
    texts: dict[tuple[str, int], ReadSpec | None] = field(default_factory=dict[tuple[str, int], "ReadSpec | None"])

    @property
    def choices(self) -> Choices:
        """Return what each reference means; equal choices give equal plans."""
        return tuple(sorted((one, self._shown(one)) for one in self.meant))

    async def follow(self, reference: str) -> tuple[str, ...]:
        """Choose the revision that a reference means, and return what that one refers to."""
        from translator.language.versions import BadReferenceError, parse_workflow_ref  # noqa: PLC0415
        from translator.planning.workflows import newest_fitting  # noqa: PLC0415

        if reference in self.meant:
            return ()
        self.meant[reference] = None
        try:
            wanted = parse_workflow_ref(reference)
        except BadReferenceError:
            return ()  # the check of the shape tells of it
        if wanted.name not in self.known:
            self.known[wanted.name] = await self.shelf.revisions(wanted.name)
        revisions = self.known[wanted.name]
        number = self.meant[reference] = newest_fitting(wanted, [one.version for one in revisions])
        if number is None:
            return ()
        return await self.callees.references_of(wanted.name, revisions[number], self)

    async def read(self, name: str, revision: Revision) -> ReadSpec | None:
        """Read a revision, once."""
        key = (name, revision.revision)
        if key not in self.texts:
            self.texts[key] = await self.callees.read(self.shelf, name, revision)
        return self.texts[key]

    async def workflows(self) -> FixedWorkflows:
        """Return the specs that are meant; where none is, those that would be there."""
        from translator.planning.workflows import FixedWorkflows, StoredSpec  # noqa: PLC0415

        stored: list[StoredSpec] = []
        for name, revisions in self.known.items():
            for number in sorted(self._wanted(name)):
                one = revisions[number]
                read = await self.read(name, one)
                if read is not None:
                    stored.append(StoredSpec(name, one.version, one.revision, read.spec, read.document, one.digest))
        is_lacking = any(not revisions for revisions in self.known.values())
        return FixedWorkflows(stored, await self.shelf.names() if is_lacking else ())

    def _wanted(self, name: str) -> set[int]:
        """Return which revisions of a name planning must know."""
        meant = [number for reference, number in self.meant.items() if reference.partition("@")[0] == name]
        shown = range(min(5, len(self.known[name]))) if None in meant else ()  # what is available instead
        return {*shown, *(number for number in meant if number is not None)}

    def _shown(self, reference: str) -> str:
        number, name = self.meant[reference], reference.partition("@")[0]
        if number is None:
            return ""
        one = self.known[name][number]
        return f"r{one.revision} {one.version} {one.digest}"


def references(spec: Spec) -> Iterator[str]:
    """Walk through the workflows that the nodes of a spec call, as they are written."""
    waiting: list[Node] = [*spec.nodes.values(), *spec.finally_.values()]
    while waiting:
        node = waiting.pop()
        if node.workflow is not None:
            yield node.workflow
        agent = node.agent or (node.decide.agent if node.decide else None)
        if agent is not None:
            yield from (one.workflow for one in agent.tools if not isinstance(one, str) and one.workflow is not None)
            yield from agent.delegates
        waiting.extend(node.nodes.values())
