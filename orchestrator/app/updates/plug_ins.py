"""Which of the owner's plug-ins does a version have? A mission of a type that the next one lacks would die there.

A plug-in is a package with an entry point; one that is installed into a version's environment is not in the next one's.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from importlib.metadata import entry_points

from missions.plain_data import read_json

KINDS = {"shiftbook.task_types": "task type", "shiftbook.probes": "probe"}
"""Group of entry points → what one is called."""


def installed() -> dict[str, list[str]]:
    """The names of this version's plug-ins by group; none is loaded."""
    return {group: sorted({each.name for each in entry_points(group=group)}) for group in KINDS}


def read_plug_ins(text: str) -> dict[str, list[str]]:
    """What another version's `update-check` says that it has. Raises ValueError."""
    found = read_json(text)
    if not isinstance(found, dict) or not isinstance(found.get("plug_ins"), dict):
        raise ValueError(f"it does not say which plug-ins it has, but {text[:200]!r}")  # noqa: TRY004  # a text is wrong
    return {str(group): list(map(str, names)) for group, names in found["plug_ins"].items() if isinstance(names, list)}


def lacking(ours: Mapping[str, Sequence[str]], theirs: Mapping[str, Sequence[str]]) -> list[str]:
    """What the other one lacks, in words: `task type invoice`."""
    return [
        f"{kind} {name}"
        for group, kind in KINDS.items()
        for name in ours.get(group, ())
        if name not in theirs.get(group, ())
    ]
