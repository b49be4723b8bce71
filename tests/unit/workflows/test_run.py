from workflows.run import ALLOWED_MOVES, RunError, RunStatus, sources_of


def test_every_status_stands_in_the_table() -> None:
    assert set(ALLOWED_MOVES) == set(RunStatus)


def test_final_statuses_lead_nowhere() -> None:
    assert {status for status in RunStatus if status.is_final} == {
        status for status, targets in ALLOWED_MOVES.items() if not targets
    }


def test_every_status_but_the_first_has_a_source() -> None:
    assert {status for status in RunStatus if not sources_of(status)} == set()
    assert sources_of(RunStatus.RUNNING) == {RunStatus.QUEUED}


def test_an_error_survives_its_json_form() -> None:
    error = RunError("tool-failed", "it broke", node="a", log_uri="specloom://runs/r/artifacts/x.log")
    assert RunError.from_json(error.as_json()) == error
