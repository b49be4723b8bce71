"""What tries of steps have used, and the operator's policies."""

# ruff: noqa: INP001 - Alembic loads these files by their paths

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None

_USED = sa.text("usage IS NOT NULL")


def upgrade() -> None:
    """Expand."""
    op.add_column("run", sa.Column("forked_from", sa.String(), nullable=True))
    op.add_column("run", sa.Column("traceparent", sa.String(), nullable=True))
    op.add_column("run", sa.Column("policies", sa.String(), nullable=True))
    op.add_column("run", sa.Column("parent", sa.String(), nullable=True))
    op.create_index("ix_run_parent", "run", ["tenant", "parent"], sqlite_where=sa.text("parent IS NOT NULL"))
    op.add_column("step_execution", sa.Column("usage", sa.Text(), nullable=True))
    op.create_index("ix_step_execution_used", "step_execution", ["tenant", "started_at"], sqlite_where=_USED)
    op.create_table(
        "policy",
        sa.Column("tenant", sa.String(), nullable=False),
        sa.Column("name", sa.String(), nullable=False),
        sa.Column("current_revision", sa.Integer(), nullable=False),
        sa.Column("created_at", sa.String(), nullable=False),
        sa.Column("retired_at", sa.String(), nullable=True),
        sa.PrimaryKeyConstraint("tenant", "name"),
    )
    op.create_table(
        "policy_revision",
        sa.Column("tenant", sa.String(), nullable=False),
        sa.Column("name", sa.String(), nullable=False),
        sa.Column("revision", sa.Integer(), nullable=False),
        sa.Column("version", sa.String(), nullable=True),
        sa.Column("digest", sa.String(), nullable=False),
        sa.Column("text", sa.Text(), nullable=False),
        sa.Column("media_type", sa.String(), nullable=False),
        sa.Column("created_at", sa.String(), nullable=False),
        sa.PrimaryKeyConstraint("tenant", "name", "revision"),
        sa.UniqueConstraint("tenant", "digest", name="uq_policy_revision_digest"),
        sa.UniqueConstraint("tenant", "name", "version", name="uq_policy_revision_version"),
    )


def downgrade() -> None:
    """Contract."""
    op.drop_table("policy_revision")
    op.drop_table("policy")
    op.drop_index("ix_step_execution_used", table_name="step_execution")
    op.drop_column("step_execution", "usage")
    op.drop_index("ix_run_parent", table_name="run")
    op.drop_column("run", "parent")
    op.drop_column("run", "policies")
    op.drop_column("run", "traceparent")
    op.drop_column("run", "forked_from")
