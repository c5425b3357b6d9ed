"""Are the secrets found: every provider's, in every place, and however they are hidden?"""

import base64
import random

import pytest

from handoff.secrets.redact import redact, redact_values
from tests.handoff.secrets.specimens import by_syntax, in_places, issued_keys, make

CHANCE = random.Random(20261129)


def test_a_key_of_every_format_is_found_in_every_place() -> None:
    """At least 99 of 100, over more than 150 formats."""
    pairs = in_places(CHANCE)
    assert len(pairs) > 8 * 150
    missed = [text for text, key in pairs if key in redact(text).text]
    assert len(missed) <= len(pairs) * 0.01, missed


def test_a_credential_is_known_by_what_stands_around_it() -> None:
    """At least 99 of 100: command lines, headers, files of the environment, .netrc, SQL, XML, Kubernetes."""
    pairs = [pair for _ in range(10) for pair in by_syntax(CHANCE)]
    missed = [text for text, secret in pairs if secret in redact(text).text]
    assert len(missed) <= len(pairs) * 0.01, missed


def _wide(key: str) -> str:
    return "".join(chr(ord(char) + 0xFEE0) for char in key)


HIDDEN = {
    "a letter before": lambda key: f"x{key}",
    "an underscore before": lambda key: f"the_{key}",
    "zero-width within": lambda key: f"{key[:9]}\u200b{key[9:]}",
    "a blank of Braille within": lambda key: f"{key[:9]}\u2800{key[9:]}",
    "an annotation within": lambda key: f"{key[:9]}\ufff9{key[9:]}",
    "printed over": lambda key: "".join(f"{char}\b{char}" for char in key),
    "an 8-bit code within": lambda key: f"{key[:8]}\x9b31m{key[8:]}",
    "a colour code within": lambda key: f"\x1b[31m{key[:8]}\x1b[0m{key[8:]}",
    "UTF-16 read byte by byte": lambda key: key.encode("utf-16-le").decode("latin-1"),
    "full-width": _wide,
    "percent": lambda key: "".join(f"%{ord(char):02X}" for char in key),
    "one percent": lambda key: f"{key[:6]}%{ord(key[6]):02x}{key[7:]}",
    "percent twice": lambda key: f"{key[:6]}%25{ord(key[6]):02x}{key[7:]}",
    "escaped long": lambda key: "".join(f"\\U{ord(char):08x}" for char in key),
    "escaped": lambda key: "".join(f"\\u{ord(char):04x}" for char in key),
    "base64": lambda key: base64.b64encode(f"the token is {key}\n".encode()).decode(),
    "base64 twice": lambda key: base64.b64encode(base64.b64encode(f"token {key}".encode())).decode(),
    "cut over two lines": lambda key: f"{key[:20]}\n{key[20:]}",
    "cut in a mail": lambda key: f"{key[:20]}=\n{key[20:]}",
    "cut in a shell": lambda key: f"{key[:20]}\\\n    {key[20:]}",
}


@pytest.mark.parametrize("how", HIDDEN)
def test_a_key_that_is_hidden_is_found(how: str) -> None:
    """What a person or a program can still read is taken out whole."""
    for pattern in ("gh~p_{W36}", "gl~pat-{U20}", "np~m_{W36}", "lin~_api_{W40}", "AI~za{U35}"):
        key = make(pattern, CHANCE)
        hidden = HIDDEN[how](key)
        left = redact(f"see {hidden} there").text
        assert hidden[-6:] not in left, (how, left)
        assert "redacted:" in left


@pytest.mark.parametrize("word", ["fake", "example", "sample", "dummy", "test"])
def test_a_placeholder_word_within_a_real_key_hides_nothing(word: str) -> None:
    """Only whole words say that a value is none."""
    key = make("gh~p_{W10}", CHANCE) + word + make("{W22}", CHANCE)
    assert word not in redact(f"it is {key}").text
    assert redact(f"DB_PASSWORD={word}-your-key").found == ()
    assert word not in redact(f"DB_PASSWORD={word}9kX27q").text


def key_lines(count: int = 5) -> list[str]:
    return [make("{B64}", CHANCE) for _ in range(count)]


DASHES = "-" * 5
BEGIN, END = f"{DASHES}BEGIN RSA PRIVATE~ KEY{DASHES}".replace("~", ""), f"{DASHES}END RSA PRIVATE KEY{DASHES}"
DISGUISES = {
    "as it is": lambda lines: "\n".join([BEGIN, *lines, END]),
    "without its end": lambda lines: "\n".join([BEGIN, *lines, ""]),
    "without its beginning": lambda lines: "\n".join(["log:", *lines, END]),
    "quoted": lambda lines: "\n".join(f"> {line}" for line in [BEGIN, *lines]),
    "in a diff": lambda lines: "\n".join(f"+{line}" for line in [BEGIN, *lines, END]),
    "indented, with carriage returns": lambda lines: "\r\n".join(f"    {line}" for line in [BEGIN, *lines, END]),
    "in JSON": lambda lines: '{"private_key": "' + "\\n".join([BEGIN, *lines, END]) + '"}',
    "in JSON without its end": lambda lines: '{"private_key": "' + "\\n".join([BEGIN, *lines]),
    "in base64": lambda lines: base64.b64encode("\n".join([BEGIN, *lines, END]).encode()).decode(),
    "with a word processor's dashes": lambda lines: "\n".join(
        [BEGIN.replace("-----", "—–"), *lines, END.replace("-----", "—–")]
    ),
    "as SSH2": lambda lines: "\n".join([f"---- {BEGIN[5:-5]} ----", *lines, f"---- {END[5:-5]} ----"]),
    "as PuTTY": lambda lines: "\n".join(["Private-Lines: 5", *lines, "Private-MAC: 00"]),
}


@pytest.mark.parametrize("how", DISGUISES)
def test_a_private_key_is_found_in_every_disguise(how: str) -> None:
    """No line of it is left, and the text keeps its lines."""
    lines = key_lines()
    text = DISGUISES[how](lines)
    left = redact(f"before\n{text}\nafter").text
    assert not [line for line in lines if line in left]
    assert left.count("\n") == text.count("\n") + 2
    assert left.startswith("before\n")
    assert left.endswith("\nafter")


def test_plain_data_is_read_as_a_whole() -> None:
    """A field's name says what its text is, and what is no text stays."""
    secret = make("{A3}7{W8}", CHANCE)
    given = {"password": secret, "count": 3, "inner": [{"name": "API_KEY", "value": secret}], "none": None}
    clean = redact_values(given)
    key = make("gh~p_{W36}", CHANCE)
    assert secret not in str(clean)
    assert key not in str(redact_values({key: {key: 1}}))
    assert secret not in str(redact_values({"password": [secret]}))
    assert (clean["count"], clean["none"], clean["inner"][0]["name"]) == (3, None, "API_KEY")
    assert redact_values(clean) == clean


def test_our_own_tokens_are_known_as_ours() -> None:
    """What `shiftbook token new` shows is never written anywhere."""
    token = make("sb~k_{U43}", CHANCE)
    assert [found.kind for found in redact(f"device phone: {token}").found] == ["shiftbook-token"]


def test_every_format_of_the_specimens_is_made_anew() -> None:
    """The corpus is not one lucky draw."""
    assert set(issued_keys(random.Random(1))).isdisjoint(issued_keys(random.Random(2)))
