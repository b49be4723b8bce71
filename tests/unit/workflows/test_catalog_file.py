"""The catalog file is read whole, and every mistake in it is answered with its line and what to write instead."""

from __future__ import annotations

import textwrap
from pathlib import Path

import pytest

from workflows.catalog_file import CatalogFile, CatalogFileError, read_catalog_file
from workflows.hosting.limits import HostLimits
from workflows.luigi.registry import LuigiGroup
from workflows.tools.registry import ToolGroup
from workflows.tools.secrets import SecretSource

EVERYTHING = """
[luigi.market]
modules = ["pipelines.market"]
path = ["."]
python = ".venv/bin/python"
version = "1.4.0"
workdir = "out"
env = ["MARKET_DB"]
limits = {cpu_seconds = 600, memory = "2GiB", file_size = "1500 kB", processes = 64}
sandbox = "bwrap"
bootstrap = "pipelines.setup:prepare"
poll = "1m30s"
resources = {db = 2}
[luigi.plain]
modules = ["plain"]
[tools.web]
modules = ["tools.web"]
path = ["lib"]
secrets = ["SEARCH_KEY", "OTHER_KEY"]
[tools.web.limits]
memory = 134217728
[secrets.SEARCH_KEY]
env = "SEARCH"
[secrets.OTHER_KEY]
file = "other.key"
[models.default-large]
provider = "openai"
model = "large"
temperature = 0.5
"""


def read(folder: Path, text: str) -> CatalogFile:
    file = folder / "specloom.toml"
    file.write_text(textwrap.dedent(text))
    return read_catalog_file(file)


def mistakes(folder: Path, text: str) -> list[str]:
    with pytest.raises(CatalogFileError) as caught:
        read(folder, text)
    return str(caught.value).replace(f"{folder}/specloom.toml", "FILE").split("\n")


def test_every_key_is_read_and_paths_are_relative_to_the_file(tmp_path: Path) -> None:
    file = read(tmp_path, EVERYTHING)
    market = LuigiGroup(
        name="market",
        modules=("pipelines.market",),
        path=(tmp_path,),
        python=tmp_path / ".venv/bin/python",
        version="1.4.0",
        workdir=tmp_path / "out",
        env=("MARKET_DB",),
        limits=HostLimits(cpu_seconds=600, memory=2**31, file_size=1_500_000, processes=64),
        sandbox="bwrap",
        bootstrap="pipelines.setup:prepare",
        poll_seconds=90.0,
        resources={"db": 2},
    )
    assert file.luigi == (market, LuigiGroup(name="plain", modules=("plain",)))
    secrets = ("SEARCH_KEY", "OTHER_KEY")
    web = ToolGroup("web", ("tools.web",), path=(tmp_path / "lib",), secrets=secrets, limits=HostLimits(memory=2**27))
    assert file.tools == (web,)
    assert file.secrets == {
        "SEARCH_KEY": SecretSource(env="SEARCH"),
        "OTHER_KEY": SecretSource(file=tmp_path / "other.key"),
    }
    assert file.models["default-large"].temperature == 0.5


def test_a_missing_file_is_an_empty_catalog_unless_it_was_named(tmp_path: Path) -> None:
    assert read_catalog_file(tmp_path / "specloom.toml") == CatalogFile()
    with pytest.raises(CatalogFileError, match=r"nowhere\.toml: there is no such catalog file"):
        read_catalog_file(tmp_path / "nowhere.toml", is_named=True)


def test_keys_of_others_are_left_alone(tmp_path: Path) -> None:
    file = tmp_path / "specloom.toml"
    file.write_text("port = 1\n")
    assert read_catalog_file(file, also_known=["port"]).luigi == ()


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("a = [1\nb = 2", "FILE:2:1: this is not TOML: Unclosed array"),
        ("[tool.web]\n", "FILE:1: the top of the file has an unknown key `tool`: did you mean `tools`?"),
        ("tools = 3\n", "FILE:1: `tools` must be a table: write [tools.NAME]"),
        ('\n[tools.a]\nmodules = ["a"]\npth = []', "FILE:4: [tools.a] has an unknown key `pth`: did you mean `path`?"),
        ("[tools.a]\n", 'FILE:1: [tools.a] has no `modules`: add `modules = ["your.module"]`'),
        ('[luigi.a]\nmodules = ["a"]\npoll = "0s"', "FILE:3: `poll` of [luigi.a] must be a duration above zero"),
        ('[luigi.a]\nmodules = ["a"]\nresources = {db = -1}', "FILE:3: `resources` of [luigi.a] must be a table of"),
        ('[luigi.a]\nmodules = "a"', "FILE:2: `modules` of [luigi.a] must be a list of modules as Python"),
        ('[luigi.a]\nmodules = ["../a.py"]', "FILE:2: `modules` of [luigi.a] must be a list of modules"),
        ("[luigi.a]\nmodules = []", "FILE:2: `modules` of [luigi.a] must be a list of modules"),
        ('[luigi.a]\nmodules = ["a"]\nversion = "1"', "FILE:3: `version` of [luigi.a] must be a version of three"),
        ('[luigi.a]\nmodules = ["a"]\nsecrets = []', "FILE:3: [luigi.a] has an unknown key `secrets`: known are"),
        ('[luigi.a]\nmodules = ["a"]\nlimits = 3', "FILE:3: `limits` of [luigi.a] must be a table, such as {cpu_"),
        ('[luigi.a]\nmodules = ["a"]\nlimits = {memory = "2 gigs"}',
         "FILE:3: `memory` of `limits` of [luigi.a] must be a size of at least 64 MiB, such as"),
        ('[luigi.a]\nmodules = ["a"]\n[luigi.a.limits]\ncpu_seconds = 1\nmemory = "1MiB"',
         "FILE:5: `memory` of `limits` of [luigi.a] must be a size of at least 64 MiB, such as"),
        ('[luigi.a]\nmodules = ["a"]\nlimits = {file_size = true}',
         "FILE:3: `file_size` of `limits` of [luigi.a] must be a size of at least 1 MiB"),
        ('[tools.a]\nmodules = ["a"]\nlimits = {cpu_seconds = 0}',
         "FILE:3: `cpu_seconds` of `limits` of [tools.a] must be a whole number of seconds, from 1"),
        ('[tools.a]\nmodules = ["a"]\nlimits = {processes = "many"}',
         "FILE:3: `processes` of `limits` of [tools.a] must be a whole number, from 0"),
        ('[tools.a]\nmodules = ["a"]\nlimits = {memori = 1}',
         "FILE:3: `limits` of [tools.a] has an unknown key `memori`: did you mean `memory`?"),
        ('[luigi.a]\nmodules = ["a"]\nsandbox = "jail"', 'FILE:3: `sandbox` of [luigi.a] must be "bwrap" ('),
        ('[luigi.a]\nmodules = ["a"]\nbootstrap = "a.b"', "FILE:3: `bootstrap` of [luigi.a] must be a callable in a"),
        ('[luigi.A]\nmodules = ["a"]', "FILE:1: `A` is no name: a group's name is like `market`"),
        ('[secrets.a-b]\nenv = "A"', "FILE:1: `a-b` is no name: a secret's name is like `SEARCH_KEY`"),
        ("[secrets.A]\n", "FILE:1: [secrets.A] needs exactly one of `env"),
        ('[tools.a]\nmodules = ["a"]\nsecrets = ["K"]', "FILE:3: the secret `K` is not declared: add a table"),
    ],
)  # fmt: skip
def test_a_mistake_is_answered_with_its_line_and_what_to_write(tmp_path: Path, text: str, said: str) -> None:
    found = mistakes(tmp_path, text)
    assert len(found) == 1
    assert found[0].startswith(said)


def test_a_dotted_group_is_told_how_to_be_written(tmp_path: Path) -> None:
    found = mistakes(tmp_path, '[tools.my.group]\nmodules = ["a"]')
    assert (
        'FILE:1: [tools.my] has an unknown key `group`: a group called my.group is written [tools."my.group"]' in found
    )


def test_all_mistakes_come_at_once_in_the_order_of_the_file(tmp_path: Path) -> None:
    found = mistakes(tmp_path, '[tools.a]\nmodules = 1\n[luigi.b]\nmodules = ["b"]\nversion = 2\n[secrets.K]\n')
    assert [one.split(":")[1] for one in found] == ["2", "5", "6"]


def test_no_value_of_the_file_is_echoed(tmp_path: Path) -> None:
    found = mistakes(tmp_path, '[secrets.K]\nenv = "s3cr3t value"\n[tools.a]\nmodules = ["s3cr3t value"]')
    assert len(found) == 2
    assert not any("s3cr3t" in one for one in found)


@pytest.mark.parametrize("content", [b"\xff\xfe", b"a = 1\x00"])
def test_bytes_that_are_no_text_are_refused(tmp_path: Path, content: bytes) -> None:
    file = tmp_path / "specloom.toml"
    file.write_bytes(content)
    with pytest.raises(CatalogFileError, match=r"UTF-8|not TOML"):
        read_catalog_file(file)


def test_the_catalog_of_the_cases_is_read() -> None:
    file = Path(__file__).parents[3].parent / "shared/cases/specloom.toml"
    if not file.exists():
        pytest.skip("../shared/cases is not there")
    found = read_catalog_file(file)
    assert [(one.name, one.version, one.modules) for one in (*found.luigi, *found.tools)] == [
        ("cases", "1.0.0", ("cases_stages",)),
        ("cases", "1.0.0", ("cases_tools",)),
    ]
