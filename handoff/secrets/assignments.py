"""Is the value of this assignment (`key = value`) a secret?

Two cases, with two bars. A key that says so (`DB_PASSWORD=`, `"api_key":`, `--token `) makes any value a secret that is
neither a placeholder nor code; after a colon, as prose has it ("Token: expired"), the value must also mix kinds of
characters. Any other key needs a value that looks random: upper case, lower case and digits, changing often, and not
named as a digest or an identifier.

A single-case value under an ordinary key is left alone on purpose: Git object ids, SHA-256 digests, UUIDs and our own
entry ids look like that.
"""

import re
from collections.abc import Iterator

from handoff.secrets.values import is_mixed, is_numbered_name, is_words, looks_random, may_be_secret

_WORD = (
    r"(?P<word>secret|token|passw(?:or)?d|passphrase|api[_ -]?key|access[_-]?key|private|credentials?|auth[_-]?key"
    r"|signing[_-]?key|encryption[_-]?key|account[_-]?key|_pass(?![a-z])|_pwd|_pw(?![a-z])|_key(?![a-z])|(?<![a-z])pwd)"
    r"(?P<tail>[\w-]{0,30}+)"
)
_VALUE = (
    r"(?:\"(?P<double>[^\"\n\x1f]{4,200})\"|'(?P<single>[^'\n\x1f]{4,200})'|`(?P<tick>[^`\n\x1f]{4,200})`"
    r"|(?P<bare>[^\s\"'`\x1f]{4,128}))"
)
_KEY = re.compile(
    rf"(?i){_WORD}[\"'`\]*]{{0,3}}+[ \t]{{0,4}}+(?P<sep>:=|=>|={{1,2}}|:)(?!=)\*{{0,2}}+[ \t]{{0,4}}+{_VALUE}"
)
_FLAG = re.compile(rf"(?i)--(?:[\w-]{{0,24}}-)?{_WORD}(?P<sep>[ \t])(?!-){_VALUE}")
_RANDOM = re.compile(r"[=:][ \t]{0,4}+[\"'`]?(?P<value>[A-Za-z0-9+/_~-]{20,512}+={0,2}+)(?![A-Za-z0-9+/_~.(-])")
_NAME_CHARACTERS = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-"
_TRAILING = ".,;:!?)]}>*|"

_OTHER_FIELD = re.compile(
    r"(?i)(?:s|izer|ize|ized|ization|[_-]?(?:names?|ids?|urls?|uris?|paths?|files?|dirs?|types?|counts?|limits?|len"
    r"|length|size|ttl|expir\w*|envs?|fields?|polic\w*|hints?|resets?|vars?|refs?|arns?|alg\w*|headers?|prefix"
    r"|versions?|modes?|enabled|required|budgets?|usage|manager|store|in|out|per\w*|cached))\Z"
)
_OTHER_KEY = re.compile(r"(?i)public|publishable|primary|foreign|cache|sort|partition|row|shift|max|min|num")
_DIGEST_NAME = re.compile(
    r"(?i)(?:sha-?\d*|md5|hash|digest|checksum|integrity|fingerprint|commit|etag|uuid|guid|rev|tree|blob|ref|url|path"
    r"|image|img|logo|icon|src|href|font|cursor|version|class|name|title|(?<![a-z])ids?)\Z"
)
_IMAGE = re.compile(r"iVBORw0KGgo|/9j/|R0lGOD|UklGR|JVBERi0|PHN2Zy|AAABAA")


def find_assigned_secrets(text: str) -> Iterator[tuple[int, int, str]]:
    """Every assigned secret as (start, end, kind)."""
    for pattern in (_KEY, _FLAG):
        at = 0
        while found := pattern.search(text, at):
            span = _secret_span(found, text)
            at = span[1] if span else found.start("sep")
            if span:
                yield *span, "assigned-secret"
    for found in _RANDOM.finditer(text):
        value = found["value"]
        if looks_random(value) and not _IMAGE.match(value) and not _names_a_digest(text, found.start()):
            yield *found.span("value"), "high-entropy"


def _secret_span(found: re.Match[str], text: str) -> tuple[int, int] | None:
    """The span of the value if this assignment holds a secret."""
    group = found.lastgroup or "bare"
    quoted = group != "bare"
    value = found[group] if quoted else found[group].rstrip(_TRAILING)
    if len(value) < 4 or (not quoted and found["sep"] == ":" and is_words(value)):
        return None
    name = _name_before(text, found.start("word")) + found["word"] + found["tail"]
    if not _names_a_secret(name, found["word"].lower(), found["tail"], value):
        return None
    if not may_be_secret(value, quoted=quoted) or not _is_plausible_secret(name, found["sep"], value, quoted=quoted):
        return None
    return found.start(group), found.start(group) + len(value)


def _name_before(text: str, at: int) -> str:
    window = text[max(0, at - 40) : at]
    return window[len(window.rstrip(_NAME_CHARACTERS)) :]


def _names_a_secret(name: str, word: str, tail: str, value: str) -> bool:
    """Whether the key means the secret itself, not `token_count`, `password_hint`, `public_key` or `tokenizer`."""
    other_field = _OTHER_FIELD.match(tail) or (tail[:1] in {"_", "-"} and _OTHER_FIELD.search(tail))
    other_key = word.endswith("key") and _OTHER_KEY.search(name)
    return looks_random(value) or not (other_field or other_key or tail[:1].islower())


def _is_plausible_secret(name: str, sep: str, value: str, *, quoted: bool) -> bool:
    """What the sign between key and value asks of the value; the strictest is the colon, which prose uses too."""
    if len(value) < 6:
        return False
    if value.isdigit():
        return "pass" in name.lower() or "pwd" in name.lower()
    if sep == "=" and name.isupper():
        return any(map(str.isalpha, value))
    if quoted and len(value) >= 8 and not is_words(value):
        return any(map(str.isalpha, value))
    return is_mixed(value) and not (sep == ":" and is_numbered_name(value))


def _names_a_digest(text: str, at: int) -> bool:
    """Whether the key before the sign at this place names a digest, an identifier or a picture (or there is none)."""
    window = text[max(0, at - 44) : at].rstrip(" \t\"'`]*")
    return not window[-1:].isalnum() or bool(_DIGEST_NAME.search(window))
