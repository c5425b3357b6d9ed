"""What does the name of a field say of its value: secret, public, or something else beside a secret?

`DB_PASSWORD`, `clientSecret` and `X-Auth-Token` name a secret; `token_count`, `password_hint` and `private_subnet`
something beside it; `public_key`, `cid` and `checksum` what everybody may read.
"""

import re

WORD = (
    r"(?P<word>secret|token|passw(?:or[dt])|passwd|passphrase|passcode|api[_ -]?key|access[_-]?key"
    r"|private(?:[_-]?key)?(?![\w-])"
    r"|credentials?|(?:auth|signing|encryption|account|master|licen[sc]e|subscription|app|admin|shared|deploy|webhook"
    r"|client|consumer|storage|function|service|project|ingest)[_-]?key|kennwort|contrase[nñ]a"
    r"|mot[_ -]de[_ -]passe|senha|пароль|密码|密碼|パスワード|_pass(?![a-z])|(?-i:(?<=[a-z])Pass(?![a-z]))"
    r"|_pwd|_pw(?![a-z])|[_-]key(?![a-z])"
    r"|(?<![a-z])pwd|(?<![a-z])psk(?![a-z])|[_-]pat(?![a-z])|[_-]dsn(?![a-z])|(?<![a-z])_?auth(?=[\"'=]))"
    r"(?P<tail>[\w-]{0,30}+)"
)
"""A part of a name that says secret, and what follows it in the name."""

NAME_CHARACTERS = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-"

_OTHER_FIELD = re.compile(
    r"(?i)(?:s|izer|ize|ized|ization|[_-]?(?:names?|ids?|urls?|uris?|paths?|files?|dirs?|types?|counts?|limits?|len"
    r"|length|size|ttl|expir\w*|envs?|fields?|polic\w*|hints?|resets?|vars?|refs?|arns?|alg\w*|headers?|prefix"
    r"|versions?|modes?|enabled|required|budgets?|usage|manager|store|in|out|per\w*|cached|subnets?|networks?|ips?|cidrs?"
    r"|zones?|links?|rings?|labels?|text|titles?|placeholder|error|message|class|method|function|func|style|index"
    r"|bucket|endpoint|host|port|domain|registry|repo\w*|branch|group|rule|rotation|strength|score|age|at|date|time"
    r"|timeout|retries|count\w*|format|schema|spec|status|state|kind|hash\w*|digest|fingerprint|sha\d*))\Z"
)
_OTHER_KEY = re.compile(
    r"(?i)public|pub[_-]?key|publishable|primary|foreign|cache|sort|partition|row|shift|max|min|num|site|host|idempotenc"
    r"|dedup|lookup|natural|composite|routing|correlation|object|group|hash|index|event|arrow|enter|hot|map|dict|json"
    r"|translation|i18n|message|state|storage[_-]key\Z|for[_-]?key|answer|video|data[_-]?key|registry|sitekey|unique"
)
_OTHER_PASS = re.compile(r"(?i)(?:two|first|second|third|one|multi|single|low|high|band|all|by|num|render|last|\d)_\Z")
_OTHER_TOKEN = re.compile(
    r"(?i)(?:next|page|continuation|sync|resume|design|eos|bos|pad|unk|cls|sep|mask|eot|image|special|first|last|max|min"
    r"|num|total|stop|input|output|prompt|completion|cache\w*)[_-]?\Z"
)
_PUBLIC = re.compile(
    r"(?i)(?:sha-?\d*|md5|hash|digest|checksum|sum|integrity|fingerprint|commit|etag|uuid|guid|rev|revision|tree|blob|ref"
    r"|url|path|image|img|logo|icon|src|href|font|cursor|version|class|name|title|(?<![a-z])ids?(?:-\d)?|(?-i:Ids?|ID)|(?<![a-z])[hz]\d?"
    r"|public[_-]?key\w*|pub[_-]?key|cid|slug|event|session[_-]?id|address|addr|wallet|mint|owner|contract|peer"
    r"|site[_-]?key|trace\w*|span\w*|request|signature|sig|proof|cert\w*|chain|secure|encrypted\w*|sealed\w*|cipher\w*"
    r"|nonce|iv|tag|verification|\w*challenge"
    r"|(?:partition|sort|cache|row|object|routing|shard|primary|foreign|dedup\w*)[_-]?key"
    r"|(?:next|page|continuation|sync|resume)[_-]?token|marker|next|page\w*|wasm|audio|video|media|thumbnail|file\w*|key[_-]?id|kid"
    r"|recipient|x5c|dkim|mappings|snapshot|layer|build|chunk|asset|hmr|rowid|oid|etags|integrities"
    r"|alphabet|charset|(?<![A-Za-z])p)\Z"
)
_PASSWORD = re.compile(r"(?i)pass|pwd|[_-]pw|kennwort|contrase|senha|пароль|密")
_STRONG = re.compile(
    r"(?i)(?:(?:api|access|licen[sc]e|master|subscription|signing|encryption)[_-]?key|token|secret|secret[_-]?key|password|passwd|auth[_-]?key)\w{0,2}\Z"
)
_BESIDE = re.compile(r"(?i)(?:client|csrf|request|idempotency|correlation|session|trace|device|next|page)")


def name_before(text: str, at: int) -> str:
    """The part of the name that stands before this place."""
    window = text[max(0, at - 40) : at]
    return window[len(window.rstrip(NAME_CHARACTERS)) :]


def names_a_secret(before: str, word: str, tail: str, *, random: bool) -> bool:
    """Whether the key means the secret itself; a random value counts also under `token_file`, never as a public key."""
    lowered = word.lower()
    if lowered.endswith("key") and _OTHER_KEY.search(before + word):
        return False
    if lowered == "_pass" and _OTHER_PASS.search(before + "_"):
        return False
    if lowered == "token" and _OTHER_TOKEN.search(before):
        return False
    other = _OTHER_FIELD.match(tail) or (tail[:1] in {"_", "-"} and _OTHER_FIELD.search(tail))
    return random or not (other or tail[:1].islower())


def names_a_password(name: str) -> bool:
    """Whether the value may be digits only, or several words."""
    return bool(_PASSWORD.search(name))


def names_an_issued_key(name: str) -> bool:
    """Whether a UUID under this name is a key, as some providers issue them."""
    return bool(_STRONG.search(name)) and not _BESIDE.search(name)


def names_something_public(text: str, at: int) -> bool:
    """Whether the key before the sign at this place names a digest, an identifier or a picture (or there is none)."""
    window = text[max(0, at - 44) : at].rstrip(" \t\"'`]*")
    return not window[-1:].isalnum() or bool(_PUBLIC.search(window))
