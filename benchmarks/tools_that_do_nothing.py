"""A tool to measure with: async, and it does nothing."""

from langchain_core.tools import tool


@tool
async def nothing(text: str) -> dict[str, str]:
    """Give the text back."""
    return {"text": text}
