"""Signals, cached results, uploads, and what a question waits for."""

# ruff: noqa: INP001 - Alembic loads these files by their paths

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Expand."""
    op.add_column("question", sa.Column("kind", sa.String(), nullable=False, server_default="person"))
    op.add_column("question", sa.Column("signal", sa.String(), nullable=True))
    op.add_column("question", sa.Column("key", sa.String(), nullable=True))
    op.create_index(
        "ix_question_signal",
        "question",
        ["tenant", "signal", "key"],
        sqlite_where=sa.text("signal IS NOT NULL AND answered_at IS NULL"),
    )
    op.create_table(
        "signal",
        sa.Column("number", sa.Integer(), nullable=False),
        sa.Column("tenant", sa.String(), nullable=False),
        sa.Column("id", sa.String(), nullable=False),
        sa.Column("run_id", sa.String(), nullable=True),
        sa.Column("name", sa.String(), nullable=False),
        sa.Column("key", sa.String(), nullable=True),
        sa.Column("data", sa.Text(), nullable=True),
        sa.Column("sent_at", sa.String(), nullable=False),
        sa.Column("taken_by_run", sa.String(), nullable=True),
        sa.Column("taken_by", sa.String(), nullable=True),
        sa.ForeignKeyConstraint(["tenant", "run_id"], ["run.tenant", "run.id"]),
        sa.PrimaryKeyConstraint("number"),
        sa.UniqueConstraint("tenant", "id", name="uq_signal"),
    )
    op.create_index("ix_signal_kept", "signal", ["tenant", "name"], sqlite_where=sa.text("taken_by IS NULL"))
    op.create_index("ix_signal_sent_at", "signal", ["sent_at"])
    op.create_table(
        "cached_result",
        sa.Column("tenant", sa.String(), nullable=False),
        sa.Column("key", sa.String(), nullable=False),
        sa.Column("run_id", sa.String(), nullable=False),
        sa.Column("kept", sa.Text(), nullable=False),
        sa.Column("cached_at", sa.String(), nullable=False),
        sa.Column("expires_at", sa.String(), nullable=True),
        sa.ForeignKeyConstraint(["tenant", "run_id"], ["run.tenant", "run.id"]),
        sa.PrimaryKeyConstraint("tenant", "key"),
    )
    op.create_index(
        "ix_cached_result_expires_at",
        "cached_result",
        ["expires_at"],
        sqlite_where=sa.text("expires_at IS NOT NULL"),
    )
    op.create_table(
        "upload",
        sa.Column("tenant", sa.String(), nullable=False),
        sa.Column("sha256", sa.String(), nullable=False),
        sa.Column("bytes", sa.Integer(), nullable=False),
        sa.Column("media_type", sa.String(), nullable=False),
        sa.Column("uploaded_at", sa.String(), nullable=False),
        sa.Column("used_at", sa.String(), nullable=False),
        sa.PrimaryKeyConstraint("tenant", "sha256"),
    )
    op.create_index("ix_upload_used_at", "upload", ["used_at"])


def downgrade() -> None:
    """Contract again."""
    for table in ("upload", "cached_result", "signal"):
        op.drop_table(table)
    op.drop_index("ix_question_signal", "question")
    for column in ("key", "signal", "kind"):
        op.drop_column("question", column)
