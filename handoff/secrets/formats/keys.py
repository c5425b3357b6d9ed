"""Signed tokens, private keys and hashes of passwords: what no single provider issues."""

from handoff.secrets.formats.table import URL, begins, shaped

FORMATS = (
    *begins("jwt", "eyJ", rf"{URL}{{8,1024}}\.{URL}{{8,}}(?:\.{URL}*){{1,3}}", "RFC 7519"),
    *begins("mapbox-token", "sk.eyJ tk.eyJ", rf"{URL}{{40,}}\.{URL}{{16,}}", "trufflehog"),
    *begins("age-key", "AGE-SECRET-KEY-1 AGE-SECRET-KEY-PQ-1", "[A-Z0-9]{50,}", "gitleaks"),
    *begins(
        "paseto",
        "v4.local. v3.local. v2.local. v1.local. v4.public. v2.public.",
        f"{URL}{{40,}}(?:\\.{URL}+)?",
        "paseto.io",
    ),
    *begins(
        "private-key",
        "MHcCAQEEI MIGHAgEAMBMGByqGSM49 MC4CAQAwBQYDK2VwBCIEI MIG2AgEAMBAGByqGSM49 b3BlbnNzaC1rZXktdjEAAAA",
        r"[A-Za-z0-9+/]{24,}+(?:(?:\\n|\r?\n[ \t>|+]{0,8})[A-Za-z0-9+/]{16,}+)*+={0,2}",
        "RFC 5958",
    ),
    *shaped(
        "private-key",
        "IBA",
        r"MI[IJ][A-Za-z0-9+/]{3}IBA(?:DANBgkqhkiG9w0BAQEFAASC|AK[BC])[A-Za-z0-9+/]{40,}+"
        r"(?:(?:\\n|\r?\n[ \t>|+]{0,8})[A-Za-z0-9+/]{16,}+)*+={0,2}",
        "RFC 8017, RFC 5958",
    ),
    *shaped(
        "password-hash",
        "$apr1$",
        r"\$apr1\$[./A-Za-z0-9]{1,8}\$[./A-Za-z0-9]{22}",
        "noseyparker",
    ),
    *shaped("password-hash", "$2", r"\$2[abxy]\$\d\d\$[./A-Za-z0-9]{50,}", "noseyparker"),
    *shaped(
        "password-hash",
        "$",
        r"\$(?:1|5|6|7|y|gy|sha1|md5)\$[^\s:$\"']{1,64}\$(?:[./A-Za-z0-9]{4,}\$)?[./A-Za-z0-9]{20,}",
        "crypt(5)",
    ),
    *shaped("password-hash", "$argon2", r"\$argon2(?:id|i|d)\$[\w=,$+/.-]{30,}", "RFC 9106"),
    *shaped(
        "password-hash",
        "{S",
        r"\{(?:S?SHA(?:256|512)?|SMD5)\}[A-Za-z0-9+/]{20,}={0,2}",
        "noseyparker",
    ),
    *shaped(
        "password-hash",
        "pbkdf2_sha",
        r"pbkdf2_sha\d{1,3}\$\d{3,8}\$\w{4,64}\$[A-Za-z0-9+/]{20,}={0,2}",
        "docs.djangoproject.com",
    ),
    *shaped(
        "password-hash",
        "SCRAM-SHA-256$",
        r"SCRAM-SHA-256\$\d{3,8}:[\w+/=]{8,}\$[\w+/=]{20,}:[\w+/=]{20,}",
        "postgresql.org/docs (pg_authid)",
    ),
)
