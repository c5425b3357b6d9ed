"""Which parts of a text are secrets, and what does the text look like without them?

Nothing is written to the ledger, and nothing leaves the machine for a model, before it went through `redact`. A secret
becomes a marker such as `[redacted:github-token:3fa9c1]`: the six digits are the start of its SHA-256, so that the same
secret gives the same marker and a reader can still see that two places held one value. Redacting twice changes nothing.

Why patterns of our own: detect-secrets, the library that the field names first, was last released in May 2024, works on
files rather than strings and needs plug-ins configured at run time; its keyword plug-in fires on prose that merely
speaks of a password. What we need is a pure function over text, linear in its length, that spares Git object ids,
digests, UUIDs, placeholders and images. Four readers look at the text:

- formats of providers (`formats`),
- private key blocks,
- places where a credential stands by syntax: `user:password@host`, Authorization headers, command line flags,
- assignments: a key that says secret (`assignments`), or any key with a value that looks random.

What it cannot see: a secret in prose without a format of its own ("the password is hunter2"), or cut into pieces.
"""

import hashlib
import re
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import zip_longest

from handoff.secrets.assignments import find_assigned_secrets
from handoff.secrets.formats import FORMATS, KEY_BLOCK, KEY_LINES, PUTTY_KEY
from handoff.secrets.values import is_placeholder

_OPAQUE = "\x1f"  # stands for what was taken out already: no pattern's run may cross it

_URL_PASSWORD = re.compile(
    r"(?<=[A-Za-z0-9])://[^\s:@/\x1f\"'<>]{0,128}:(?P<value>[^\s/\x1f\"'<>`]{1,256})@(?=[\w\[$])"
)
_URL_TOKEN = re.compile(r"(?<=[a-z])://(?P<value>[A-Za-z0-9_-]{30,128})@(?=\w)")
_HEADER = re.compile(
    r"(?i)\bauthorization[\"']?[ \t]{0,3}[:=][ \t]{0,3}[\"']?"
    r"(?:(?:basic|bearer|token|apikey|digest|negotiate)[ \t]{1,3})?(?P<value>[\w.~+/=-]{8,})"
)
_BEARER = re.compile(r"(?i)\bbearer[ \t]{1,3}(?P<value>[\w.~+/-]{16,}={0,2})")
_CURL_USER = re.compile(r"(?<=\s)(?:-u|--user)[ =][\"']?[^\s:\"'\x1f]{1,64}:(?P<value>[^\s\"'\x1f]{4,128})")
_SYNTAX = (
    ("url-password", _URL_PASSWORD),
    ("url-token", _URL_TOKEN),
    ("authorization", _HEADER),
    ("authorization", _BEARER),
    ("command-password", _CURL_USER),
)
KINDS: tuple[str, ...] = (
    *dict.fromkeys(known.kind for known in FORMATS),
    *dict.fromkeys(kind for kind, _ in _SYNTAX),
    *("private-key", "assigned-secret", "high-entropy"),
)
_Span = tuple[int, int, str]  # start, end, kind
_MARKER = re.compile(rf"\[redacted:(?:{'|'.join(KINDS)}):[0-9a-f]{{6}}\]")


@dataclass(frozen=True, kw_only=True)
class RedactedSecret:
    """One secret that was taken out."""

    kind: str


@dataclass(frozen=True, kw_only=True)
class Redacted:
    """A text without its secrets, and what was found, in the order of the text."""

    text: str
    found: tuple[RedactedSecret, ...]


def redact(text: str) -> Redacted:
    """Replace every secret by its marker; a text without secrets comes back as it is."""
    spans = _all_spans(text)
    if not spans:
        return Redacted(text=text, found=())
    pieces, found, at = [], [], 0
    for start, end, kind in spans:
        found.append(RedactedSecret(kind=kind))
        pieces += [text[at:start], marker(kind, text[start:end])]
        at = end
    return Redacted(text="".join([*pieces, text[at:]]), found=tuple(found))


def marker(kind: str, secret: str) -> str:
    """What stands in the place of a secret; not keyed, so that every node writes the same."""
    digest = hashlib.sha256(secret.encode("utf-8", "surrogatepass")).hexdigest()
    return f"[redacted:{kind}:{digest[:6]}]"


def _all_spans(text: str) -> list[_Span]:
    """Search again in what is left until nothing is found: this is what makes `redact` idempotent."""
    masked = _MARKER.sub(lambda found: _OPAQUE * len(found[0]), text)
    spans: list[_Span] = []
    while fresh := _merge_spans(list(_search(masked))):
        spans += fresh
        masked = _mask_spans(masked, fresh)
    return sorted(spans)


def _mask_spans(text: str, spans: list[_Span]) -> str:
    pieces, at = [], 0
    for start, end, _ in spans:
        pieces += [text[at:start], _OPAQUE * (end - start)]
        at = end
    return "".join([*pieces, text[at:]])


def _merge_spans(spans: list[_Span]) -> list[_Span]:
    """Overlapping spans become one that covers both and has the kind of the reader that came first."""
    merged: list[_Span] = []
    best = 0
    for rank in sorted(range(len(spans)), key=lambda rank: (spans[rank][0], rank)):
        start, end, kind = spans[rank]
        if not merged or start >= merged[-1][1]:
            merged.append(spans[rank])
            best = rank
            continue
        first, last, named = merged[-1]
        merged[-1] = (first, max(last, end), named if best < rank else kind)
        best = min(best, rank)
    return merged


def _search(text: str) -> Iterator[_Span]:
    yield from _key_block_spans(text)
    yield from _format_spans(text)
    yield from _syntax_spans(text)
    yield from find_assigned_secrets(text)


def _key_block_spans(text: str) -> Iterator[_Span]:
    """A block from BEGIN to END, or from BEGIN over its lines when the end is missing."""
    ends = list(KEY_BLOCK.finditer(text))
    for this, following in zip_longest(ends, ends[1:]):
        if this is None or this[1] != "BEGIN":
            continue
        if following is not None and following[1] == "END" and following.start() > this.end():
            yield this.start(), following.end(), "private-key"
        elif lines := KEY_LINES.match(text, this.end()):
            yield this.start(), lines.end(), "private-key"
    for putty in PUTTY_KEY.finditer(text):
        if lines := KEY_LINES.match(text, putty.end()):
            yield lines.start(), lines.end(), "private-key"


def _format_spans(text: str) -> Iterator[_Span]:
    for known in FORMATS:
        for found in known.pattern.finditer(text):
            group = 1 if known.pattern.groups else 0
            if not is_placeholder(found[group]):
                yield found.start(group), found.end(group), known.kind


def _syntax_spans(text: str) -> Iterator[_Span]:
    for kind, pattern in _SYNTAX:
        for found in pattern.finditer(text):
            if _is_credential(kind, found, text):
                yield found.start("value"), found.end("value"), kind


def _is_credential(kind: str, found: re.Match[str], text: str) -> bool:
    value = found["value"]
    if is_placeholder(value):
        return False
    if kind == "authorization":
        return any(character.isdigit() for character in value) and any(character.isalpha() for character in value)
    if kind == "command-password":
        return "curl" in text[max(0, found.start() - 200) : found.start()]
    return True
