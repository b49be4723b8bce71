"""A web of a few made-up pages and mirrors: nothing here touches a network, and every answer is always the same."""

import asyncio
import hashlib
from typing import Annotated, Any
from urllib.parse import urlsplit

from langchain_core.tools import tool
from pydantic import Field
from typing_extensions import TypedDict  # pydantic takes no other before Python 3.12

_SITES = {
    "prices": "The price of {topic} rose by 4 percent within a year. Buyers expect it to stay where it is.",
    "mines": "Three new mines for {topic} open next year. The oldest one closes.",
    "makers": "Makers use less {topic} in each product than five years ago. They sell more products.",
    "trade": "Half of all {topic} crosses a border before it is used. Rail carries most of it.",
}
_GONE = ("gone", "moved")
_MIRRORS = {"berlin": 0.05, "lima": 1.5, "osaka": 3.0}  # seconds until a file is there


class Page(TypedDict):
    """A page of the web."""

    url: str
    title: str
    text: str


class Link(TypedDict):
    """A link that leads somewhere, and how it was answered."""

    url: str
    status: int


class Download(TypedDict):
    """A file that was loaded, and the mirror that was first."""

    mirror: str
    file: str
    sha256: str


@tool
async def fetch(
    url: Annotated[str, Field(min_length=1, description="Address of the page.")],
    token: Annotated[str, Field(description="Key of the search service; here it is only looked at.")] = "",
) -> Page:
    """Read a page."""
    del token
    site, topic = _parts(url)
    if site not in _SITES:
        raise ValueError(f"404: there is no page {url}")
    return {"url": url, "title": f"{topic} ({site})", "text": _SITES[site].format(topic=topic)}


@tool
async def check_link(url: Annotated[str, Field(min_length=1, description="Where the link leads.")]) -> Link:
    """Tell how a link is answered; one that leads nowhere is an error."""
    site, _ = _parts(url)
    if site in _GONE:
        raise ValueError(f"404: {url} leads nowhere")
    return {"url": url, "status": 200}


@tool
async def download(
    file: Annotated[str, Field(min_length=1, description="Name of the file.")],
    mirror: Annotated[str, Field(description="berlin, lima or osaka.")],
) -> Download:
    """Load a file from a mirror; some are slower than others."""
    if mirror not in _MIRRORS:
        raise ConnectionError(f"the mirror {mirror} does not answer")
    await asyncio.sleep(_MIRRORS[mirror])
    return {"mirror": mirror, "file": file, "sha256": hashlib.sha256(file.encode()).hexdigest()}


def _parts(url: str) -> tuple[str, str]:
    """Return the site and the topic of an address such as https://prices.example/tin."""
    address: Any = urlsplit(url)
    return str(address.hostname or "").partition(".")[0], str(address.path).strip("/").replace("-", " ") or "nothing"
