"""What the tests of the language share: reading and checking a text in one go."""

from collections.abc import Callable

import pytest
from hypothesis import settings

from translator.language.document import Document
from translator.language.model import Spec
from translator.language.problems import Problem
from translator.language.reading import read
from translator.language.shape import check_shape

settings.register_profile("language", deadline=None)  # a busy machine is no failure
settings.load_profile("language")

HEAD = "apiVersion: specloom/v1\nkind: Workflow\nmetadata: {name: test}\n"


@pytest.fixture
def problems_of() -> Callable[[str], list[Problem]]:
    """Return the problems of a whole spec, whether of the text or of its shape."""

    def problems(text: str) -> list[Problem]:
        found = read(text.encode(), "yaml")
        return check_shape(found)[1] if isinstance(found, Document) else found

    return problems


@pytest.fixture
def spec_of() -> Callable[[str], Spec]:
    """Return the spec of a body that stands under the usual head; it must have no problems."""

    def spec(body: str) -> Spec:
        document = read((HEAD + body).encode(), "yaml")
        assert isinstance(document, Document), document
        found, problems = check_shape(document)
        assert found is not None, problems
        return found

    return spec


@pytest.fixture
def body_problems(problems_of: Callable[[str], list[Problem]]) -> Callable[[str], list[Problem]]:
    """Return the problems of a body that stands under the usual head; its first line is line 4."""
    return lambda body: problems_of(HEAD + body)
