import pytest

from examples.repo_risk.git import HistoryUnreadable
from examples.repo_risk.history import History, count_lines, is_excluded, read_history, readable

START, DAY = 1_767_225_600, 86_400


def read(repository, since="", max_commits=100, exclude=()) -> History:
    return read_history(str(repository.path), since, max_commits, exclude)


def test_commits_come_newest_first_with_people_times_and_changed_lines(repository):
    history = read(repository)

    assert [commit["author"] for commit in history["commits"]] == [
        "renovate[bot]", "Grace Hopper", "Grace Hopper", "Ada", "Ada",
    ]  # fmt: skip
    assert [commit["is_fix"] for commit in history["commits"]] == [False, True, False, True, False]
    assert history["commits"][0]["changes"] == [{"path": "readme.md", "added": 2, "deleted": 0}]
    assert history["commits"][1]["changes"] == [{"path": "src/engine.py", "added": 1, "deleted": 1}]
    assert history["as_of"] == START + 402 * DAY
    assert history["name"] == "project"
    assert history["head"] == repository.git("rev-parse", "HEAD")


def test_files_of_today_are_measured_and_excluded_ones_are_not(repository):
    files = {file["path"]: file for file in read(repository, exclude=["*.lock"])["files"]}

    assert set(files) == {"src/engine.py", "readme.md"}
    assert files["src/engine.py"]["lines"] == 5
    assert files["src/engine.py"]["depth"] == 1 + 2 + 3 + 1


def test_max_commits_keeps_the_newest_and_says_that_it_cut(repository):
    history = read(repository, max_commits=2)

    assert len(history["commits"]) == 2
    assert history["is_cut"]
    assert not read(repository)["is_cut"]


def test_since_takes_a_date(repository):
    assert len(read(repository, since="2027-01-01")["commits"]) == 3


@pytest.mark.parametrize("since", ["banana", "--output=/tmp/x", "2026-1-1", "yesterday", "2026-01-01\n"])
def test_since_refuses_what_git_would_read_as_now(repository, since):
    with pytest.raises(HistoryUnreadable, match="since: write a date"):
        read(repository, since=since)


def test_a_renamed_file_keeps_its_history(repository):
    repository.git("mv", "src/engine.py", "src/motor.py")
    repository.commit("rename", {}, day=403)
    repository.git("mv", "src/motor.py", "motor.py")
    repository.commit("move", {"src/engine.py": "a new file under the old name\n"}, day=404)

    history = read(repository)

    touched = [change["path"] for commit in history["commits"] for change in commit["changes"]]
    assert touched.count("motor.py") == 6
    assert touched.count("src/engine.py") == 1


def test_unusual_names_become_text_that_any_json_reader_takes(empty_repository):
    empty_repository.commit("odd", {"tab\there.py": "1\n", "ümlaut 猫.py": "2\n", "two\nlines.py": "3\n", "-n": "4\n"})
    latin = b"caf\xe9.py"
    (empty_repository.path / latin.decode("utf-8", "surrogateescape")).write_text("5\n")
    empty_repository.commit("latin", {})

    paths = {file["path"] for file in read(empty_repository)["files"]}

    assert paths == {r"tab\there.py", "ümlaut 猫.py", r"two\nlines.py", "-n", r"caf\xe9.py"}


def test_a_binary_file_has_commits_but_no_lines(empty_repository):
    empty_repository.commit("picture", {"logo.png": b"\x89PNG\0\0\1"})

    history = read(empty_repository)

    assert history["commits"][0]["changes"] == [{"path": "logo.png", "added": 0, "deleted": 0}]
    assert history["files"] == [{"path": "logo.png", "bytes": 7, "lines": 0, "depth": 0}]


def test_links_and_deleted_files_are_left_out(empty_repository):
    (empty_repository.path / "link").symlink_to("gone.py")
    empty_repository.commit("start", {"gone.py": "1\n", "kept.py": "1\n"})
    (empty_repository.path / "gone.py").unlink()
    empty_repository.commit("delete", {})

    history = read(empty_repository)

    assert [file["path"] for file in history["files"]] == ["kept.py"]
    assert [commit["changes"] for commit in history["commits"]] == [[], [{"path": "kept.py", "added": 1, "deleted": 0}]]


def test_one_commit_without_files_is_a_history(empty_repository):
    empty_repository.commit("nothing yet", {})

    history = read(empty_repository)

    assert history["files"] == []
    assert len(history["commits"]) == 1


def test_the_border_of_a_shallow_clone_counts_for_nothing(repository, tmp_path):
    source = f"file://{repository.path}"
    repository.git("clone", "--quiet", "--depth=2", source, str(tmp_path / "shallow"))

    history = read_history(str(tmp_path / "shallow"), "", 100, ())

    assert history["is_shallow"]
    assert [len(commit["changes"]) for commit in history["commits"]] == [1, 0]


def test_a_bare_repository_has_a_name_and_a_history(repository, tmp_path):
    repository.git("clone", "--quiet", "--bare", str(repository.path), str(tmp_path / "mirror.git"))

    history = read_history(str(tmp_path / "mirror.git"), "", 100, ())

    assert history["name"] == "mirror"
    assert len(history["commits"]) == 5


def test_from_a_folder_inside_the_whole_repository_is_read(repository):
    history = read_history(str(repository.path / "src"), "", 100, ())

    assert {file["path"] for file in history["files"]} == {"src/engine.py", "readme.md", "yarn.lock"}


def test_nothing_that_the_repository_configures_is_started(repository, tmp_path):
    trace = tmp_path / "started"
    (repository.path / ".gitattributes").write_text("*.py diff=spy\n")
    for key in (
        "diff.spy.textconv",
        "diff.spy.command",
        "diff.external",
        "core.fsmonitor",
        "gpg.program",
        "core.pager",
    ):
        repository.git("config", key, f"touch {trace};")
    repository.git("config", "log.showSignature", "true")

    assert len(read(repository)["commits"]) == 5
    assert not trace.exists()


def test_no_commit_yet_is_said_plainly(empty_repository):
    with pytest.raises(HistoryUnreadable, match="nothing was committed yet"):
        read(empty_repository)


def test_no_repository_is_said_plainly(tmp_path, monkeypatch):
    monkeypatch.setenv("GIT_DIR", str(tmp_path))  # as in a git hook: must not lead elsewhere

    with pytest.raises(HistoryUnreadable, match="not inside a git repository"):
        read_history("/", "", 10, ())
    with pytest.raises(HistoryUnreadable, match="there is no such folder"):
        read_history(str(tmp_path / "missing"), "", 10, ())


def test_without_git_the_message_names_git(repository, monkeypatch, tmp_path):
    monkeypatch.setenv("PATH", str(tmp_path))

    with pytest.raises(HistoryUnreadable, match="git is not installed"):
        read(repository)


@pytest.mark.parametrize(
    ("path", "pattern", "expected"),
    [
        ("web/node_modules/a/b.js", "node_modules/", True),
        ("node_modules", "node_modules/", False),
        ("deep/uv.lock", "*.lock", True),
        ("docs/CHANGELOG.md", "CHANGELOG*", True),
        ("docs/api/x.md", "docs/*", True),
        ("src/lock.py", "*.lock", False),
    ],
)
def test_patterns_name_folders_paths_and_file_names(path, pattern, expected):
    assert is_excluded(path, [pattern]) is expected


def test_lines_and_depth_count_what_holds_something():
    assert count_lines(b"a\n\n    b\n\tc\n \t  d\n") == (4, 1 + 1 + 1)
    assert count_lines(b"") == (0, 0)
    assert count_lines(b"\0\n\n") == (0, 0)


def test_names_show_what_cannot_be_printed():
    assert readable(b"a\x1b[31m\x00b\xff") == r"a\x1b[31m\x00b\xff"
