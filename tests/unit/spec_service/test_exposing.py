"""Doors that stand on extras say what to install where they are missing."""

import pytest

from spec_service.api.problems import status_of
from spec_service.errors import ExtraMissing
from spec_service.exposing import require_extra


def test_a_missing_extra_is_named_with_what_to_install():
    require_extra("mcp", "json")
    with pytest.raises(ExtraMissing) as caught:
        require_extra("mcp", "json", "no_such_package")
    assert "pip install 'specloom[mcp]'" in caught.value.message
    assert status_of(caught.value) == 501
