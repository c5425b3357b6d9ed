"""Where does a credential stand by syntax: because of the words and signs around it?

In addresses (`user:password@host`), headers, command lines, files such as .netrc and .pgpass, SQL, XML, and fields of
which one holds the name and the next the value. A row is tried only when one of its words is in the text.
"""

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cached_property

from handoff.secrets.placeholders import is_placeholder
from handoff.secrets.values import is_mixed, is_numbered_name, is_words

_NAME = (
    r"[\w.-]{0,40}?(?:password|passwd|passphrase|_pass|secret|token|api[_-]?key|access[_-]?key|private[_-]?key"
    r"|credential)(?:[_-]?\w{1,12})?"
)
_QUOTE = r"[\"'\\]{0,2}"
_SENTRY = re.compile(r"[0-9a-f]{32}\Z")
_SENTRY_HOST = re.compile(r"@[\w.-]*(?:sentry|ingest|glitchtip|bugsink)|@[\w.:-]+/\d+(?![\w/])")


@dataclass(frozen=True, kw_only=True)
class SyntaxRule:
    """One place for a credential; `value` is the group that holds it, `words` what the text must contain in any case."""

    kind: str
    words: tuple[str, ...]
    expression: str
    accepts: Callable[[re.Match[str], str], bool]

    @cached_property
    def pattern(self) -> re.Pattern[str]:
        """Compiled when the first text has one of the words."""
        return re.compile(self.expression)


def _any(found: re.Match[str], _: str) -> bool:
    return not is_placeholder(found["value"])


def _digits_and_letters(found: re.Match[str], _: str) -> bool:
    value = found["value"]
    return any(map(str.isdigit, value)) and any(map(str.isalpha, value)) and not is_placeholder(value)


def _a_long_one(found: re.Match[str], text: str) -> bool:
    """Of several values; `theme=dark` and `consent=v2` open nothing."""
    longest = max((pair.partition("=")[2] for pair in found["value"].split(";")), key=len)
    return len(longest) >= 12 and _digits_and_letters(found, text)


def _unlike_a_name(found: re.Match[str], _: str) -> bool:
    value = found["value"]
    return is_mixed(value) and not is_numbered_name(value) and not is_placeholder(value)


def _unlike_code(found: re.Match[str], text: str) -> bool:
    """Where code has names in quotes or brackets too."""
    return _digits_and_letters(found, text) and _unlike_a_name(found, text)


def _no_word(found: re.Match[str], _: str) -> bool:
    value = found["value"]
    return not is_words(value) and not is_placeholder(value) and not value.startswith(("/", "$", "-", "<", "{"))


def _after_curl(found: re.Match[str], text: str) -> bool:
    return _any(found, text) and "curl" in text[max(0, found.start() - 200) : found.start()]


def _no_port(found: re.Match[str], text: str) -> bool:
    """`https://example.com:8443/a@b` has a port and no password."""
    return _any(found, text) and not found["value"].partition("/")[0].isdigit()


def _no_sentry(found: re.Match[str], text: str) -> bool:
    """The key in the address that Sentry's clients report to is public."""
    public = _SENTRY.match(found["value"]) and _SENTRY_HOST.match(text, found.end("value"))
    return _any(found, text) and not public


def _rule(kind: str, words: str, expression: str, accepts: Callable[[re.Match[str], str], bool] = _any) -> SyntaxRule:
    return SyntaxRule(kind=kind, words=tuple(words.split("|")), expression=expression, accepts=accepts)


_BARE = r"(?P<value>[^\s\"'`\x1f]{4,128})"

RULES = (
    _rule(
        "url-password",
        "://",
        r"://(?<=[A-Za-z0-9]://)[^\s:@/\x1f\"'<>]{0,128}:(?P<value>[^\s/\x1f\"'<>`]{1,256})@(?=[\w\[$])",
    ),
    _rule(
        "url-password",
        "://",
        r"://(?<=[A-Za-z0-9]://)[^\s:@/\x1f\"'<>]{0,64}:(?P<value>[^\s@/\x1f\"'<>`]{1,64}/[^\s@\x1f\"'<>`]{0,128})@(?=[\w\[$])",
        _no_port,
    ),
    _rule("url-password", "jdbc:oracle", r"(?i)jdbc:oracle:\w{2,8}:[^\s/@\x1f]{1,64}/(?P<value>[^\s@\x1f\"']{3,128})@"),
    _rule("url-token", "://", r"://(?<=[a-z]://)(?P<value>[A-Za-z0-9_-]{30,128})@(?=\w)", _no_sentry),
    _rule(
        "authorization",
        "authorization",
        r"(?i)\bauthorization[\"']?[ \t]{0,3}[:=,][ \t]{0,3}[\"']?"
        r"(?:(?:basic|bearer|token|apikey|digest|negotiate|bot|key|ssws|splunk|genie[_ ]?key)[ \t]{1,3})?(?P<value>[\w.~+/=-]{8,})",
        _digits_and_letters,
    ),
    _rule("authorization", "bearer", r"(?i)\bbearer[ \t]{1,3}(?P<value>[\w.~+/-]{16,}={0,2})", _digits_and_letters),
    _rule(
        "cookie",
        "cookie",
        r"(?i)\b(?:set-)?cookie[\"']?[ \t]{0,3}[:=][ \t]{0,3}[\"']?(?P<value>[\w.%-]{1,64}=[^\s;\"'\x1f]{1,4096}"
        r"(?:;[ ]?[\w.%-]{1,64}=[^\s;\"'\x1f]{0,4096}){0,50})",
        _a_long_one,
    ),
    _rule(
        "cookie",
        "session=|sessid=|sessionid=|connect.sid=|csrftoken=|xsrf-token=|remember_token=",
        r"(?i)(?<![\w.-])(?:[\w.-]{0,24}?_session|jsessionid|phpsessid|connect\.sid|sessionid|asp\.net_sessionid|csrftoken"
        r"|xsrf-token|remember_token|ci_session)=(?P<value>[\w%.+/~-]{20,512})",
        _digits_and_letters,
    ),
    _rule(
        "command-password",
        "curl",
        r"(?<=\s)(?:-u|--user|--proxy-user)[ =][\"']?[^\s:\"'\x1f]{1,64}:(?P<value>[^\s\"'\x1f]{4,128})",
        _after_curl,
    ),
    _rule("command-password", "sshpass", rf"\bsshpass[ \t]{{1,3}}(?:-[ev] ?\S{{0,20}} )?-p[ \t]{{0,3}}{_QUOTE}{_BARE}"),
    _rule(
        "command-password",
        "mysql|maria|mongo",
        rf"\b(?:mysql|mysqldump|mysqladmin|mysqlimport|mariadb|mariadb-dump|mongodump|mongorestore)\b[^\n|;&]{{0,120}}?[ \t]-p{_QUOTE}{_BARE}",
    ),
    _rule(
        "command-password",
        " login|redis-cli|twine upload|ldapsearch|ldapmodify|ldapadd|zip -|sqlcmd|bcp |keytool|7z |mongo",
        r"\b(?:(?:docker|podman|az|oc|buildah|skopeo|helm registry|nerdctl|crane auth|oras|argocd|cf|flyctl auth|npm)[ \t]{1,3}login"
        r"|twine upload|redis-cli|ldapsearch|ldapmodify|ldapadd|zip|unzip|7z|sqlcmd|bcp|keytool|mongosh?)\b"
        rf"[^\n|;&]{{0,120}}?[ \t](?:-p|-a|-w|-P|-storepass|-keypass)[ \t]{{1,3}}{_QUOTE}(?!-){_BARE}",
        _no_word,
    ),
    _rule("command-password", "7z ", rf"\b7z\b[^\n]{{0,80}}?[ \t]-p{_BARE}", _no_word),
    _rule(
        "command-password", "pass:", r"-(?:passin|passout|pass|k)[ \t]{1,3}[\"']?pass:(?P<value>[^\s\"'\x1f]{3,128})"
    ),
    _rule(
        "command-password",
        "smbclient|rpcclient|smbmap",
        r"\b(?:smbclient|rpcclient|smbmap)\b[^\n]{0,80}?-U[ \t]{0,2}[\"']?[^\s%\"']{1,64}%(?P<value>[^\s\"'\x1f]{3,128})",
    ),
    _rule(
        "command-password",
        "htpasswd",
        r"\bhtpasswd[ \t]{1,3}-\w{0,6}b\w{0,6}[ \t]{1,3}\S{1,200}[ \t]{1,3}\S{1,64}[ \t]{1,3}(?P<value>[^\s\"'\x1f]{4,128})",
    ),
    _rule(
        "command-password",
        "http-basic",
        r"\bhttp-basic\.\S{1,120}[ \t]{1,3}\S{1,64}[ \t]{1,3}(?P<value>[^\s\"'\x1f]{4,128})",
    ),
    _rule(
        "command-password",
        "useradd|usermod|chpasswd|lftp|net use|secret set|_authtoken",
        r"(?:\b(?:useradd|usermod)\b[^\n|;&]{0,80}?[ \t]-p[ \t]{1,3}|\blftp[ \t][^\n|;&]{0,80}?-u[ \t]{1,3}[^\s,]{1,64},"
        r"|\bnet use\b[^\n]{0,160}?/user:\S{1,64}[ \t]{1,3}|\bsecret set[ \t]{1,3}\w{1,64}[ \t]{1,3}(?:--body|-b)[ =]|:_authToken[ \t]{1,3})"
        r"[\"']{0,2}(?P<value>[^\s\"'`\x1f]{4,256})",
    ),
    _rule(
        "command-password",
        "chpasswd",
        r"[\"' ][\w.-]{1,64}:(?P<value>[^\s\"':|]{4,128})[\"']?[ \t]{0,3}\|[ \t]{0,3}(?:sudo[ \t])?chpasswd",
    ),
    _rule(
        "cookie", "curl", r"(?<=\s)(?:-b|--cookie)[ =][\"']?(?P<value>[\w.%-]{1,64}=[^\s\"'\x1f]{8,4096})", _after_curl
    ),
    _rule(
        "netrc-password",
        "login",
        r"(?:\bmachine\s{1,3}\S{1,200}|\bdefault)\s{1,8}(?:login\s{1,3}\S{1,128}\s{1,8})?(?:account\s{1,3}\S{1,64}\s{1,8})?password\s{1,3}(?P<value>[^\s\x1f]{3,256})",
    ),
    _rule(
        "pgpass-password",
        ":",
        r"(?m)^(?:[A-Za-z][\w.-]{0,120}|\*|\d{1,3}(?:\.\d{1,3}){3}):(?:\d{4,5}|\*):(?:[A-Za-z_][\w.-]{0,62}|\*):[\w.@*-]{1,63}:"
        r"(?P<value>[^\s:\x1f]{4,128})[ \t]*\r?$",
    ),
    _rule(
        "sql-password",
        "identified|password '",
        r"(?i)\b(?:identified[ \t]{1,3}(?:\w{1,24}[ \t]{1,3}){0,3}by|(?:encrypted[ \t]{1,3}|with[ \t]{1,3}|(?:role|user)[ \t]{1,3}[\w\"]{1,64}[^\n;]{0,60}?)password)[ \t]{1,3}'(?P<value>[^'\n\x1f]{3,128})'",
    ),
    _rule("config-password", "requirepass|masterauth", rf"(?m)\b(?:requirepass|masterauth)[ \t]{{1,4}}{_QUOTE}{_BARE}"),
    _rule(
        "config-password",
        "env |arg |setx ",
        rf"(?im)^\s{{0,8}}(?:ENV|ARG|setx)[ \t]{{1,4}}{_NAME}[ \t]{{1,4}}{_QUOTE}{_BARE}",
        _no_word,
    ),
    _rule(
        "named-value",
        "value",
        rf"(?i)\b(?:name|key|id)[\"']?[ \t]{{0,3}}[:=][ \t]{{0,3}}{_QUOTE}{_NAME}{_QUOTE}[ \t]{{0,3}}[,;]?\s{{0,24}}"
        rf"[\"'\\]{{0,2}}value[\"'\\]{{0,2}}[ \t]{{0,3}}[:=][ \t]{{0,3}}{_QUOTE}(?P<value>[^\s\"'\x1f\\]{{6,256}})",
        _no_word,
    ),
    _rule(
        "xml-password",
        "</",
        r"(?i)<(?P<tag>[\w:.-]{0,40}?(?:password|passwd|passphrase|secret|token|(?:api|private|secret|access)[_-]?key))(?:[ \t][^<>\n]{0,120})?>(?P<value>[^<\s\x1f]{4,256})</",
        _no_word,
    ),
    _rule(
        "said-password",
        "password|passphrase|passwort|passcode|passwd|mot de passe|contrase|pass is|pass was|pwd is|pw is|pin is",
        r"(?i)(?<![A-Za-z])(?:password|passphrase|passwd|pass|pwd|pw|pin|passwort|passcode|mot de passe|contrase\wa)[\"'`*]{0,3}[ \t]{0,2}"
        r"(?:(?:for[ \t]\S{1,40}[ \t])?(?:is|was|now|ist|est|es)[ \t]{1,2}(?:now[ \t])?|->|→|\||(?<=[ \t])\()[ \t]{0,2}[\"'`(*]{0,2}(?P<value>[^\s\"'`\x1f)*|]{6,64})",
        _unlike_code,
    ),
    _rule(
        "said-password",
        "password|passphrase",
        r"(?i)\b(?:with|using|use)[ \t](?:the[ \t])?(?:password|passphrase)[ \t][\"'`(*]{0,2}(?P<value>[^\s\"'`\x1f)*|]{6,64})",
        _unlike_a_name,
    ),
    _rule(
        "named-value",
        "password|secret|token|api_key|apikey|passphrase",
        rf"(?i)[\"']{_NAME}[\"'],[ \t]{{0,3}}[\"'](?P<value>[^\s\"'\x1f\\]{{6,256}})[\"']",
        _unlike_code,
    ),
    _rule(
        "named-value",
        "password(|secret(|token(|apikey(|passphrase(",
        r"(?i)(?:password|secret|token|apikey|passphrase)\([ \t]{0,3}[\"'](?P<value>[^\s\"'\x1f\\]{6,256})[\"']",
        _unlike_code,
    ),
    _rule(
        "said-key",
        "token|key|secret|credential",
        r"(?i)\b(?:api[ _-]?keys?|access[ _-]?keys?|tokens?|secrets?|credentials?|secret[ _-]keys?)[ \t]{1,2}(?:(?:is|was)[ \t]{1,2})?"
        r"[\"'`(*]{0,2}(?P<value>[A-Za-z0-9]{24,128})(?![\w-])",
        _digits_and_letters,
    ),
    _rule(
        "keyed-value",
        "key",
        r"\"(?:key|apikey|apiKey)\"[ \t]{0,3}:[ \t]{0,3}\"(?P<value>[a-z0-9]{24,128}|[A-Z0-9]{24,128})\"",
        _digits_and_letters,
    ),
    _rule("jwk-key", "kty", r"\"(?:d|p|q|dp|dq|qi|k)\"[ \t]{0,3}:[ \t]{0,3}\"(?P<value>[\w-]{20,1024})\""),
)


_WORDS = tuple((word, number) for number, rule in enumerate(RULES) for word in rule.words)


def find_credentials(text: str) -> Iterator[tuple[int, int, str]]:
    """Every credential that its surroundings give away, as (start, end, kind)."""
    lowered = text.lower()
    meant = {number for word, number in _WORDS if word in lowered}  # one look for each word: most texts have none
    for number in sorted(meant):
        rule = RULES[number]
        for found in rule.pattern.finditer(text):
            if rule.accepts(found, text):
                yield *_span(found), rule.kind


def _span(found: re.Match[str]) -> tuple[int, int]:
    start, end = found.span("value")
    return start, start + len(found["value"][: end - start].rstrip(".,;:)") or found["value"])
