"""Where specs come from and are published to, names that are retired, and when a plan was asked for last."""

# ruff: noqa: INP001 - Alembic loads these files by their paths

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Expand."""
    op.add_column("spec", sa.Column("retired_at", sa.String(), nullable=True))
    op.add_column("spec_revision", sa.Column("source", sa.String(), nullable=True))
    op.add_column("spec_revision", sa.Column("published", sa.String(), nullable=True))
    op.add_column("plan", sa.Column("planned_at", sa.String(), nullable=True))
    op.create_index("ix_plan_spec_digest", "plan", ["tenant", "spec_digest"])


def downgrade() -> None:
    """Contract."""
    op.drop_index("ix_plan_spec_digest", table_name="plan")
    op.drop_column("plan", "planned_at")
    op.drop_column("spec_revision", "published")
    op.drop_column("spec_revision", "source")
    op.drop_column("spec", "retired_at")
