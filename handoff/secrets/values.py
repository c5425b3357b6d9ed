"""Could this value be a secret at all, or does it only show where one would stand?

Placeholders, references to a place where the secret is kept, code, digests and identifiers are not secrets; random
characters are. Every test is a few calls into C, because a hostile text can hold tens of thousands of values.
"""

import re

_PLACEHOLDER_PARTS = (
    *("your", "example", "placeholder", "changeme", "change-me", "change_me", "replace", "insert", "dummy", "sample"),
    *("redacted", "xxxxx", "***", "...", "…", "todo", "fixme", "foobar", "fake", "goes-here", "goes_here", "goeshere"),
    *("1234567890", "abcdefgh"),
)
_PLACEHOLDER = re.compile(
    r"(?:my|some|the|a|an|test|new|old|user|admin|db|no|bad|good|invalid|valid|wrong)?[_-]?"
    r"(?:secret|token|pass|passwd|password|pw|pwd|api|key|value|string|user|username|login|auth|access|private|credential"
    r"|client|id)s?(?:[_-]?(?:secret|token|password|key|value|string|id|here|name))*\Z"
    r"|(?:true|false|none|null|nil|undefined|required|optional|unset|empty|hidden|masked|removed|missing|disabled"
    r"|enabled|default|string|str|bytes|int|bool|test|not[_-]?set|n/?a)\W*\Z"
    r"|<[^>]*>|\$|[^{]{0,64}\{[^}]*\}|[^<]{1,64}<[^>]*>"
)
_REFERENCE = re.compile(
    r"(?i)%\w+%|@\w+@|[<\[({]|[!&*]{1,2}[A-Za-z_-]+\Z|os\.|process\.|env\b|secrets?\.|vars?\.|config\.|settings\.|self\."
    r"|this\.|vault:|op://|arn:|sops|enc\[|https?://|file:|ssh://|git@|ssh-|sha\d|md5|data:|\.{1,2}/|~/|[a-z]:\\"
)
_COLOUR = re.compile(r"#[0-9a-fA-F]{3,8}\Z")
_CODE = re.compile(
    r"[A-Za-z_]\w*(?:(?:\.|->|::)[A-Za-z_]\w*)+\Z|[A-Za-z_][\w.]*\[|[^()]*\(|[^=&|>-]*(?:=>|->|==|&&|\|\|)"
)
_WORDS = re.compile(r"_*[a-z]+(?:[_-]+[a-z]+)*_*\Z|[A-Z]+(?:_[A-Z]+)*\Z|[A-Za-z][a-z]+(?:[A-Z][a-z]+)*\Z")
_NUMBERED = re.compile(r"[A-Za-z]+(?:[._-]?[A-Za-z]+)*[._-]?\d{1,4}(?:[._-]\d+)*\Z")
_UUID = re.compile(r"(?i)[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}\Z")
_HEX = re.compile(r"(?i)[0-9a-f]+\Z")
_RUNS = re.compile(r"0+|a+|A+")
_CLASSES = str.maketrans(
    "0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ", "0" * 10 + "a" * 26 + "A" * 26, "+/_=~.-"
)


def is_placeholder(value: str) -> bool:
    """Whether the value only shows where a secret would stand: `your-key-here`, `xxxx`, `${TOKEN}`, `<token>`."""
    lowered = value[:512].lower()
    if any(part in lowered for part in _PLACEHOLDER_PARTS):
        return True
    return bool(_PLACEHOLDER.match(lowered)) or len(set(lowered)) <= 3


def looks_random(value: str) -> bool:
    """Whether a machine made this: three kinds of characters that change often, with few repetitions.

    Random base 62 changes its kind at 62 % of the places and words in camel case at about 20 %; 33 % parts them.
    """
    body = value.rstrip("=")
    if not 20 <= len(body) <= 512 or body.count("/") > len(body) / 8 or len(set(body)) < min(len(body) / 2, 20):
        return False
    kinds = body.translate(_CLASSES)
    if min(kinds.count("0"), kinds.count("a"), kinds.count("A")) < 2 or _HEX.match(body):
        return False
    return len(_RUNS.findall(kinds)) - 1 >= 0.33 * (len(kinds) - 1)


def may_be_secret(value: str, *, quoted: bool) -> bool:
    """Whether a key that says secret may mean this value: no placeholder, reference, code, path, date or UUID."""
    if is_placeholder(value) or _UUID.match(value):
        return False
    if looks_random(value):
        return True
    if _REFERENCE.match(value) or value.startswith("/") or _COLOUR.match(value):
        return False
    if " " in value:
        return quoted and value.count(" ") == 1 and any(map(str.isdigit, value))
    return quoted or not _CODE.match(value)


def is_mixed(value: str) -> bool:
    """Letters together with digits, with signs that names don't have, or in a case that changes like no name's."""
    if value.isalpha():
        return len(_RUNS.findall(value.translate(_CLASSES))) - 1 >= 0.33 * (len(value) - 1)
    if not any(map(str.isalpha, value)):
        return False
    return any(map(str.isdigit, value)) or not value.replace("-", "").replace("_", "").replace(".", "").isalnum()


def is_words(value: str) -> bool:
    """A name: `expired`, `client_secret`, `API_KEY`, `tokenStore`."""
    return bool(_WORDS.match(value))


def is_numbered_name(value: str) -> bool:
    """`v2`, `oauth2`, `sha256`, `rfc-6750`: a word that ends in a number."""
    return len(value) < 12 and bool(_NUMBERED.match(value))
