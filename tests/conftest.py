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
    """Forget modules of a test's own project: the next one has a `tools` package of its own."""
    yield
    written = [tmp_path_factory.getbasetemp(), EXAMPLES]
    for name, module in list(sys.modules.items()):
        places = [getattr(module, "__file__", None), *list(getattr(module, "__path__", ()))]
        if any(place and Path(place).is_relative_to(one) for place in places for one in written):
            del sys.modules[name]
