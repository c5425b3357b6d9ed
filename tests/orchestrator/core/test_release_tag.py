"""A release's name is a plain version; its order is that of numbers."""

from __future__ import annotations

import pytest

from orchestrator.core.errors import Refused
from orchestrator.core.release_tag import is_newer, version_key


@pytest.mark.parametrize("tag", ["", "1.2.3", "v1.2", "v1.2.3-rc1", "v01.2.3", "v1.2.3\n", "v１.2.3"])
def test_what_is_no_plain_version_has_no_order(tag: str) -> None:
    """It is refused, and is newer than nothing."""
    with pytest.raises(Refused, match="is no release"):
        version_key(tag)
    assert not is_newer(tag, "v0.0.1")
    assert not is_newer("v9.9.9", tag)


@pytest.mark.parametrize(("tag", "than", "newer"), [("v1.10.0", "v1.9.9", True), ("v1.2.0", "v1.2.0", False)])
def test_numbers_count_and_not_letters(tag: str, than: str, newer: bool) -> None:
    """And none is newer than itself."""
    assert is_newer(tag, than) is newer
    assert not is_newer(than, tag)
