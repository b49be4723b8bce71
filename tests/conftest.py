"""What every test shares: async tests run on asyncio; no logs and no modules of one test reach another."""

import logging
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
import structlog

EXAMPLES = Path(__file__).parents[1] / "examples"


@pytest.fixture(scope="session")
def anyio_backend() -> str:
    return "asyncio"


@pytest.fixture(autouse=True)
def _logs_of_its_own() -> Iterator[None]:
    handlers, level = logging.root.handlers[:], logging.root.level
    yield
    structlog.reset_defaults()
    logging.root.handlers[:] = handlers
    logging.root.setLevel(level)


@pytest.fixture(autouse=True)
def _modules_of_its_own(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """Forget modules of a test's own project, and where they lay: the next one has a `tools` package of its own."""
    yield
    written = [tmp_path_factory.getbasetemp(), EXAMPLES]

    def is_written(place: str | None) -> bool:
        return bool(place) and any(Path(place).is_relative_to(one) for one in written)

    for name, module in sys.modules.copy().items():
        if any(map(is_written, [getattr(module, "__file__", None), *getattr(module, "__path__", ())])):
            del sys.modules[name]
    sys.path[:] = [place for place in sys.path if not is_written(place)]
