"""Files that a command is given: read once, at most so many bytes, with a message that says what is wrong with them."""

from __future__ import annotations

import stat
import sys
from dataclasses import dataclass
from pathlib import Path

from spec_service.cli.complaints import Complaint, wrong_usage
from spec_service.requests import Media

STDIN = "-"


@dataclass(frozen=True, slots=True)
class SpecText:
    """The bytes of a spec, and what to call the place they are from."""

    label: str
    data: bytes
    media: Media

    @property
    def lines(self) -> list[str]:
        """Return the lines of the text as positions count them: they end with LF, CR LF or CR."""
        text = self.data.decode("utf-8", "replace")
        return text.replace("\r\n", "\n").replace("\r", "\n").split("\n")

    @property
    def path(self) -> str:
        """Return the path of the file; `-` for standard input."""
        return STDIN if self.label == "<stdin>" else self.label


def read_spec(name: str, most: int) -> SpecText:
    """Read a spec from a file, or from standard input for `-`; reads one byte more than `most`, so that it shows."""
    if name == STDIN:
        data = sys.stdin.buffer.read(most + 1)
        return SpecText("<stdin>", data, "json" if data.lstrip()[:1] in (b"{", b"[") else "yaml")
    data = read_bytes(Path(name), most + 1)
    return SpecText(name, data, "json" if name.lower().endswith(".json") else "yaml")


def read_bytes(path: Path, most: int) -> bytes:
    """Return at most `most` bytes of a file; raises `Complaint`."""
    try:
        mode = path.stat().st_mode
        if stat.S_ISDIR(mode):
            raise _is_folder(path)
        if not (stat.S_ISREG(mode) or stat.S_ISFIFO(mode)):
            raise wrong_usage(f"{path} is no ordinary file", "name a YAML or JSON file, or - for standard input")
        with path.open("rb") as file:
            return file.read(most)
    except FileNotFoundError:
        raise wrong_usage(f"{path}: there is no such file", *_near(path)) from None
    except OSError as error:
        raise Complaint(f"{path} cannot be read: {error.strerror}", "check who may read it: ls -l") from None
    except ValueError:  # a NUL in the name
        raise wrong_usage("the name of the file has a character that no file name may have") from None


def _is_folder(path: Path) -> Complaint:
    found = sorted(one for one in path.iterdir() if one.suffix in {".yaml", ".yml", ".json"})
    which = "it holds " + ", ".join(str(one) for one in found[:5]) if found else "it holds no YAML or JSON file"
    return wrong_usage(f"{path} is a folder, not a spec", which)


def _near(path: Path) -> list[str]:
    """Return what else might have been meant."""
    if not path.parent.is_dir():
        return [f"there is no folder {path.parent} either (from {Path.cwd()})"]
    from difflib import get_close_matches  # noqa: PLC0415 - only for people who mistyped

    names = [one.name for one in path.parent.iterdir() if one.is_file()]
    close = get_close_matches(path.name, names, n=1)
    if close:
        return [f"did you mean {path.parent / close[0]}?"]
    return [f"looked in {path.parent.absolute()}"]
