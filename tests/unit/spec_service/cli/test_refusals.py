import pytest

from spec_service.cli.client import ServerRefused
from spec_service.cli.complaints import Complaint, Interrupted
from spec_service.cli.refusals import ADVICE, explained
from spec_service.errors import Refused, ServiceError
from translator.errors import SpecloomError
from translator.language.problem_kinds import KINDS
from translator.language.problems import Problem
from workflows.catalog_file import CatalogFileError
from workflows.errors import UnknownRun


def names_of(kind: type[SpecloomError]) -> set[str]:
    return {kind.name}.union(*(names_of(one) for one in kind.__subclasses__()))


def test_advice_is_for_errors_that_exist():
    assert CatalogFileError.name in ADVICE
    assert set(ADVICE) <= names_of(SpecloomError) | set(KINDS)


def test_an_error_of_ours_is_told_with_its_name_and_what_to_do():
    report = explained(UnknownRun()).report()
    assert report.startswith("specloom: unknown-run: ")
    assert "specloom runs" in report
    assert explained(ServerRefused("unauthenticated", "no")).advice == ADVICE["unauthenticated"]


def test_groups_around_one_error_are_taken_off():
    inner = Complaint("what", "next")
    assert explained(ExceptionGroup("", [ExceptionGroup("", [inner])])) is inner


def test_problems_are_listed_with_their_paths():
    lines = explained(Refused([Problem("invalid-inputs", "is missing", "/inputs/a")])).report().splitlines()
    assert lines == ["specloom: refused", "  /inputs/a: invalid-inputs: is missing"]


@pytest.mark.parametrize("error", [RuntimeError("odd"), ExceptionGroup("two", [ValueError("a"), ValueError("b")])])
def test_what_we_do_not_know_is_a_mistake_of_ours_and_says_where(error):
    with pytest.raises(type(error)) as raised:
        raise error
    report = explained(raised.value).report()
    assert "a mistake of Specloom's own" in report
    assert __file__ in report
    assert "Traceback" not in report


def test_the_system_says_which_file():
    report = explained(FileNotFoundError(2, "No such file", "x.toml")).report()
    assert report == "specloom: x.toml: No such file"


def test_exit_codes_follow_from_what_happened():
    assert explained(ServiceError()).exit_code == 1
    assert Interrupted().exit_code == 130
