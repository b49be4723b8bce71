"""Durations as authors write them: `30s`, `5m`, `2h`, `3d`, and together, largest first: `1h30m`, `1m500ms`."""

import re

LONGEST = 3650 * 86_400  # ten years: what is longer is a mistake, and dates overflow
_DURATION = re.compile(
    r"(?=\d)(?:(\d{1,9})d)?(?:(\d{1,9})h)?(?:(\d{1,9})m(?!s))?(?:(\d{1,9})s)?(?:(\d{1,9})ms)?", re.ASCII
)
_SECONDS = (86_400, 3_600, 60, 1, 0.001)


def seconds(text: str) -> float:
    """Return the seconds of a duration such as `90s`, `1h30m` or `250ms`; raise ValueError when it is none."""
    match = _DURATION.fullmatch(text)
    if match is None:
        raise ValueError("not a duration")
    return sum(int(count) * unit for count, unit in zip(match.groups(), _SECONDS, strict=True) if count)


def is_duration(text: str) -> bool:
    """Tell whether `text` is a duration, of whatever length."""
    return _DURATION.fullmatch(text) is not None
