import pytest

from spec_service.storage.owning import claim


@pytest.fixture
def data(tmp_path):
    claim(tmp_path / "data", tmp_path / "data" / "specloom.db", 5).release()
    return tmp_path / "data"


def test_a_backup_becomes_a_data_directory_again(specloom, data, tmp_path):
    made = specloom("backup", tmp_path / "copy", "--data", data)
    assert made.code == 0
    assert made.out.startswith(f"{tmp_path / 'copy'}: 0 runs, 0 of them unfinished; 0 files, 0 bytes\n")
    restored = specloom("restore", tmp_path / "copy", "--data", tmp_path / "again")
    assert restored.code == 0
    assert f"specloom dev --data {tmp_path / 'again'} goes on" in restored.out
    assert (tmp_path / "again" / "specloom.db").exists()


def test_nothing_is_restored_over_something(specloom, data, tmp_path):
    assert specloom("backup", tmp_path / "copy", "--data", data).code == 0
    said = specloom("restore", tmp_path / "copy", "--data", data)
    assert said.code == 1
    assert f"{data} is not empty: name a new directory" in said.err


def test_without_a_data_directory_there_is_nothing_to_back_up(specloom, tmp_path):
    said = specloom("backup", tmp_path / "copy", "--data", tmp_path / "absent")
    assert said.code == 1
    assert "there is nothing to back up" in said.err
