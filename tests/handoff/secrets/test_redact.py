"""Does `redact` take out every secret, and nothing else?

No credential stands here literally: hosts scan pushed text and would refuse it. Every secret is put together
at run time.
"""

import os
import random
import re
import string
import time
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from handoff.secrets.formats.catalogue import FORMATS
from handoff.secrets.redact import KINDS, RedactedSecret, redact
from tests.handoff.secrets.specimens import issued_keys, make

REAL = Path(os.environ.get("SHIFTBOOK_SHARED") or Path(__file__).parents[4] / "shared") / "data" / "handoff-real"
RANDOM = random.Random(20261121)
HEX, LOWER, UPPER = "0123456789abcdef", string.ascii_lowercase + string.digits, string.ascii_uppercase + string.digits
WORD = string.ascii_letters + string.digits
URL = WORD + "-_"
BASE64 = WORD + "+/"


def chars(alphabet: str, count: int) -> str:
    """Random characters that begin and end with a letter or digit."""
    return "".join(
        RANDOM.choice(alphabet.strip("+/-_")) if i in {0, count - 1} else RANDOM.choice(alphabet) for i in range(count)
    )


def passwords() -> list[str]:
    return [
        "Tr0ub4dor&3",
        "hunter2" + "hunter",
        "S3cr" + "3tP4ss",
        chars(WORD, 12),
        chars(WORD, 18),
        chars(WORD + "!#%&*", 16).replace("%%", "%"),
    ]


def in_context() -> list[tuple[str, str]]:
    """(line, secret) pairs: credentials that are known by what stands around them."""
    pairs: list[tuple[str, str]] = []
    for scheme in ("postgres", "postgresql+psycopg", "redis", "amqp", "mongodb+srv", "mysql", "https", "smtp"):
        secret = chars(WORD, 14)
        pairs.append((f"{scheme}://shop:{secret}@db.internal:5432/shop", secret))
    pairs.append((f"redis://:{(secret := chars(WORD, 16))}@cache:6379/0", secret))
    for key in (
        "DB_PASSWORD",
        "SECRET_KEY",
        "STRIPE_TOKEN",
        "OPENAI_API_KEY",
        "SMTP_PASSWD",
        "APP_PRIVATE",
        "DB_PASS",
        "ENCRYPTION_KEY",
    ):
        pairs += [(f"{key}={secret}", secret) for secret in passwords()]
        pairs += [(f"export {key}='{secret}'", secret) for secret in passwords()[3:]]
    for key in ("password", "api_key", "client_secret", "auth_token", "aws_secret_access_key", "passphrase"):
        pairs += [(f'  "{key}": "{secret}",', secret) for secret in passwords()]
        pairs += [(f"{key}: {secret}", secret) for secret in passwords()]
        pairs += [(f"{key} = {secret}", secret) for secret in passwords()[3:5]]
    for flag in ("--password", "--token", "--api-key", "--db-password"):
        pairs += [
            (f"tool {flag} {(one := chars(WORD, 16))} run", one),
            (f"tool {flag}={(two := chars(WORD, 16))} run", two),
        ]
    for scheme in ("Bearer", "bearer", "Basic", "token"):
        secret = chars(WORD, 30) + "7a"
        pairs.append((f"Authorization: {scheme} {secret}", secret))
        pairs.append((f'-H "authorization: {scheme} {secret}"', secret))
    pairs.append((f"we sent Bearer {(secret := chars(URL, 40) + '4d')} by mistake", secret))
    pairs.append((f"curl -u admin:{(secret := chars(WORD, 12))} https://x.io", secret))
    pairs.append((f"DefaultEndpointsProtocol=https;AccountKey={(secret := chars(BASE64, 86) + '==')};", secret))
    hook = "/".join(["T" + chars(UPPER, 8), "B" + chars(UPPER, 8), chars(WORD, 24)])
    pairs.append((f"https://hooks.slack.com/services/{hook}", hook))
    pairs.append(
        (f"https://discord.com/api/webhooks/{(secret := chars('123456789', 18) + '/' + chars(URL, 68))}", secret)
    )
    pairs += [
        (f"{key}: {secret}", secret)
        for key in ("cookie", "session", "value", "salt")
        for secret in [chars(WORD, 40), chars(BASE64, 44)]
    ]
    return pairs


NEGATIVES = [
    "The password must be at least 12 characters long.",
    "Password: required",
    "**Token:** we use JWT with a short life",
    "Token expired, so the log-in failed; the secret is rotated weekly.",
    "matched the bare word password fifteen times",
    "password=your-password-here",
    "API_KEY=your_api_key_here",
    "OPENAI_API_KEY=sk-your-key-here",
    "OPENAI_API_KEY=sk-...",
    "export GITHUB_TOKEN=<token>",
    "GITHUB_TOKEN=${GITHUB_TOKEN}",
    "GITHUB_TOKEN=$TOKEN",
    "token: ${{ secrets.GITHUB_TOKEN }}",
    "SECRET_KEY=changeme",
    "SECRET_KEY=change-me-in-production",
    "API_TOKEN=xxxxxxxxxxxxxxxxxxxx",
    "ghp_" + "x" * 36,
    "AKIA" + "IOSFODNN7" + "EXAMPLE",
    "password = os.environ['DB_PASSWORD']",
    "token = get_token(request)",
    "api_key=settings.api_key",
    "api_key: str | None = None",
    "password: str = Field(min_length=12)",
    "auth_token = self.token_store.read()",
    "token = tokens[index + 1]",
    "max_tokens: 4096",
    "max_tokens=128000",
    "tokens in 1842, out 211, cached 1700",
    "token_count = 18282",
    "TOKEN_LIMIT=1200000",
    "tokenizer: cl100k_base",
    "password_file: /run/secrets/db_password_1",
    "SSL_PRIVATE_KEY_PATH=/etc/ssl/private/key1.pem",
    "SECRET_NAME=prod/db/main7",
    "secret_id: 7f3c1c9e-94ab-4b43-9f6c-21f6f5a0c7de",
    "public_key: ed25519-v2-main",
    "primary_key=user_id",
    "commit 3fa9c1d27b6e08f4a5c9d2e1b7a604c8d9e3f210",
    "sha256: 9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08",
    "integrity: sha512-" + "h7Kq2" * 17 + "Q==",
    "SHA256:" + "uNiVztksCsDhcc0u9e8BgrJXVGDIx2L3kBZ0a9TqkPw",
    "id: 7f3c1c9e-94ab-4b43-9f6c-21f6f5a0c7de",
    "entry_id: 01JD4X6Z9RGK7T0M3QW8VBNC5A",
    "![logo](data:image/png;base64," + "iVBORw0KGgo" + "AAAANSUhEUgAAAAUAAAAFCAYAAACNbyblAAAAHElEQVQI12P4" + ")",
    "icon = " + "iVBORw0KGgo" + "AAAANSUhEUgAAAAUAAAAFCAYAAACNbyblAAAAHElEQVQI12P4",
    "postgres://user:password@localhost/db",
    "postgres://user:<password>@localhost/db",
    "postgres://user:${DB_PASSWORD}@db/shop",
    "redis://localhost:6379/0 and https://example.com:8443/a@b",
    "git@github.com:acme/shop.git",
    "https://github.com/acme/shop/blob/main/src/renderer.js",
    "Authorization: Bearer <token>",
    "Authorization: Bearer $TOKEN",
    "the header is Authorization: Bearer, as RFC 6750 says",
    "bearer authentication-middleware is next",
    "docker run -u 1000:1000 image",
    "-----BEGIN PUBLIC KEY-----\nMIIBIjANBgkqhkiG9w0BAQEFAAOCAQ8AMIIBCgKCAQEA\n-----END PUBLIC KEY-----",
    "a `-----BEGIN RSA PRIVATE KEY-----` line is what the scanner looks for",
    "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIGx5bW9yZUlzTm90QVNlY3JldAAAAAAA ada@desk",
    "class: btn-primary-Large2024-darkMode3",
    "state: resizePresetIncludeBleedAndPageNumberingPosition2",
    "handler = ipcMain.handle('action:name', async (event, ...args) => {})",
    "secret santa: december24",
    "the API key: see 1Password",
    "private: true",
    "auth: oauth2",
    "Token: v2",
    "sk-learn-pipeline-for-the-second-stage",
    "pk_live_" + "51H8bK2eZvKYlo2C0aaaaaaaaa",
    "ACCOUNT=AC" + "0123456789abcdef0123456789abcdef",
    "2025-12-13T10:00:00Z: build 20251213-1042 finished",
    "v0.4.1-beta.exe (213.51MB)",
    "eyJhbGciOi... is how a JWT begins",
    "TOKEN=",
    "password: ''",
    "password: hidden",
    "SECRET=[redacted:github-token:3fa9c1]",
]


def test_recall_over_the_corpus_is_at_least_99_in_100() -> None:
    """Of all secrets in the corpus, at least 99 % are gone from the text, whole."""
    corpus = [pair for _ in range(5) for pair in in_context()]
    missed = [line for line, secret in corpus if secret in redact(line).text]
    assert len(missed) <= len(corpus) * 0.01, missed


def test_a_provider_key_in_a_sentence_is_taken_out_and_nothing_else_is() -> None:
    """Every documented format is found in prose, whole, and the words around it stay."""
    left = {key: redact(f"before {key} after").text for key in issued_keys(RANDOM)}
    whole = re.compile(r"before \[redacted:[a-z0-9-]+:[0-9a-f]{6}\] after")
    assert {key: text for key, text in left.items() if not whole.fullmatch(text)} == {}


@pytest.mark.parametrize("line", NEGATIVES)
def test_a_look_alike_stays(line: str) -> None:
    """What only looks like a secret is left byte for byte."""
    assert redact(line).text == line
    assert redact(line).found == ()


def test_ordinary_text_keeps_every_line() -> None:
    """Git ids, digests, UUIDs and words, 4,000 lines of them: at most 1 in 1,000 may be taken for a secret."""
    makers = [
        lambda: f"commit {chars(HEX, 40)} Merge branch",
        lambda: f"- sha256: {chars(HEX, 64)}",
        lambda: f"mission = {chars(HEX, 8)}-{chars(HEX, 4)}-{chars(HEX, 4)}-{chars(HEX, 4)}-{chars(HEX, 12)}",
        lambda: f"entry: {chars(UPPER, 26)}",
        lambda: (
            "name: " + "".join(RANDOM.choice(["Page", "Preview", "render", "Sheet", "v2", "Mode"]) for _ in range(6))
        ),
        lambda: f"tokens: {RANDOM.randrange(10**7)} in {RANDOM.randrange(10**4)} ms",
        lambda: f"https://example.org/{chars(LOWER, 6)}/{chars(LOWER, 12)}?page={RANDOM.randrange(99)}",
        lambda: f"| `{chars(LOWER, 8)}.py` | {chars('0123456789', 5)} | password reset |",
    ]
    lines = [makers[i % len(makers)]() for i in range(4000)]
    assert len(redact("\n".join(lines)).found) <= 4


@pytest.mark.skipif(not REAL.is_dir(), reason="the real documents are not at hand")
def test_false_positives_on_the_real_documents() -> None:
    """The real documents hold no secret: none of their 1,436 lines may be changed (the bar is 1 in 1,000)."""
    for path in sorted(path for path in REAL.rglob("*") if path.is_file()):
        raw = path.read_bytes()
        text = raw.decode("utf-16" if raw.startswith(b"\xff\xfe") else "utf-8")
        assert redact(text).text == text, path


def test_the_same_secret_gives_the_same_marker_and_another_secret_another_one() -> None:
    """A reader can still see that two places held one value."""
    one, two = "ghp" + "_" + chars(WORD, 36), "ghp" + "_" + chars(WORD, 36)
    first, again, other = redact(f"{one}\n({one})\n{two}").text.splitlines()
    assert again == f"({first})"
    assert other != first


def test_findings_say_the_kind_in_the_order_of_the_text() -> None:
    """A finding names its kind, also after a secret of several lines."""
    block = "\n".join([f"-----BEGIN {'EC PRIVATE'} KEY-----", *(make("{B64}", RANDOM) for _ in range(5))])
    block += f"\n-----END {'EC PRIVATE'} KEY-----"
    text = f"one\n{block}\nthree\nDB_PASSWORD={chars(WORD, 14)}\n"
    assert redact(text).found == (RedactedSecret(kind="private-key"), RedactedSecret(kind="assigned-secret"))


def test_a_provider_key_in_an_assignment_is_one_finding_of_the_providers_kind() -> None:
    """Overlapping readings become one span with the kind that says most."""
    found = redact("GITHUB_TOKEN=ghp" + "_" + chars(WORD, 36)).found
    assert found == (RedactedSecret(kind="github-token"),)


def test_a_marker_does_not_hide_the_secret_beside_it() -> None:
    """A marker that somebody wrote into the value takes nothing else of the value out of sight."""
    secret = chars(WORD, 14)
    assert secret not in redact(f"DB_PASSWORD={secret}[redacted:jwt:000000]").text


def test_every_kind_in_the_formats_is_listed() -> None:
    """A kind that is missing from KINDS would not be recognised as a marker on the second pass."""
    assert {known.kind for known in FORMATS} <= set(KINDS)


PIECES = st.sampled_from([*issued_keys(RANDOM), *(line for line, _ in in_context()), *NEGATIVES]) | st.text(max_size=20)


GLUE = ["\n", " ", "", "=", ": ", '"', "\0", "\u200b", "%3D", "\x1b[1m", "\r\n", "\x1f", "\\n", "\n+"]


@given(st.lists(PIECES, max_size=8), st.sampled_from(GLUE))
def test_redacting_again_changes_nothing(pieces: list[str], glue: str) -> None:
    """`redact` raises nothing, keeps the lines and is idempotent on any mixture of secrets, look-alikes and text."""
    text = glue.join(pieces)
    once = redact(text).text
    assert once.count("\n") == text.count("\n")
    assert redact(once).text == once
    assert redact(once).found == ()


HOSTILE = [
    *(
        "a",
        " ",
        "\t",
        "=",
        ":",
        "0",
        "'",
        '"a',
        "token:",
        "token=",
        "token ",
        "tokentoken",
        "secret_",
        "_key",
        "a=",
        "x: 'a",
    ),
    *(
        "sk-",
        "ghp_a",
        "AKIA",
        "SG.",
        "eyJ",
        "eyJaaaaaaaa-",
        "eyJaaaaaaaa.b.",
        "0:A",
        "-us1",
        "://",
        "a://b:",
        "https://a:b",
    ),
    *("-----BEGIN RSA PRIVATE KEY-----", "-----BEGIN PRIVATE KEY----------END PRIVATE KEY-----", "Private-Lines: 3\n"),
    *(
        "ghs_",
        "glpat-",
        "ghp_a\\\n",
        "pa-",
        "sk_",
        "sk-aT3BlbkFJ",
        "xoxb-",
        "s.",
        "MIIEvQIBA",
        "$1$a",
        "%41",
        "\\u0041",
        "\0",
        "&#65;",
    ),
    *(
        "kind: Secret\ndata:\n",
        " a: bbbb\n",
        "name: TOKEN ",
        "machine a login b ",
        "mysql -p",
        "-p a",
        "a:5432:b:c:",
        "<token>",
    ),
    *(
        "cookie: a=",
        "a=b; ",
        "YWJj",
        "YWJj\n",
        "the token is ",
        "password is ",
        "ENV A_TOKEN ",
        "pat",
        "q_",
        "z-",
        "-",
        "a--",
        "Ａ",
    ),
    *("Authorization: ", "bearer ", "curl -u ", "--token ", "[redacted:jwt:123456]", "a.b.c.", "passwordpassword=a"),
]


HOSTILE_CHARS = 100_000
QUADRATIC = 4.0
"""Seconds of processor time. A pattern that backtracks takes minutes or for ever; all need about a tenth of one."""


@pytest.mark.parametrize("piece", HOSTILE)
def test_no_pattern_backtracks_over_a_hostile_line(piece: str) -> None:
    """The work grows with the line's length, not with its square."""
    line = (piece * (HOSTILE_CHARS // len(piece) + 1))[:HOSTILE_CHARS]
    began = time.process_time()
    redact(line)
    assert time.process_time() - began < QUADRATIC


def test_a_text_that_is_all_secrets_takes_time_in_proportion() -> None:
    """Four times the text takes about four times as long, also when everything in it is a secret."""
    secret = f"token={chars(WORD, 12)} "

    def seconds(count: int) -> float:
        text = secret * count
        start = time.process_time()
        redact(text)
        return time.process_time() - start

    # by turns: a processor that others share is as slow for the one as for the other
    short, long = zip(*((seconds(800), seconds(3200)) for _ in range(3)), strict=True)
    assert min(long) < 10 * min(short)
