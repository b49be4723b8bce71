"""What `agent_meta` writes on a class, and what it refuses."""

from __future__ import annotations

import ast
import subprocess
import sys
from pathlib import Path

import pytest
from specloom_client import ATTRIBUTE, agent_meta

PACKAGE = Path(__file__).parents[4] / "clients" / "python"


def test_what_is_said_stands_on_the_class_itself():
    @agent_meta("identify-risks", "Finds risks.", tools=("find",), outputs=["risks"], stage="look", tags={"b", "a"})
    class Risks:
        pass

    class Special(Risks):
        pass

    assert vars(Risks)[ATTRIBUTE] == {
        "name": "identify-risks",
        "description": "Finds risks.",
        "tools": ["find"],
        "outputs": ["risks"],
        "stage": "look",
        "tags": ["a", "b"],
        "timeout_seconds": None,
        "max_retries": None,
    }
    assert ATTRIBUTE not in vars(Special)


def test_outputs_may_have_schemas():
    @agent_meta(outputs={"risks": {"type": "array"}}, timeout_seconds=2.5, max_retries=0)
    class Risks:
        pass

    said = vars(Risks)[ATTRIBUTE]
    assert (said["outputs"], said["timeout_seconds"], said["max_retries"]) == ({"risks": {"type": "array"}}, 2.5, 0)


@pytest.mark.parametrize(
    ("said", "error"),
    [
        ({"name": ""}, ValueError),
        ({"name": "1st"}, ValueError),
        ({"name": "late "}, ValueError),
        ({"name": "x" * 64}, ValueError),
        ({"name": 3}, TypeError),
        ({"tools": "search"}, TypeError),
        ({"tools": [1]}, TypeError),
        ({"tags": [""]}, ValueError),
        ({"outputs": {"risks": "array"}}, TypeError),
        ({"timeout_seconds": 0}, ValueError),
        ({"timeout_seconds": float("nan")}, ValueError),
        ({"timeout_seconds": True}, TypeError),
        ({"max_retries": -1}, ValueError),
        ({"max_retries": 1.5}, TypeError),
    ],
)
def test_what_makes_no_sense_is_refused_where_it_stands(said, error):
    with pytest.raises(error):
        agent_meta(**said)


def test_it_decorates_classes_once_and_with_brackets():
    with pytest.raises(TypeError, match="brackets"):

        @agent_meta
        class Bare:
            pass

    with pytest.raises(TypeError, match="class"):
        agent_meta("a")(lambda: None)
    with pytest.raises(ValueError, match="two agent_meta"):
        agent_meta("b")(agent_meta("a")(type("Twice", (), {})))


def test_it_needs_nothing_but_the_standard_library():
    program = (
        f"import sys; sys.path.insert(0, {str(PACKAGE)!r}); import specloom_client\n"
        "specloom_client.agent_meta('a')(type('A', (), {}))\n"
        "roots = {name.partition('.')[0] for name in sys.modules} - set(sys.stdlib_module_names)\n"
        "assert roots <= {'specloom_client', '__main__', '__mp_main__'}, roots\n"
    )
    subprocess.run([sys.executable, "-I", "-S", "-c", program], check=True, timeout=60)


@pytest.mark.parametrize("name", ["__init__.py", "agents.py"])
def test_it_is_written_for_old_interpreters(name):
    """Parses as Python 3.8, and evaluates no annotation."""
    source = (PACKAGE / "specloom_client" / name).read_text()
    ast.parse(source, feature_version=(3, 8))
    assert "from __future__ import annotations" in source
