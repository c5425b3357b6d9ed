"""How does an SSH signature stand in one line, where its armour has no room?"""

from __future__ import annotations

import textwrap

LINE = 70


def without_armour(armoured: str) -> str:
    """The base64 inside, in one line."""
    return "".join(line for line in armoured.strip().splitlines() if not line.startswith("-----"))


def with_armour(bare: str) -> str:
    """The same as ssh-keygen reads it."""
    lines = textwrap.wrap(bare, LINE)
    return "\n".join(["-----BEGIN SSH SIGNATURE-----", *lines, "-----END SSH SIGNATURE-----", ""])
