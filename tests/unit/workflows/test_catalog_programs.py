"""Tables of MCP servers and harnesses: what they say, and what is wrong with them."""

from pathlib import Path

import pytest

from workflows.catalog_file import CatalogFileError, read_catalog_file


def read(folder: Path, text: str):
    file = folder / "specloom.toml"
    file.write_text(text)
    return read_catalog_file(file)


def test_commands_are_beside_the_file_and_headers_name_secrets(tmp_path: Path):
    found = read(
        tmp_path,
        """
        [mcp.files]
        command = ["python", "./server.py"]
        args = ["--read-only"]
        [mcp.remote]
        url = "https://mcp.example.com/mcp"
        headers = {Authorization = "Bearer {KEY}"}
        [secrets.KEY]
        env = "KEY"
        [harnesses.coder]
        command = ["./coder", "run"]
        instructions = "AGENTS.md"
        timeout = "5m"
        """,
    )
    files, remote = found.mcp
    assert files.command == ("python", str(tmp_path / "server.py"), "--read-only")
    assert (files.cwd, remote.headers) == (tmp_path, {"Authorization": "Bearer {KEY}"})
    [coder] = found.harnesses
    assert coder.command == (str(tmp_path / "coder"), "run")
    assert (coder.instructions, coder.timeout_seconds) == (tmp_path / "AGENTS.md", 300.0)


def test_the_digest_of_a_harness_knows_its_instructions(tmp_path: Path):
    text = '[harnesses.coder]\ncommand = ["coder"]\ninstructions = "AGENTS.md"\n'
    (tmp_path / "AGENTS.md").write_text("Be brief.")
    before = read(tmp_path, text).harnesses[0].source_digest()
    (tmp_path / "AGENTS.md").write_text("Be verbose.")
    assert read(tmp_path, text).harnesses[0].source_digest() != before


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("[mcp.a]\n", "[mcp.a] needs exactly one of `command = "),
        ('[mcp.a]\nurl = "x"\n', "`url` of [mcp.a] must be an address"),
        ('[mcp.a]\ncomand = ["a"]\n', "did you mean `command`?"),
        ('[mcp.a]\nurl = "http://a"\nenv = ["A"]\n', "are for a `command`"),
        ('[mcp.a]\ncommand = ["a"]\nheaders = {a = "b"}\n', "`headers` are for a `url`"),
        ('[mcp.a]\nurl = "http://a"\nheaders = {a = "{K}"}\n', "the secret `K` of a header is not declared"),
        ('[mcp.a]\ncommand = ["a"]\n[tools.a]\nmodules = ["a"]\n', "there is a group [tools.a] already"),
        ('[harnesses.A]\ncommand = ["a"]\n', "`A` is no name: a harness's name is like `coder`"),
        ('[harnesses.a]\ncommand = ["a"]\nprotocol = "http"\n', '`protocol = "http"` with a `url`'),
        ('[harnesses.a]\ncommand = "a"\n', "`command` of [harnesses.a] must be a program and its arguments"),
    ],
)
def test_mistakes_say_where_and_what_to_write(tmp_path: Path, text: str, says: str):
    with pytest.raises(CatalogFileError) as caught:
        read(tmp_path, text)
    assert says in str(caught.value)
