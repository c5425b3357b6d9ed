"""Is this value a placeholder, which only shows where a secret would stand: `your-key-here`, `${TOKEN}`, `<token>`?

Words such as `fake` count only as whole words, and only when the rest is words too: a random key can spell `fake`.
"""

import re

_WORDS = frozenset(
    [
        "your",
        "my",
        "example",
        "examples",
        "placeholder",
        "changeme",
        "changethis",
        "replaceme",
        "replace",
        "insert",
        "dummy",
        "sample",
        "redacted",
        "todo",
        "fixme",
        "foobar",
        "foo",
        "bar",
        "baz",
        "fake",
        "mock",
        "demo",
        "goes",
        "here",
        "none",
        "null",
        "test",
        "testing",
        "change",
        "me",
        "in",
        "production",
        "dev",
        "local",
        "xxx",
    ]
)
_MASKS = ("***", "...", "…", "xxxxx", "•••")
_SEQUENCE = re.compile(r"0?1234567(?:89?0?)?(?:abcdef(?:gh)?)?|abcdefg[a-z]*|deadbeef|x{4,}|0{6,}")
_NOUN = (
    r"(?:secrets?|tokens?|password|passwords|passwd|passphrase|pass|pw|pwd|apikey|api|key|keys|value|string|username|user"
    r"|login|auth|access|private|credentials?|client|id|here|name|goes)"
)
_LEAD = (
    r"(?:your|my|some|the|an|a|test|new|old|user|admin|db|no|bad|good|invalid|valid|wrong|example|dummy|sample|fake|mock"
    r"|demo|insert|enter|replace|with|change|set|put|add)"
)
_SAID = re.compile(
    rf"(?:{_LEAD}[_-]?)*+{_NOUN}(?:[_-]*{_NOUN})*+\Z|change[_-]?(?:me|this|it)\b"
    r"|(?:true|false|none|null|nil|undefined|required|optional|unset|empty|hidden|masked|removed|missing|disabled"
    r"|enabled|default|string|str|bytes|int|bool|not[_-]?set|n/?a)\W*\Z"
)
_TEMPLATE = re.compile(
    r"<[^<>]*>\W*\Z|[^<]{1,64}<[a-z][\w -]*>\W*\Z|.{0,64}?(?:\$\{|\$\(|\{\{|#\{|<%)"
    r"|[^{]{0,64}\{[A-Za-z_][\w.]*\}.{0,8}\Z"
    r"|\$(?:[A-Z_][A-Z0-9_]*|[a-z_]+|[A-Za-z]+|\d)\W*\Z|%\w+%\Z|@\w+@\Z",
    re.DOTALL,
)
_DOCUMENTED = re.compile(r"[A-Za-z0-9/+]+EXAMPLE(?:KEY)?\Z")  # as the pages of AWS end theirs


def is_placeholder(value: str) -> bool:
    """Whether the value only shows where a secret would stand."""
    head = value[:512]
    lowered = head.lower()
    if len(set(lowered)) <= 3 or any(mask in lowered for mask in _MASKS) or _DOCUMENTED.match(head):
        return True
    return bool(_TEMPLATE.match(head) or _SAID.match(lowered)) or _is_wording(head, lowered)


def _is_wording(head: str, lowered: str) -> bool:
    """Words only, and one of them says that this is no secret; numbers count as words when they only count up."""
    plain, sequences = _SEQUENCE.subn("-", lowered)
    words = re.findall(r"[a-z0-9]+", plain)
    if not sequences and _WORDS.isdisjoint(words):
        return False
    if not sequences and head not in (lowered, head.upper()) and any(map(str.isdigit, head)):
        return all(word.isalpha() or len(word) <= 2 for word in words) and len(words) > 1
    return all(word.isalpha() or word.isdigit() or len(word) <= 2 for word in words)
