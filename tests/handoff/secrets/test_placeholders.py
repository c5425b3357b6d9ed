"""Is a value that only shows where a secret would stand told from one that is a secret?"""

from __future__ import annotations

import random
import string

import pytest

from handoff.secrets.placeholders import is_placeholder


@pytest.mark.parametrize(
    "value",
    [
        "your-key-here",
        "YOUR_API_KEY",
        "my-secret-token",
        "<token>",
        "${TOKEN}",
        "$(cat key)",
        "{{ secrets.TOKEN }}",
        "#{token}",
        "<%= token %>",
        "$TOKEN",
        "%TOKEN%",
        "@token@",
        "prefix-{name}",
        "changeme",
        "change_this_in_production",
        "replace-with-your-password",
        "xxxxxxxx",
        "********",
        "sk-...",
        "abc…",
        "1234567890",
        "deadbeef",
        "fake-token-1234567890",
        "none",
        "null",
        "not_set",
        "required",
        "AKIAIOSFODNN7EXAMPLE",
        "aaaa",
        "password",
        "test-test-test",
    ],
)
def test_what_shows_a_place_is_none(value: str) -> None:
    """Words, templates, masks, sequences and what the providers' own pages print."""
    assert is_placeholder(value)


@pytest.mark.parametrize("seed", range(8))
@pytest.mark.parametrize("length", [16, 24, 40])
def test_a_random_key_is_a_secret(seed: int, length: int) -> None:
    """Letters and digits by chance."""
    chance = random.Random(seed * 100 + length)
    assert not is_placeholder("".join(chance.choices(string.ascii_letters + string.digits, k=length)))


@pytest.mark.parametrize(
    "value",
    ["q7fakeR2mZ9pLt4v", "Zk3testP8wq1LmN0", "foobar9X2kQ7wLpZ4m", "correct-horse-battery-staple", "hunter2Xq9Zp"],
)
def test_a_word_inside_a_key_makes_it_no_placeholder(value: str) -> None:
    """A random key can spell `fake`; and a passphrase is made of words."""
    assert not is_placeholder(value)


def test_a_long_value_is_judged_by_its_beginning() -> None:
    """Whatever the length, the work is the same."""
    assert is_placeholder("<" + "a" * 100 + ">")
    assert not is_placeholder("kQ7wLpZ4m9X2" * 100_000)
