"""What must be set before a session gets its prompt: its mode, its model, and what else the table says?

Both are always set, never left as the program has them: as they come, some have a model say what may be done.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from orchestrator.execution.programs.json_events import object_at, objects_at, text_at
from orchestrator.ledger.config.agent_tables import MODEL_APPROVES

MAX_NAMED = 12
"""Names of a list that an error tells."""
OWN_KEYS = frozenset({"mode", "model"})
"""Categories of options that a table says by keys of their own."""
HARMLESS = frozenset({"thought_level"})
"""Categories in which `auto` is no mode: the protocol knows this one besides."""


class UnfitSession(Exception):
    """A session cannot be had as the table says. The text says what to mend."""


@dataclass(frozen=True, kw_only=True)
class SessionSettings:
    """What the table says of a session. `model_told`: the program was started with its model."""

    mode: str = ""
    model: str = ""
    model_told: bool = False
    options: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, kw_only=True)
class SettingRequest:
    """One thing to set. `option` is the session option; "" for the session's mode. `sets_mode`: it is the mode, however
    that is set."""

    value: str
    option: str = ""
    sets_mode: bool = False


def settings_to_make(wanted: SessionSettings, session: Mapping[str, Any]) -> list[SettingRequest]:
    """What to set in a session that answered so when it was opened; the mode last, so that nothing that is set changes
    it. Raises UnfitSession."""
    options = {text_at(each, "id"): each for each in objects_at(session, "configOptions")}
    return [*_model(wanted, options), *_others(wanted, options), *_mode(wanted, session, options)]


def mode_told(update: Mapping[str, Any]) -> str:
    """The mode that an update of a session says that it has now; "" where it says nothing of it."""
    if text_at(update, "sessionUpdate") == "current_mode_update":
        return text_at(update, "currentModeId")
    return _mode_option(update) if text_at(update, "sessionUpdate") == "config_option_update" else ""


def mode_of(answer: object) -> str:
    """The mode that a session has by what it answers when it is opened or set; "" where it says nothing of it."""
    return text_at(answer, "modes", "currentModeId") or _mode_option(answer)


def _mode_option(found: object) -> str:
    options = objects_at(found, "configOptions")
    return next((text_at(each, "currentValue") for each in options if _category(each) == "mode"), "")


def _mode(wanted: SessionSettings, session: Mapping[str, Any], options: Mapping[str, Any]) -> Iterator[SettingRequest]:
    modes = [text_at(each, "id") for each in objects_at(object_at(session, "modes"), "availableModes")]
    option = next((name for name, each in options.items() if _category(each) == "mode"), "")
    offered = modes or (_values(options[option]) if option else [])
    if not offered and not wanted.mode:
        return
    if not wanted.mode:
        raise UnfitSession(f"it has modes, and fleet.toml names none: there {_named(offered)}")
    _require(wanted.mode, offered, "mode")
    yield SettingRequest(value=wanted.mode, option="" if modes else option, sets_mode=True)


def _model(wanted: SessionSettings, options: Mapping[str, Any]) -> Iterator[SettingRequest]:
    if wanted.model_told:
        return
    option = next((name for name, each in options.items() if _category(each) == "model"), "")
    if not option:
        raise UnfitSession("it cannot be told its model in a session: write {model} into its command or environment")
    _require(wanted.model, _values(options[option]), "model")
    yield SettingRequest(value=wanted.model, option=option)


def _others(wanted: SessionSettings, options: Mapping[str, Any]) -> Iterator[SettingRequest]:
    """The rest of them. Mode and model have keys of their own, whose values are looked at."""
    for name, value in wanted.options.items():
        if name not in options:
            raise UnfitSession(f"it has no option {name!r}: there {_named(options)}")
        if (category := _category(options[name])) in OWN_KEYS:
            raise UnfitSession(f"its option {name!r} is its {category}, which is said by {category} = in fleet.toml")
        if value in MODEL_APPROVES and category not in HARMLESS:
            raise UnfitSession(f"with the option {name} = {value!r} a model may say what may be done")
        _require(value, _values(options[name]), f"option {name}")
        yield SettingRequest(option=name, value=value)


def _category(option: Mapping[str, Any]) -> str:
    return text_at(option, "category") or text_at(option, "id")


def _values(option: Mapping[str, Any]) -> list[str]:
    """What a session option may be, also where its values stand in groups."""
    found = objects_at(option, "options")
    inner = [value for each in found for value in objects_at(each, "options")]
    return [text_at(each, "value") for each in (*found, *inner) if text_at(each, "value")]


def _require(value: str, offered: list[str], what: str) -> None:
    if value not in offered:
        raise UnfitSession(f"it has no {what} {value!r}: there {_named(offered)}")


def _named(names: Iterable[str]) -> str:
    found = list(names)
    shown = ", ".join(each[:80] for each in found[:MAX_NAMED])
    return f"are {shown}{', …' if len(found) > MAX_NAMED else ''}" if found else "are none"
