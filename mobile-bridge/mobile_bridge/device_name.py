"""What may a device be called? A name that a person can read anywhere, and that nothing obeys."""

from __future__ import annotations

import unicodedata

MAX_NAME_CHARACTERS = 40


def check_device_name(name: str) -> str:
    """The name, composed (NFC) and with single spaces. Raises ValueError with what a name is.

    Control characters, marks that turn the direction of writing, and invisible ones are refused, not taken out: what a
    person approves is what was asked. `<b>` is a name like any other, and is shown as those three characters.
    """
    neat = " ".join(unicodedata.normalize("NFC", name).split(" ")).strip()
    stacked = sum(unicodedata.combining(each) > 0 for each in neat)
    if not neat or len(neat) > MAX_NAME_CHARACTERS or not neat.isprintable() or stacked > len(neat) // 2:
        raise ValueError(f"a device's name has 1 to {MAX_NAME_CHARACTERS} characters that can be seen")
    return " ".join(neat.split())
