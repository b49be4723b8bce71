"""From stored things to what callers are shown of them."""

from __future__ import annotations

from dataclasses import asdict

from spec_service.ports import StoredSpec
from spec_service.views import ArtifactView, EntryView, PublicationView, SourceView, SpecView
from translator.planning.catalog import CatalogEntry
from translator.planning.plan import Advice
from workflows.records import ArtifactStored


def spec_view(stored: StoredSpec) -> SpecView:
    """Show a revision of a spec."""
    return SpecView(
        id=stored.id,
        name=stored.name,
        version=stored.version,
        revision=stored.revision,
        digest=stored.digest,
        description=stored.description,
        labels=dict(stored.labels),
        created_at=stored.created_at,
        warnings=tuple(Advice(**one) for one in stored.warnings),
        source=SourceView(**asdict(stored.source)),
        published=PublicationView(**asdict(stored.published)) if stored.published else None,
        retired_at=stored.retired_at,
    )


def artifact_view(stored: ArtifactStored) -> ArtifactView:
    """Show an artifact."""
    return ArtifactView(
        path=stored.path,
        uri=f"specloom://runs/{stored.run_id}/artifacts/{stored.path}",
        bytes=stored.bytes,
        sha256=stored.sha256,
        media_type=stored.media_type,
        step=stored.step,
        created_at=stored.at,
    )


def entry_view(entry: CatalogEntry) -> EntryView:
    """Show a version of a stage or tool."""
    return EntryView(
        kind=entry.kind,
        name=entry.name,
        version=entry.version,
        description=entry.description,
        parameters=entry.parameters,
        result=entry.result,
        source_digest=entry.source_digest,
        secrets=entry.secrets,
    )
