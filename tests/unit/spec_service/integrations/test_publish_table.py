import pytest

from spec_service.integrations.publish_table import PublishTarget, read_publish_table
from workflows.catalog_file import CatalogFileError, read_catalog_file


@pytest.fixture
def written(tmp_path):
    def write(text):
        path = tmp_path / "specloom.toml"
        path.write_text(text)
        return path

    return write


def test_no_file_and_no_table_publish_nothing(written, tmp_path):
    assert read_publish_table(tmp_path / "none.toml") is None
    assert read_publish_table(written('[secrets.A]\nenv = "A"\n')) is None


def test_a_path_is_meant_from_the_file(written, tmp_path):
    path = written('[publish]\nrepository = "../bare.git"\n')
    found = read_publish_table(path)
    assert found == PublishTarget(f"{tmp_path}/../bare.git", "main", "", "Specloom <specloom@localhost>")
    assert read_catalog_file(path).path == path  # the catalog leaves the table alone


def test_everything_can_be_said(written):
    text = 'repository = "https://git.example.org/x.git/"\nbranch = "release/1"\nroot = "specs/live"\n'
    text += 'author = "Ann <ann@example.org>"\nusername = "bot"\ntoken_env = "GIT_TOKEN"\n'
    found = read_publish_table(written(f"[publish]\n{text}"))
    assert found == PublishTarget(
        "https://git.example.org/x.git", "release/1", "specs/live", "Ann <ann@example.org>", "bot", "GIT_TOKEN"
    )
    assert found.is_remote


@pytest.mark.parametrize(
    ("line", "told"),
    [
        ('repository = "ssh://git@host/x.git"', "https:"),
        ('repository = "git@host:x.git"', "https:"),
        ('repository = "https://user:secret@host/x.git"', "token_env"),
        ('repository = "x"\nroot = "../up"', "folder inside"),
        ('repository = "x"\nroot = "/etc"', "folder inside"),
        ('repository = "x"\nroot = ".git/hooks"', "folder inside"),
        ('repository = "x"\nbranch = "a..b"', "name of a branch"),
        ('repository = "x"\nbranch = "a.lock"', "name of a branch"),
        ('repository = "x"\nauthor = "nobody"', "is like"),
        ('repository = "x"\nforce = true', "force"),
        ("", "repository"),
    ],
)
def test_mistakes_are_told_and_nothing_secret_with_them(written, line, told):
    with pytest.raises(CatalogFileError) as caught:
        read_publish_table(written(f"[publish]\n{line}\n"))
    assert told in caught.value.message
    assert "secret" not in caught.value.message
