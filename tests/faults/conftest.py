"""How much is disturbed: a short form by default, a medium and a long one by option; figures at the end."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from dataclasses import dataclass

import pytest

from tests.faults.forking import Forker

SECONDS = {"short": 300, "medium": 3600, "long": 24 * 3600}


@dataclass(frozen=True)
class Form:
    """How often each thing is done."""

    name: str

    def times(self, short: int, medium: int, long: int) -> int:
        return {"short": short, "medium": medium, "long": long}[self.name]


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--long", action="store_true", help="faults in their long form (hours)")


def _form(config: pytest.Config) -> Form:
    name = "long" if config.getoption("--long", default=False) else os.environ.get("SPECLOOM_FAULTS", "short")
    assert name in SECONDS, f"SPECLOOM_FAULTS is one of {', '.join(SECONDS)}"
    return Form(name)


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """Give a test that takes a `part` as many of them as its form has, so that they can run beside each other."""
    if "part" in metafunc.fixturenames:
        metafunc.parametrize("part", range(_form(metafunc.config).times(1, 2, 20)))


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    seconds = SECONDS[_form(config).name]
    for item in items:
        if "faults" in item.path.parts:
            item.add_marker(pytest.mark.timeout(seconds))


@pytest.fixture(scope="session")
def form(pytestconfig: pytest.Config) -> Form:
    return _form(pytestconfig)


@pytest.fixture(scope="session")
def forker() -> Iterator[Forker]:
    """Return what starts servers."""
    forker = Forker()
    yield forker
    forker.close()


@pytest.fixture
def seed() -> str:
    """Return what decides by chance; SPECLOOM_FAULTS_SEED sets another one."""
    return os.environ.get("SPECLOOM_FAULTS_SEED", "specloom")


@pytest.fixture
def tell(record_property: Callable[[str, object], None]) -> Callable[[str, list[str]], None]:
    """Return what takes lines to print at the end."""

    def tell(title: str, lines: list[str]) -> None:
        record_property("figures", [title, *lines])

    return tell


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    reports = [one for found in terminalreporter.stats.values() for one in found if getattr(one, "when", "") == "call"]
    told = [lines for report in reports for name, lines in report.user_properties if name == "figures"]
    if told:
        terminalreporter.section("faults")
    for title, *lines in told:
        terminalreporter.line(title)
        for line in lines:
            terminalreporter.line(f"  {line}")
