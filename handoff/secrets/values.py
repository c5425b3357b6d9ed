"""Could this value be a secret at all?

References to a place where the secret is kept, code, digests and identifiers are not secrets; random characters are.
Every test is a few calls into C, because a hostile text can hold tens of thousands of values.
"""

import re
from base64 import b64decode

from handoff.secrets.placeholders import is_placeholder

_REFERENCE = re.compile(
    r"(?i)%\w+%|@\w+[@.(]|[<\[({]|[!&*]{1,2}[A-Za-z_-]+\Z|os\.|process\.|env\b|secrets?\.|vars?\.|config\.|settings\.|self\."
    r"|this\.|vault:|op://|arn:|sops|enc\[|encrypted:|https?://|file:|ssh://|git@|ssh-|sha\d|md5|data:|ssm:|projects/"
    r"|\.{1,2}/|~/|[a-z]:\\|AQICAH|Ag[A-D][A-Za-z0-9+/]{60}|\$"
)
_PLAIN_REFERENCE = re.compile(
    r"(?i)(?:%\w+%|@\w+@|@Microsoft\.|\[[\w .-]+\]\Z|os\.|process\.|env[.(\[]|getenv|secrets?\.|vars?\.|vault:|op://|arn:"
    r"|sops|enc\[|encrypted:|https?://|file:|ssh://|git@|ssh-(?:rsa|ed)|ssm:|projects/|AQICAH|Ag[A-D][A-Za-z0-9+/]{60})"
    r"|[A-Za-z_]+(?:\.[A-Za-z_]+)+\Z|[A-Za-z_][\w.]{3,}\([^()]*\)\Z"
)
_PATH = re.compile(
    r"(?:~|\.{1,2})?/(?:run|etc|var|home|usr|opt|mnt|tmp|root|srv|app|secrets?|vault|users|data|config|certs?|keys?|dev"
    r"|proc|workspace|private|library)/|(?:~|\.{1,2})?(?:/[a-z._-]+){2,}\Z|(?:~|\.{1,2})/[a-z._/-]+\Z",
    re.IGNORECASE,
)
_COLOUR = re.compile(r"#[0-9a-fA-F]{3,8}\Z")
_CODE = re.compile(
    r"[A-Za-z_]\w*(?:(?:\.|->|::)[A-Za-z_]\w*)+\Z|[A-Za-z_][\w.]*\[|[^()]*\(|[^=&|>-]*(?:=>|->|==|&&|\|\|)"
    r"|[A-Za-z_]\w*(?:Key|Token|Secret|Password|Credentials?|Provider|Config|String)\Z"
    r"|[a-z][\w-]*(?:/[A-Za-z][\w-]*)+(?:/\d+)?\Z"
)
_WORDS = re.compile(r"_*[a-z]+(?:[_-]+[a-z]+)*_*\Z|[A-Z]+(?:_[A-Z]+)*\Z|[A-Za-z][a-z]+(?:[A-Z][a-z]+)*\Z")
_CAMEL = re.compile(r"[a-z]*(?:[A-Z]{1,2}[a-z]{2,})+\Z")
_SNAKE = re.compile(r"[a-z_]+(?:[_./:-][a-z0-9]+)+\Z|[a-z]+(?:\.[a-z]+)+/[A-Za-z]+\Z")
_NUMBERED = re.compile(r"[A-Za-z]+(?:[._-]?[A-Za-z]+)*[._-]?\d{1,4}(?:[._-]\d+)*\Z")
_UUID = re.compile(r"(?i)[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}\Z")
_HEX = re.compile(r"(?i)[0-9a-f]+\Z")
_BLOCKS = re.compile(r"[a-z]{4}(?: [a-z]{4}){3}\Z")  # as Google shows the passwords of apps
_PROSE = frozenset(
    [
        "a",
        "an",
        "and",
        "at",
        "be",
        "by",
        "can",
        "do",
        "enter",
        "for",
        "has",
        "in",
        "is",
        "it",
        "least",
        "must",
        "not",
        "of",
        "on",
        "or",
        "please",
        "the",
        "to",
        "with",
        "your",
    ]
)
_PARTS = re.compile(r"[^A-Za-z0-9]")
_RUNS = re.compile(r"0+|a+|A+")
_CLASSES = str.maketrans(
    "0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ", "0" * 10 + "a" * 26 + "A" * 26, "+/_=~.-"
)
_ID = re.compile(
    r"Ag[A-D][A-Za-z0-9+/]{60}|AQICAH|Qm[1-9A-HJ-NP-Za-km-z]{44}\Z|(?:bafy|bafk)[a-z2-7]{40,}\Z|6L[\w-]{38}\Z|[13][1-9A-HJ-NP-Za-km-z]{25,34}\Z"
    r"|[LDr][1-9A-HJ-NP-Za-km-z]{32,33}\Z|(?:addr1|xpub|ypub|zpub|npub1)[0-9A-Za-z]{25,110}\Z|AAAA[A-E][0-9A-Za-z]"
    r"|MI[GIHKM][A-Za-z0-9+/]|M[CF][kow][A-Za-z0-9+/]*wEw?Y|MCowBQYDK2V|RW[QRST][A-Za-z0-9+/]{53}\Z"
)
_MAGIC = (
    *(b"\x89PNG", b"\xff\xd8\xff", b"GIF8", b"RIFF", b"%PDF", b"<svg", b"\0\0\1\0", b"\0asm", b"ID3", b"OggS", b"fLaC"),
    *(
        b"\x1a\x45\xdf\xa3",
        b"wOFF",
        b"wOF2",
        b"\0\1\0\0",
        b"OTTO",
        b"PK\3\4",
        b"\x1f\x8b",
        b"BZh",
        b"\xfd7zXZ",
        b"(\xb5/\xfd",
    ),
    *(b"7z\xbc\xaf", b"MZ", b"\x7fELF", b"\xca\xfe\xba\xbe", b"<?xml", b"\0\0\0\x18ft", b"\0\0\0\x1cft", b"\0\0\0 ft"),
    *(
        b"\xff\xfb",
        b"\xff\xf3",
        b"\xff\xf2",
        b"BM",
        b"II*\0",
        b"MM\0*",
        b"glTF",
        b"SQLite",
        b"\x93NUMPY",
        b"<!DOC",
        b"<html",
    ),
)


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


def is_public(value: str) -> bool:
    """A public key, an address of a coin, an id of content, words with hyphens, or the base64 of a file or a text."""
    return bool(_ID.match(value)) or max(map(len, _PARTS.split(value))) < 12 or _is_content(value)


def _is_content(value: str) -> bool:
    try:
        head = b64decode(value[:24], validate=True)
    except ValueError:
        return False
    return head.startswith(_MAGIC) or all(32 <= byte < 127 or byte in b"\t\r\n" for byte in head)


def is_dense(value: str) -> bool:
    """Letters with digits, or in a case that changes like no name's: what a key in the middle of a word must be."""
    letters = sum(map(str.isalpha, value))
    if letters < len(value) and letters and any(map(str.isdigit, value)):
        return True
    return len(_RUNS.findall(value.translate(_CLASSES))) - 1 >= 0.33 * (len(value) - 1)


def may_be_secret(value: str, *, quoted: bool, strict: bool = False, phrase: bool = False) -> bool:
    """Whether a key that says secret may mean this value: no placeholder, reference, code, path or date.

    `strict` is for `NAME=value` as files of the environment have it: there only what is plainly a reference is spared.
    `phrase`: the key says password, which may be several words.
    """
    if is_placeholder(value):
        return False
    if " " in value:
        return quoted and _is_phrase(value, strict=strict, named=phrase)
    if strict:
        return not (_PLAIN_REFERENCE.match(value) or _PATH.match(value))
    if _REFERENCE.match(value):
        return False
    if looks_random(value):
        return True
    if value.startswith("/") or _COLOUR.match(value):
        return False
    return quoted or not _CODE.match(value)


def _is_phrase(value: str, *, strict: bool, named: bool) -> bool:
    """Several words that make no sentence; without a digit only where a file of the environment sets a password."""
    words = [word.lower().strip(".,:!?") for word in value.split()]
    if not 2 <= len(words) <= 12 or not _PROSE.isdisjoint(words):
        return False
    if any(map(str.isdigit, value)):
        return named or len(words) == 2
    return named and (bool(_BLOCKS.match(value)) or (strict and len(words) > 2))


def is_uuid(value: str) -> bool:
    """A UUID: an identifier, unless its name says that it is a key."""
    return bool(_UUID.match(value))


def is_mixed(value: str) -> bool:
    """Letters together with digits, with signs that names don't have, or in a case that changes like no name's."""
    if value.isalpha():
        return (
            value.isascii()
            and not _CAMEL.match(value)
            and len(_RUNS.findall(value.translate(_CLASSES))) - 1 >= 0.33 * (len(value) - 1)
        )
    if not any(map(str.isalpha, value)):
        return False
    return any(map(str.isdigit, value)) or not value.replace("-", "").replace("_", "").replace(".", "").isalnum()


def is_name(value: str) -> bool:
    """A name as programs have them: `cache_image_write_1h`, `io.example/logLevel`."""
    return bool(_SNAKE.match(value))


def is_words(value: str) -> bool:
    """A name or a word of any language: `expired`, `client_secret`, `API_KEY`, `tokenStore`, `Contraseña`."""
    if value.isascii():
        return bool(_WORDS.match(value))
    return not any(map(str.isdigit, value)) and any(map(str.isalpha, value))


def is_numbered_name(value: str) -> bool:
    """`v2`, `oauth2`, `sha256`, `rfc-6750`: a word that ends in a number."""
    return len(value) < 12 and bool(_NUMBERED.match(value))
