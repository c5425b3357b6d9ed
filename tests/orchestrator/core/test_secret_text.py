"""A secret is told only to who asks for it by name."""

from __future__ import annotations

import json

import pytest

from orchestrator.core.secret_text import SecretText
from orchestrator.core.settings import SETTING_NAMES, Settings, is_secret

SHOWN = [repr, str, "{}".format, "{!r}".format, lambda value: json.dumps({"x": value}, default=str)]


@pytest.mark.parametrize("show", SHOWN)
def test_no_way_of_showing_it_tells_it(show: object) -> None:
    """Whatever prints it prints stars; an empty one is shown as empty, so that one sees that none is set."""
    assert callable(show)
    assert "sbk_1" not in show(SecretText("sbk_1"))
    assert "***" in show(SecretText("sbk_1"))
    assert "***" not in show(SecretText(""))


def test_it_is_a_value() -> None:
    """Equal to one of the same text, true if there is any, and told by its own name for that."""
    assert SecretText("a") == SecretText("a") != SecretText("b")
    assert hash(SecretText("a")) == hash(SecretText("a"))
    assert SecretText("a")
    assert not SecretText()
    assert SecretText("a").get_secret_value() == "a"


def test_a_text_becomes_one_and_nothing_else_does() -> None:
    """What is no text is left to whoever checks it."""
    assert SecretText.of("a") == SecretText("a")
    assert SecretText.of(SecretText("a")) == SecretText("a")
    assert SecretText.of(3) == 3


def test_every_secret_of_the_settings_is_known_as_one() -> None:
    """By its name: tokens, keys and secrets are."""
    named = {name for name in SETTING_NAMES if name.endswith(("_token", "_key", "_secret", "_secrets"))}
    assert named <= {name for name in SETTING_NAMES if is_secret(name)}
    assert not is_secret("ledger")


def test_settings_show_none() -> None:
    """Nor do they when a secret was given as a text."""
    shown = repr(Settings(git_token="sbk_1", notify="json://user:secret@host"))
    assert "sbk_1" not in shown
    assert "user:secret" not in shown
