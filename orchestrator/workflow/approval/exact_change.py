"""When do two commits bring just the same? When their diffs are, byte by byte, but for where in a file they stand.

`git patch-id` asks nearly that, and passes over spaces: two indents that make two programs would be one change to it.
Before git 2.39 it does not tell two pictures apart (git-patch-id(1), whose `--verbatim` is of 2.39, too).
"""

from __future__ import annotations

import re
from hashlib import sha256

_COMMIT = re.compile(rb"^commit ([0-9a-f]{40,64})(?:\n|\Z)", re.MULTILINE)
_PLACES = re.compile(rb"^(@@ -)[^\n]*|^index [^\n]*\n(?!Binary files )", re.MULTILINE)
"""Where a piece stands, and the names of whole files: of a binary one nothing else tells what is in it. No line of a
file begins so in a diff: a space, `+` or `-` stands before each."""


def exact_changes(log: bytes) -> dict[bytes, str]:
    """Each change of a diff, or of a `git log -p --full-index --format='commit %H'`, as a digest, with its commit (""
    where none is named). What changes nothing is left out.
    """
    named = ["", *(each.decode() for each in _COMMIT.findall(log))]
    texts = _COMMIT.split(log)[::2]
    found = {
        sha256(_PLACES.sub(rb"\1", text.strip(b"\n"))).digest(): oid for oid, text in zip(named, texts, strict=True)
    }
    found.pop(sha256(b"").digest(), None)
    return found
