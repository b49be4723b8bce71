"""The bench on which the engine is tried."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from tests.unit.workflows.bench import Bench
from workflows.hosting.evaluation import Evaluator


@pytest.fixture
async def bench(tmp_path: Path) -> AsyncIterator[Bench]:
    async with Evaluator() as evaluator:
        bench = Bench(tmp_path, evaluator)
        yield bench
        await bench.pool.aclose()
