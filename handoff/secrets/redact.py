"""Which parts of a text are secrets, and what does the text look like without them?

Nothing is written to the ledger, and nothing leaves the machine for a model, before it went through `redact`. A secret
becomes a marker such as `[redacted:github-token:3fa9c1]`: the six digits are the start of its SHA-256, so that the same
secret gives the same marker and a reader can still see that two places held one value. Redacting twice changes nothing,
and the text keeps its lines.

Why patterns of our own: detect-secrets, the library that the field names first, was last released in May 2024, works on
files rather than strings and needs plug-ins configured at run time; its keyword plug-in fires on prose that merely
speaks of a password. What we need is a pure function over text, linear in its length, that spares Git object ids,
digests, UUIDs, placeholders and images. Five readers look at each plain view of the text (`plain_view`):

- formats of providers (`formats`),
- private key blocks (`key_blocks`),
- places where a credential stands by syntax: `user:password@host`, headers, command lines, .netrc (`syntax`),
- assignments: a key that says secret, or any key with a value that looks random (`assignments`),
- base64 that says one of these (`encoded`).

What it cannot see: a secret in prose without a format of its own or a sentence that says so, and one that was taken
apart. docs/redaction.md lists the formats.
"""

import hashlib
import json
import re
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

from handoff.secrets.assignments import find_assigned_secrets
from handoff.secrets.encoded import find_encoded_secrets
from handoff.secrets.formats.catalogue import FORMATS
from handoff.secrets.formats.table import SecretFormat
from handoff.secrets.key_blocks import find_key_blocks
from handoff.secrets.placeholders import is_placeholder
from handoff.secrets.plain_view import OPAQUE, views
from handoff.secrets.syntax import RULES, find_credentials
from handoff.secrets.values import is_dense

KINDS: tuple[str, ...] = (
    *dict.fromkeys(known.kind for known in FORMATS),
    *dict.fromkeys(rule.kind for rule in RULES),
    *("assigned-secret", "high-entropy", "encoded-secret"),
)
_Span = tuple[int, int, str]  # start, end, kind
_MARKER = re.compile(rf"\[redacted:({'|'.join(KINDS)}):[0-9a-f]{{6}}\]")
_LITERALS = tuple((known.literal, known) for known in FORMATS)
_LONG = re.compile(r"\S{14,}")  # no format is shorter
_LONGEST_NAMED = 512  # characters of a field's value that its name may make a secret
_LONGEST_KEPT = 40  # characters of a field's name that is remembered
_NESTED = 2  # how often base64 may stand within base64


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
    """Replace every secret by its marker; a text without secrets comes back as it is.

    What is left is searched again until nothing is found: this is what makes `redact` idempotent.
    """
    clean = text
    while spans := _merge_spans(list(_spans(clean))):
        clean = _without(clean, spans)
    return Redacted(text=clean, found=_found(text, clean) if clean is not text else ())


def redact_values(value: Any) -> Any:
    """Plain data without secrets: a field's name counts, as it does in a text."""
    if isinstance(value, str):
        return redact(value).text
    if isinstance(value, Mapping):
        clean = {_clean_name(str(key)): redact_values(each) for key, each in value.items()}
        return {key: _under_its_name(key, each, clean) for key, each in clean.items()}
    return [redact_values(each) for each in value] if isinstance(value, list | tuple) else value


def _clean_name(name: str) -> str:
    return _clean_short_name(name) if len(name) <= _LONGEST_KEPT else redact(name).text


@lru_cache(maxsize=256)
def _clean_short_name(name: str) -> str:
    """Names of fields are few, and the same in every record."""
    return redact(name).text


def _under_its_name(key: str, value: Any, beside: Mapping[str, Any]) -> Any:
    """The value, or a marker where its name makes it a secret; `{"name": …, "value": …}` has that in another field."""
    if isinstance(value, list):
        return [_under_its_name(key, each, beside) if isinstance(each, str) else each for each in value]
    if not isinstance(value, str) or len(value) > _LONGEST_NAMED or "\n" in value:
        return value
    name = beside.get("name") or beside.get("key") if key == "value" else key
    found = redact(f'"{name}": {json.dumps(value, ensure_ascii=False)}').found
    return marker(found[0].kind, value) if found else value


def marker(kind: str, secret: str) -> str:
    """What stands in the place of a secret; not keyed, so that every node writes the same."""
    digest = hashlib.sha256(secret.encode("utf-8", "surrogatepass")).hexdigest()
    return f"[redacted:{kind}:{digest[:6]}]"


def _without(text: str, spans: list[_Span]) -> str:
    pieces, at = [], 0
    for start, end, kind in spans:
        pieces += [text[at:start], marker(kind, text[start:end]), _lines_of(text, start, end)]
        at = end
    return "".join([*pieces, text[at:]])


def _lines_of(text: str, start: int, end: int) -> str:
    """The ends of the lines that are taken out, each with what stands before the secret on its first line."""
    if "\n" not in text[start:end]:
        return ""
    lead = text[text.rfind("\n", 0, start) + 1 : start]
    lines = text[start:end].split("\n")
    same = lead if not lead.strip(" \t>|+-") else ""
    breaks = ["\r\n" if line.endswith("\r") else "\n" for line in lines[:-1]]
    return "".join(
        ending + (same if line.startswith(same) else "") for ending, line in zip(breaks, lines[1:], strict=True)
    )


def _found(before: str, after: str) -> tuple[RedactedSecret, ...]:
    """The markers that are new."""
    known = Counter(found[0] for found in _MARKER.finditer(before))
    new = []
    for found in _MARKER.finditer(after):
        if known[found[0]]:
            known[found[0]] -= 1
        else:
            new.append(RedactedSecret(kind=found[1]))
    return tuple(new)


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


def _spans(text: str, nested: int = 0) -> Iterator[_Span]:
    """What the readers find in each view, as places in the text itself."""
    masked = text.replace(OPAQUE, "\0")
    if "[redacted:" in masked:
        masked = _MARKER.sub(lambda found: OPAQUE * len(found[0]), masked)
    for view in views(masked):
        for start, end, kind in _search(view.text, nested):
            yield *view.original(start, end), kind


def _search(text: str, nested: int) -> Iterator[_Span]:
    yield from find_key_blocks(text)
    long = "\n".join(_LONG.findall(text))  # most lines of a log have none
    for literal, known in _LITERALS if long else ():
        if literal in long:
            yield from _of_format(known, text)
    yield from find_credentials(text)
    yield from find_assigned_secrets(text)
    if nested < _NESTED:
        yield from find_encoded_secrets(text, lambda said: any(True for _ in _spans(said, nested + 1)))


def _of_format(known: SecretFormat, text: str) -> Iterator[_Span]:
    group = 1 if known.pattern.groups else 0
    for found in known.pattern.finditer(text):
        start, end = found.span(group)
        value = text[start:end]
        if not is_placeholder(value) and (
            not _within_a_word(known, text, start) or is_dense(value[len(known.beginning) :])
        ):
            yield start, end, known.kind
    for found in known.cut.finditer(text) if known.cut else ():
        value = found[1] + found[2]
        if len(value) >= known.least and is_dense(value) and not is_placeholder(value):
            yield *found.span(), known.kind


def _within_a_word(known: SecretFormat, text: str, start: int) -> bool:
    return bool(known.beginning) and start > 0 and (text[start - 1].isalnum() or text[start - 1] == "_")
