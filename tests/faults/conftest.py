"""How much is disturbed: a short form by default, a medium and a long one by option; figures at the end."""

from __future__ import annotations

import json
import os
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

import pytest

from tests.journeys import forking
from tests.journeys.forking import Forker

SECONDS = {"short": 900, "medium": 3600, "long": 24 * 3600}
FIGURES = os.environ.get("SPECLOOM_FAULTS_FIGURES")  # a file that gets a line of JSON for each part of a test


@dataclass(frozen=True)
class Form:
    """How often each thing is done."""

    name: str

    def times(self, short: int, medium: int, long: int) -> int:
        """Return how often a part of a test does its thing."""
        return {"short": short, "medium": medium, "long": long}[self.name]

    @property
    def parts(self) -> int:
        """Return into how many parts a test is cut, which may run beside each other and fail alone."""
        return self.times(1, 2, 10)


class Tell(Protocol):
    """Takes lines to print at the end, and what they were made of."""

    def __call__(self, title: str, lines: list[str], **raw: Any) -> None: ...


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--long", action="store_true", help="faults in their long form (hours)")


def _form(config: pytest.Config) -> Form:
    name = "long" if config.getoption("--long", default=False) else os.environ.get("SPECLOOM_FAULTS", "short")
    assert name in SECONDS, f"SPECLOOM_FAULTS is one of {', '.join(SECONDS)}"
    return Form(name)


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    if "part" in metafunc.fixturenames:
        metafunc.parametrize("part", range(_form(metafunc.config).parts))


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    seconds = SECONDS[_form(config).name]
    for item in items:
        if "faults" in item.path.parts:
            item.add_marker(pytest.mark.timeout(seconds))


@pytest.fixture(scope="session")
def form(pytestconfig: pytest.Config) -> Form:
    return _form(pytestconfig)


@pytest.fixture(scope="session")
def forker() -> Forker:
    """Return what starts servers."""
    return forking.forker()


@pytest.fixture
def seed(request: pytest.FixtureRequest) -> str:
    """Return what decides by chance, for each test and part something else; SPECLOOM_FAULTS_SEED sets another one."""
    return f"{os.environ.get('SPECLOOM_FAULTS_SEED', 'specloom')}/{request.node.name}"


@pytest.fixture
def tell(request: pytest.FixtureRequest) -> Tell:
    """Return what takes lines to print at the end."""

    def tell(title: str, lines: list[str], **raw: Any) -> None:
        request.node.user_properties.append(("figures", [title, *lines]))
        if FIGURES:
            with Path(FIGURES).open("a", encoding="utf-8") as file:
                file.write(json.dumps({"test": request.node.name, **raw}) + "\n")

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
