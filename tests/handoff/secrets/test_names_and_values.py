"""Is it told by a field's name and by its value whether that is a secret, alike for whatever stands around them?"""

from __future__ import annotations

import random
import string
import time
import uuid

import pytest
from hypothesis import given
from hypothesis import strategies as st

from handoff.secrets import names, values

ALPHABET = string.ascii_letters + string.digits


def made(length: int, seed: int, alphabet: str = ALPHABET) -> str:
    """What a machine would make."""
    return "".join(random.Random(seed).choices(alphabet, k=length))


@pytest.mark.parametrize("length", [24, 32, 40, 64, 128])
def test_what_a_machine_made_looks_random(length: int) -> None:
    """Nine of ten and more, in base 62 and in base 64."""
    found = [values.looks_random(made(length, seed)) for seed in range(200)]
    assert sum(found) >= 175
    padded = [values.looks_random(made(length, seed, ALPHABET + "-_") + "==") for seed in range(200)]
    assert sum(padded) >= 175


@pytest.mark.parametrize(
    "value",
    [
        "",
        "short1A",
        "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa",
        "theQuickBrownFoxJumpsOverTheLazyDog",
        "orchestrator.workflow.reading.mission_list",
        "d41d8cd98f00b204e9800998ecf8427ed41d8cd9",
        "/usr/lib/python3/dist-packages/Some/Module",
        "ABCDEFGHIJKLMNOPQRSTUVWXYZABCDEF",
        "2026-11-21T12:00:00+00:00/2026-11-22",
        made(513, 1),
    ],
)
def test_what_people_write_does_not(value: str) -> None:
    """Words, names, paths, digests, dates; and nothing is random that is longer than any key."""
    assert not values.looks_random(value)


@pytest.mark.parametrize(
    "value",
    [
        "$DB_PASSWORD",
        "${TOKEN}",
        "%TOKEN%",
        "<your-token>",
        "[[ token ]]",
        "{{ secrets.KEY }}",
        "os.environ['KEY']",
        "process.env.KEY",
        "env.KEY",
        "secrets.KEY",
        "vault:secret/data/db#password",
        "op://vault/item/field",
        "arn:aws:secretsmanager:eu:1:secret:x",
        "https://example.com/token",
        "file:///run/secrets/db",
        "ssh-ed25519",
        "sha256:abcdef",
        "./secrets/db.txt",
        "~/token",
        "/run/secrets/db",
        "#ff00aa",
        "getToken()",
        "settings.api_key",
        "changeme",
        "********",
        "xxxxxxxx",
    ],
)
def test_where_a_secret_is_kept_is_none(value: str) -> None:
    """References, paths, code and placeholders, in quotes or without."""
    assert not values.may_be_secret(value, quoted=False)


@pytest.mark.parametrize("quoted", [True, False])
@pytest.mark.parametrize("value", [made(32, 3), "hunter2!Xy", "p4ssw0rd-of-mine", "correct7horse"])
def test_what_could_be_one_is(value: str, quoted: bool) -> None:
    """With its quotes or without."""
    assert values.may_be_secret(value, quoted=quoted)


@pytest.mark.parametrize(
    ("value", "strict", "phrase", "secret"),
    [
        ("correct horse battery staple 7", False, True, True),
        ("enter your password here please", False, True, False),
        ("abcd efgh ijkl mnop", False, True, True),
        ("abcd efgh ijkl mnop", False, False, False),
        ("correct horse battery staple", True, True, True),
        ("correct horse battery staple", False, True, False),
        ("tr0ub4dor three", False, False, True),
        ("hunter2", False, True, True),
        (" ".join(f"word{n}" for n in range(13)), False, True, False),
    ],
)
def test_several_words(value: str, strict: bool, phrase: bool, secret: bool) -> None:
    """A passphrase is one; a sentence is none; without quotes it is never several words."""
    assert values.may_be_secret(value, quoted=True, strict=strict, phrase=phrase) is secret
    if " " in value:
        assert not values.may_be_secret(value, quoted=False, strict=strict, phrase=phrase)


@pytest.mark.parametrize(
    ("check", "yes", "no"),
    [
        (values.is_uuid, [str(uuid.UUID(int=7)), str(uuid.UUID(int=7)).upper()], ["7", str(uuid.UUID(int=7)) + "0"]),
        (
            values.is_words,
            ["expired", "client_secret", "API_KEY", "tokenStore", "Contraseña", "пароль"],
            ["a1", "geheim1ä"],
        ),
        (values.is_name, ["cache_image_write_1h", "io.example/logLevel", "a-1"], ["Secret", "x", ""]),
        (values.is_numbered_name, ["v2", "oauth2", "sha256", "rfc-6750", "http1.1"], ["2v", "abc", "averylongword1"]),
        (
            values.is_mixed,
            ["abc1", "a1", "aBcDeFgH", "abc!", "p@ss"],
            ["abc", "123", "", "logLevel", "some-name", "a.b_c"],
        ),
        (values.is_public, ["AAAAB3NzaC1yc2E", "some-words-with-hyphens", "iVBORw0KGgoAAAANSUhEUgAA"], [made(40, 5)]),
    ],
)
def test_what_a_value_is(check: object, yes: list[str], no: list[str]) -> None:
    """Identifiers, words, names, what everybody may read."""
    assert callable(check)
    assert [value for value in yes if not check(value)] == []
    assert [value for value in no if check(value)] == []


@given(st.text(max_size=300))
def test_any_value_is_judged(value: str) -> None:
    """Without an error; a value that is random is a secret under a name that says so, whatever its quotes."""
    for check in (values.looks_random, values.is_mixed, values.is_name, values.is_words, values.is_numbered_name):
        assert check(value) in (True, False)
    for quoted in (True, False):
        values.may_be_secret(value, quoted=quoted, strict=True, phrase=True)
    if value:
        values.is_public(value)
        values.is_dense(value)


def test_a_hostile_value_costs_little() -> None:
    """A text may hold tens of thousands of values: each is a few steps, however it is made."""
    hostile = [
        "a" * 5000,
        "a-" * 2500,
        "a.a" * 2000,
        "Aa1" * 2000,
        "(" * 5000,
        "_" * 5000,
        "a_" * 3000 + "!",
        "/a" * 2500,
    ]
    began = time.process_time()
    for value in hostile:
        for _ in range(20):
            values.may_be_secret(value, quoted=False)
            values.looks_random(value)
            values.is_mixed(value)
    assert time.process_time() - began < 2


@pytest.mark.parametrize(
    ("before", "word", "tail", "secret"),
    [
        ("DB_", "PASSWORD", "", True),
        ("client", "Secret", "", True),
        ("X-Auth-", "Token", "", True),
        ("", "token", "_count", False),
        ("", "password", "_hint", False),
        ("", "private", "_subnet", False),
        ("public", "_key", "", False),
        ("next_page_", "token", "", False),
        ("max_", "token", "s", False),
        ("two", "_pass", "", False),
        ("", "secret", "Manager", False),
        ("", "secret", "_manager", False),
        ("", "token", "izer", False),
        ("", "password", "1", True),
        ("", "api_key", "_2", True),
    ],
)
def test_what_a_name_says(before: str, word: str, tail: str, secret: bool) -> None:
    """The secret itself, or something beside it."""
    assert names.names_a_secret(before, word, tail, random=False) is secret


def test_a_random_value_counts_under_a_name_beside_a_secret() -> None:
    """Under `token_file` as well, and never under a public key."""
    assert names.names_a_secret("", "token", "_file", random=True)
    assert not names.names_a_secret("", "token", "_file", random=False)
    assert not names.names_a_secret("public", "_key", "", random=True)


@pytest.mark.parametrize(
    ("text", "at", "before"),
    [("export DB_PASS", 9, "DB"), ("a.b-c_d", 7, "b-c_d"), ("", 0, ""), ("x y ", 4, ""), ("x" * 90, 90, "x" * 40)],
)
def test_the_part_of_a_name_that_stands_before(text: str, at: int, before: str) -> None:
    """As far as a name goes, and no further than forty characters."""
    assert names.name_before(text, at) == before


@pytest.mark.parametrize(
    ("name", "password", "issued"),
    [
        ("DB_PASSWORD", True, True),
        ("pwd", True, False),
        ("kennwort", True, False),
        ("API_KEY", False, True),
        ("client_token", False, False),
        ("trace_secret", False, False),
        ("color", False, False),
    ],
)
def test_what_a_value_under_a_name_may_be(name: str, password: bool, issued: bool) -> None:
    """Digits or words under a password's, a UUID under that of a key that is issued."""
    assert names.names_a_password(name) is password
    assert names.names_an_issued_key(name) is issued


@pytest.mark.parametrize(
    ("text", "public"),
    [
        ('"integrity": ', True),
        ("commit=", True),
        ("requestId: ", True),
        ("logo = ", True),
        ("password: ", False),
        ("token=", False),
        ("  = ", True),
        ("public_key: ", True),
    ],
)
def test_a_digest_an_identifier_or_a_picture(text: str, public: bool) -> None:
    """Everybody may read what stands behind such a name, or behind none."""
    at = len(text.rstrip()) - 1
    assert names.names_something_public(text, at) is public
