"""What is a release of this program called, and which of two is the newer one?"""

from __future__ import annotations

import re

from orchestrator.core.errors import Refused

TAG = re.compile(r"v(0|[1-9]\d{0,5})\.(0|[1-9]\d{0,5})\.(0|[1-9]\d{0,5})", re.ASCII)
"""Plain versions only; what is a release candidate says so in its name and is never taken by itself."""


def version_key(tag: str) -> tuple[int, int, int]:
    """How versions are ordered. Raises Refused for what is no version."""
    found = TAG.fullmatch(tag)
    if found is None:
        raise Refused(f"{tag!r} is no release: write one such as v1.2.3")
    return int(found[1]), int(found[2]), int(found[3])


def is_newer(tag: str, than: str) -> bool:
    """Whether both are releases and the first is the newer one."""
    return all(map(TAG.fullmatch, (tag, than))) and version_key(tag) > version_key(than)
