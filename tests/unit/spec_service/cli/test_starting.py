from spec_service.cli.starting import FILES


def test_init_writes_a_project_and_says_the_next_two_commands(specloom, tmp_path):
    said = specloom("init", tmp_path / "demo")
    assert said.code == 0
    assert {str(one.relative_to(tmp_path / "demo")) for one in (tmp_path / "demo").rglob("*") if one.is_file()} == set(
        FILES
    )
    assert [line.split("specloom ")[1].split()[0] for line in said.out.splitlines()[-2:]] == ["plan", "run"]


def test_init_overwrites_nothing(specloom, tmp_path):
    (tmp_path / "specloom.toml").write_text("mine")
    said = specloom("init", tmp_path)
    assert said.code == 1
    assert "has specloom.toml already; nothing was written" in said.err
    assert [one.name for one in tmp_path.iterdir()] == ["specloom.toml"]
    assert (tmp_path / "specloom.toml").read_text() == "mine"


def test_init_into_a_repository_keeps_its_gitignore(specloom, tmp_path):
    (tmp_path / ".gitignore").write_text("dist/\n")
    assert specloom("init", tmp_path).code == 0
    assert (tmp_path / ".gitignore").read_text() == "dist/\n"


def test_init_refuses_a_file(specloom, tmp_path):
    (tmp_path / "x").write_text("")
    assert specloom("init", tmp_path / "x").code == 64
