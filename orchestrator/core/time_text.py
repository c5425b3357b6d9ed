"""How is a time, or a length of time, written as text?"""

from __future__ import annotations

from datetime import datetime


def format_utc(when: datetime) -> str:
    """A UTC time as it stands in every document: whole seconds."""
    return f"{when:%Y-%m-%dT%H:%M:%SZ}"


def format_duration(seconds: float) -> str:
    """A length of time as a person would say it."""
    if seconds < 10 and seconds != int(seconds):
        return f"{seconds:.1f} s"
    if seconds < 90:
        return f"{seconds:.0f} s"
    if seconds < 90 * 60:
        return f"{seconds / 60:.0f} min"
    return f"{seconds / 3600:.1f} h"
