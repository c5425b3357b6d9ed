"""Which lines of an `.env` leave this machine in a backup that anybody may read?

Those that set what is known to be no secret, and what these refer to; what a person wrote between them if nothing in it
looks like one. Another program's variables, and what dotenv cannot read, may be anything: they stay.
"""

from __future__ import annotations

import io
import re
from collections.abc import Iterable, Iterator

from dotenv.parser import Binding, parse_stream

from handoff.secrets.redact import redact
from orchestrator.core.settings import SETTING_NAMES, secret_variables, variable

SETTINGS = frozenset(variable(name) for name in SETTING_NAMES)
SCHEME = re.compile(r"([a-z][a-z0-9+.-]*)://", re.I)
AUTHORITY_END = re.compile(r"[\s/?#]")
ODD_PORT = re.compile(r":[^0-9,]")
"""What follows a host where it is none: a password with a slash in it, which no URL has."""
SECRET_OPTION = re.compile(r"[?&]\w*(password|passwd|token|secret|api_?key)\w*=[^&\s]", re.I)
REFERENCE = re.compile(r"\$\{([^}:]+)")
MAY_NAME_A_USER = {"SHIFTBOOK_DATABASE_URL", "SHIFTBOOK_REDIS_URL"}
"""Secret by their kind, and none where they hold no password."""


def without_secrets(words: str) -> tuple[str, int]:
    """An `.env` without the lines that may set a secret, every other byte as it was; and how many those were."""
    lines = _lines(words)
    left = {id(line) for line in _left_out(lines)}
    return "".join(line.original.string for line in lines if id(line) not in left), len(left)


def secret_lines(words: str) -> tuple[str, ...]:
    """Those lines, as far as they set something, in their order."""
    return tuple(line.original.string.strip("\n") for line in _left_out(_lines(words)) if line.key and line.value)


def _lines(words: str) -> list[Binding]:
    return [*parse_stream(io.StringIO(words))]


def _left_out(lines: list[Binding]) -> list[Binding]:
    """What stays here: broken lines with all up to the next setting, secrets, what they are made of, and the rest of
    what is no setting of this program."""
    broken = {id(line) for line in _broken(lines)}
    whole = [line for line in lines if id(line) not in broken]
    secret = {_name(line) for line in whole if _is_secret(line)}
    secret |= _behind(whole, secret)
    kept = {_name(line) for line in whole if _name(line) in SETTINGS} - secret
    kept |= _behind(whole, kept) - secret
    return [line for line in lines if id(line) in broken or _is_secret(line) or (line.key and _name(line) not in kept)]


def _broken(lines: Iterable[Binding]) -> Iterator[Binding]:
    """An unclosed quote makes the lines after it a part of a value: until a setting begins, nobody can tell."""
    open_ = False
    for line in lines:
        open_ = line.error or (open_ and _name(line) not in SETTINGS)
        if open_:
            yield line


def _behind(lines: Iterable[Binding], names: Iterable[str]) -> set[str]:
    """The variables that those of these names are made of, by `${…}`, however far back."""
    found, ahead = set[str](), {*names}
    while ahead:
        said = " ".join(line.value or "" for line in lines if _name(line) in ahead)
        ahead = {each.upper() for each in REFERENCE.findall(said)} - found
        found |= ahead
    return found


def _is_secret(line: Binding) -> bool:
    """Whether a line sets a secret, or is a comment that may hold one."""
    value = line.value or ""
    if line.key is None:
        text = line.original.string
        named = any(name in text.upper() for name in secret_variables())
        return named or _holds_password(text) or redact(text).text != text
    if _name(line) in secret_variables() - MAY_NAME_A_USER:
        return bool(value)
    slashed = _name(line) in MAY_NAME_A_USER and ":" in value.partition("://")[2].rpartition("@")[0]
    return slashed or _holds_password(value)


def _holds_password(value: str) -> bool:
    """Whether a URL in it has a password, or over HTTP any user, which may be a token."""
    for found in SCHEME.finditer(value):
        authority = AUTHORITY_END.split(value[found.end() :], maxsplit=1)[0]
        user, at, _ = authority.rpartition("@")
        if at and (":" in user or found[1].lower() in {"http", "https"}):
            return True
        if not at and ODD_PORT.search(re.sub(r"\[[0-9a-f:.]*\]", "", authority)):
            return True
    return SECRET_OPTION.search(value) is not None


def _name(line: Binding) -> str:
    return (line.key or "").upper()
