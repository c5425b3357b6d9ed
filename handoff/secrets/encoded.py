"""Which encoded runs, in base64, hold a secret once they are read?

In a Secret of Kubernetes every value is one. Elsewhere a run counts if what it says holds a secret of its own: a token,
a private key, `user:password`. Digests, media and random keys do not read as text, and are told by their first bytes.
"""

import re
from base64 import b64decode
from collections.abc import Callable, Iterator

from handoff.secrets.placeholders import is_placeholder

_RUN = re.compile(
    r"[A-Za-z0-9+/_-]{20,}+(?:(?:\\n|\r?\n[ \t>|+]{0,12})[A-Za-z0-9+/_-]{16,}+){0,2000}+={0,2}"
    r"|[A-Za-z0-9+/]{12,19}={1,2}"
)
_SECRET_KIND = re.compile(r"(?m)^[ \t>|+-]*[\"']?kind[\"']?[ \t]*:[ \t]*[\"']?Secret\b")
_DATA = re.compile(r"(?m)^([ \t>|+-]*)[\"']?(?:data|stringData)[\"']?[ \t]*:[ \t]*\r?$")
_FIELD = re.compile(
    r"([ \t>|+-]*)[\"']?[\w.-]{1,128}[\"']?[ \t]*:[ \t]*[\"']?(?P<value>[^\s\"'#|>{}\x1f][^\s\"'\x1f]{3,8192})"
    r"[\"']?[ \t]*,?\r?$"
)
_SECRET_OBJECT = re.compile(r"\"kind\"[ \t]*:[ \t]*\"Secret\"")
_DATA_OBJECT = re.compile(r"\"(?:data|stringData)\"[ \t]*:[ \t]*\{[^{}]{0,100000}\}")
_DATA_FIELD = re.compile(r":[ \t]*\"([^\"\n\x1f]{4,})\"")
_AUTH = re.compile(r"(?i)(?<![a-z])_?auth(?:config)?[\"']?[ \t]*[:=][ \t]*[\"']?\Z")
_PAIR = re.compile(r"[\w.@+-]{1,128}:[^\s:]{4,256}\Z")
_SPACE = re.compile(r"\\n|[\s>|]+")


def find_encoded_secrets(text: str, holds_secret: Callable[[str], bool]) -> Iterator[tuple[int, int, str]]:
    """Every run of base64 that says a secret, as (start, end, kind)."""
    for found in _RUN.finditer(text):
        said = _read(found[0])
        if said and (
            holds_secret(said) or (_PAIR.match(said) and _AUTH.search(text, max(0, found.start() - 24), found.start()))
        ):
            yield *found.span(), "encoded-secret"
    if _SECRET_KIND.search(text):
        yield from _kubernetes(text)
    if _SECRET_OBJECT.search(text):
        for data in _DATA_OBJECT.finditer(text):
            for field in _DATA_FIELD.finditer(data[0]):
                yield data.start() + field.start(1), data.start() + field.end(1), "encoded-secret"


def _read(run: str) -> str:
    """What the run says, if it says text."""
    body = _SPACE.sub("", run).rstrip("=").replace("-", "+").replace("_", "/")
    if not _is_text(body[:24]):
        return ""
    whole = body[: len(body) - len(body) % 4] if len(body) % 4 == 1 else body + "=" * (-len(body) % 4)
    said = b64decode(whole).replace(b"\0", b"").decode("utf-8", "replace")
    return said if said.count("\ufffd") * 20 <= len(said) else ""


def _is_text(head: str) -> bool:
    start = b64decode(head[: len(head) // 4 * 4]).replace(b"\0", b"")
    return all(32 <= byte < 127 or byte in b"\t\r\n" for byte in start)


def _kubernetes(text: str) -> Iterator[tuple[int, int, str]]:
    """The values below `data:` in each document that is a Secret."""
    at = 0
    for document in re.split(r"(?m)^(?=---)", text):
        if _SECRET_KIND.search(document):
            for data in _DATA.finditer(document):
                yield from _fields(document, data.end() + 1, len(data[1]), at)
        at += len(document)


def _fields(document: str, start: int, indent: int, offset: int) -> Iterator[tuple[int, int, str]]:
    while start < len(document):
        end = document.find("\n", start)
        end = len(document) if end < 0 else end
        line = document[start:end]
        field = _FIELD.match(line)
        if line.strip() and len(line) - len(line.lstrip(" \t>|+-")) <= indent:
            return
        if field and not is_placeholder(field["value"]):
            yield offset + start + field.start("value"), offset + start + field.end("value"), "encoded-secret"
        start = end + 1
