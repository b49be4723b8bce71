import subprocess
import sys

import pytest

from spec_service.cli.app import COMMANDS

NAMES = [command.__name__ for commands in COMMANDS.values() for command in commands]
HEAVY = (
    "pydantic",
    "langgraph",
    "langchain_core",
    "fastapi",
    "sqlalchemy",
    "luigi",
    "httpx2",
    "uvicorn",
    "yaml",
    "rich",
)


def test_help_shows_every_command_under_its_heading_on_one_line(specloom):
    said = specloom("--help")
    assert said.code == 0
    lines = said.out.splitlines()
    for heading, commands in COMMANDS.items():
        at = lines.index(f"{heading}:")
        for offset, command in enumerate(commands, 1):
            name, text = lines[at + offset].split(maxsplit=1)
            assert name == command.__name__
            assert text.endswith(".")
    assert max(map(len, lines)) <= 110
    assert "Example:" in lines


def test_help_of_a_fresh_process_loads_nothing_heavy():
    program = (
        "import sys\n"
        "from spec_service.cli import main\n"
        "try:\n    main(['--help'])\nexcept SystemExit as ended:\n    assert ended.code == 0\n"
        f"print(*[name for name in {HEAVY!r} if name in sys.modules], file=sys.stderr)\n"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert done.stderr.split() == []
    assert "specloom init demo" in done.stdout


@pytest.mark.parametrize("name", NAMES)
def test_every_command_has_help_of_its_own(specloom, name):
    said = specloom(name, "--help")
    assert said.code == 0
    assert f"specloom {name}" in said.out


def test_no_command_shows_the_help_and_is_wrong_usage(specloom):
    said = specloom()
    assert said.code == 64
    assert said.out.startswith("Usage: specloom COMMAND")


def test_version_is_an_option_and_a_command(specloom):
    said = specloom("--version")
    assert (said.code, said.out.split()[0]) == (0, "specloom")
    assert said.out.split()[1] in specloom("version").out
