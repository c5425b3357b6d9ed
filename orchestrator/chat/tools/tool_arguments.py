"""What may a tool's call be given, whichever tool it is?

Beside `tool`, which every node loads: pydantic is for those whose model uses tools.
"""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict, field_validator


class ToolArguments(BaseModel):
    """What a call is given. Unknown names are refused: a model that invents one means something else."""

    model_config = ConfigDict(extra="forbid")

    @field_validator("*")
    @classmethod
    def _check_text(cls, value: object) -> object:
        """No program takes a NUL in its arguments, and half a surrogate pair cannot be written down."""
        for text in value if isinstance(value, list) else [value]:
            if isinstance(text, str) and ("\0" in text or not _is_unicode(text)):
                raise ValueError("it holds a NUL character, or half a character")
        return value


def _is_unicode(text: str) -> bool:
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True
