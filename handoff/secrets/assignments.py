"""Is the value of this assignment (`key = value`) a secret?

Three cases, with three bars. `NAME=value` in capitals and without spaces, as files of the environment have it: any
value under a name that says secret, unless it is plainly a reference. Any other key that says so (`"api_key":`,
`--token `): a value that is neither a placeholder nor code; after a colon, as prose has it ("Token: expired"), it must
also mix kinds of characters. Any other key needs a long value that looks random: upper case, lower case and digits,
changing often, and not named as a digest, an identifier or something public.

A single-case value under an ordinary key is left alone on purpose: Git object ids, SHA-256 digests, UUIDs and our own
entry ids look like that.
"""

import re
from collections.abc import Iterator

from handoff.secrets.names import (
    WORD,
    name_before,
    names_a_password,
    names_a_secret,
    names_an_issued_key,
    names_something_public,
)
from handoff.secrets.placeholders import is_placeholder
from handoff.secrets.values import (
    is_mixed,
    is_name,
    is_numbered_name,
    is_public,
    is_uuid,
    is_words,
    looks_random,
    may_be_secret,
)

_VALUE = (
    r"(?:\\?\"(?P<double>[^\"\n\x1f]{4,200})\"|\\?'(?P<single>[^'\n\x1f]{4,200})'|`(?P<tick>[^`\n\x1f]{4,200})`"
    r"|(?P<bare>[^\s\"'`\x1f]{4,256}))"
)
_KEY = re.compile(
    rf"(?i){WORD}[\"'`\]*\\]{{0,4}}+(?P<gap>[ \t]{{0,4}}+)(?P<sep>:=|=>|={{1,2}}|:)(?!=)\*{{0,2}}+[ \t]{{0,4}}+{_VALUE}"
)
_FLAG = re.compile(rf"(?i)(?:--(?!-{{3}})|\s-)(?:[\w-]{{0,24}}-)?{WORD}(?P<gap>)(?P<sep>[ \t])(?!-){_VALUE}")
_CANDIDATE = re.compile(
    r"(?:secret|token|pass|key|priv|cred|pwd|psk|[_-]p[aw]|[_-]dsn|auth|kenn|contrase|mot|senha|пароль|密|パス)"
    r"[\w-]{0,30}+[\"'`\]*\\]{0,4}+[ \t]{0,4}+[:=]"
)
_RANDOM = re.compile(r"[=:][ \t]{0,4}+[\"'`]?(?P<value>[A-Za-z0-9+/_~-]{32,512}+={0,2}+)(?![A-Za-z0-9+/_~.(-])")
_PREFIXED = re.compile(
    r"(?<![\w./@+-])(?P<name>[a-z][a-z0-9]{1,9})[_-](?:[a-z0-9]{1,10}[_-]){0,2}(?P<value>[A-Za-z0-9]{32,256})(?![\w./+-])"
)
_PUBLIC_PREFIX = re.compile(
    r"pk|pub|public|sha\d*|md5|cid|id|npub|sig|hash|integrity|chunk|index|build|img|image|file|v\d"
)
_NEXT_FIELD = re.compile(
    r"[;&](?=[A-Za-z][\w .-]{1,40}=)|[,;](?=[\"'\s]|\Z|[A-Za-z_$][\w$]{0,40}(?:\.[\w$]{1,40}){0,4}[=:])"
)
_WEAK = re.compile(
    r"(?i)(?<!api)(?<!access)(?<!secret)(?<!private)(?<!auth)(?<!encryption)[_-]key\Z"
)  # of a map, most often
_TRAILING = ".,;:!?)]}>*|\\"


def find_assigned_secrets(text: str) -> Iterator[tuple[int, int, str]]:
    """Every assigned secret as (start, end, kind)."""
    for start, end in _lines_with_a_candidate(text):
        yield from _named(_KEY, text, start, end)
    yield from _named(_FLAG, text, 0, len(text))
    for found in _RANDOM.finditer(text):
        value = found["value"]
        if looks_random(value) and not is_public(value) and not names_something_public(text, found.start()):
            yield *found.span("value"), "high-entropy"
    for found in _PREFIXED.finditer(text):
        public = _PUBLIC_PREFIX.fullmatch(found["name"]) or _stands_for_something_public(text, found.start())
        if looks_random(found["value"]) and not public:
            yield *found.span(), "high-entropy"


def _stands_for_something_public(text: str, at: int) -> bool:
    before = text[max(0, at - 48) : at].rstrip(" \t\"'`")
    return before.endswith((":", "=")) and names_something_public(before, len(before) - 1)


def _lines_with_a_candidate(text: str) -> Iterator[tuple[int, int]]:
    """The lines in which a name that may say secret stands before a sign: in a log, few."""
    lowered = text.lower()
    if len(lowered) != len(text):  # a letter that has two as a small one
        yield 0, len(text)
        return
    done = 0
    for found in _CANDIDATE.finditer(lowered):
        if found.end() > done:
            start = max(done, text.rfind("\n", 0, found.start()) + 1)
            done = text.find("\n", found.end())
            done = len(text) if done < 0 else done
            yield start, done


def _named(pattern: re.Pattern[str], text: str, at: int, end: int) -> Iterator[tuple[int, int, str]]:
    while found := pattern.search(text, at, end):
        span = _secret_span(found, text)
        at = span[1] if span else found.start("sep")
        if span:
            yield *span, "assigned-secret"


def _secret_span(found: re.Match[str], text: str) -> tuple[int, int] | None:
    """The span of the value if this assignment holds a secret."""
    group = found.lastgroup or "bare"
    quoted = group != "bare"
    value = _read_value(found[group], quoted=quoted)
    if len(value) < 4 or (not quoted and found["sep"] == ":" and is_words(value)):
        return None
    before = name_before(text, found.start("word"))
    name = before + found["word"] + found["tail"]
    if not names_a_secret(before, found["word"], found["tail"], random=len(value) >= 32 and looks_random(value)):
        return None
    strict = found["sep"] == "=" and name.isupper() and not found["gap"] and found.start(group) - found.end("sep") < 2
    if is_uuid(value):
        secret = names_an_issued_key(name)
    else:
        secret = may_be_secret(value, quoted=quoted, strict=strict, phrase=names_a_password(name)) and (
            (strict and is_mixed(value)) or _is_plausible(name, found["sep"], value, quoted=quoted, strict=strict)
        )
    return (found.start(group), found.start(group) + len(value)) if secret else None


def _read_value(value: str, *, quoted: bool) -> str:
    """Without the sign before a quoted quote; of a bare one without what ends the sentence or begins the next field."""
    if quoted:
        return value.rstrip("\\")
    if is_placeholder(value):
        return value
    return _NEXT_FIELD.split(value, maxsplit=1)[0].rstrip(_TRAILING)


def _is_plausible(name: str, sep: str, value: str, *, quoted: bool, strict: bool) -> bool:
    """What the sign between key and value asks of the value; the strictest is the colon, which prose uses too."""
    if len(value) < 6:
        return False
    if value.isdigit():
        return names_a_password(name)
    if strict:
        return any(map(str.isalpha, value))
    if _WEAK.search(name) and (is_name(value) or not any(map(str.isdigit, value))):
        return False
    if quoted and len(value) >= 8 and not is_words(value):
        return any(map(str.isalpha, value))
    return is_mixed(value) and not (sep == ":" and is_numbered_name(value))
