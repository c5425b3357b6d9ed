"""What is a secret, so that it is shown nowhere by accident?"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True, repr=False)
class SecretText:
    """A text that only `get_secret_value` tells."""

    text: str = ""

    @classmethod
    def of(cls, value: Any) -> Any:
        """A text as a secret; what is no text stays what it is, for whoever checks it."""
        return cls(value) if isinstance(value, str) else value

    def get_secret_value(self) -> str:
        """The secret."""
        return self.text

    def __repr__(self) -> str:
        return f"SecretText('{'**********' if self.text else ''}')"

    def __str__(self) -> str:
        return "**********" if self.text else ""

    def __bool__(self) -> bool:
        return bool(self.text)
