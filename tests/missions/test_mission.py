"""Is a mission's name one that is safe everywhere, and always the same?"""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from missions.errors import BadName
from missions.mission import FINISHED, MAX_NAME_CHARS, OPEN, Mission, Status, new_name, slug
from orchestrator.ledger.transport import CLAIM
from tests.orchestrator.repositories import git


@given(st.text(max_size=200))
def test_a_name_is_safe_or_refused(text: str) -> None:
    """Lower-case letters, digits and single hyphens inside, at most NAME_ROOF; slugging it again changes nothing."""
    try:
        name = slug(text)
    except BadName:
        assert not re.search(r"[A-Za-z0-9]", text)
        return
    assert re.fullmatch(r"[a-z0-9]+(-[a-z0-9]+)*", name)
    assert len(name) <= MAX_NAME_CHARS
    assert slug(name) == name
    assert slug(name.upper()) == name


@pytest.mark.parametrize(
    ("text", "name"),
    [
        ("Fix the auth bug", "fix-the-auth-bug"),
        ("  Größe_ändern!  ", "groe-andern"),
        ("a--b..c", "a-b-c"),
        ("ﬁle № 5", "file-no-5"),
        ("x" * 79 + "-y", "x" * 79),
        ("m.lock", "m-lock"),
        ("-rf", "rf"),
    ],
)
def test_names_are_what_a_person_would_expect(text: str, name: str) -> None:
    """Accents fall away, everything else that is not a letter or digit separates words."""
    assert slug(text) == name


@pytest.mark.parametrize(
    ("text", "named", "read"),
    [
        ("Grüße", "grusse", "grue"),
        ("Gru\u0308ße", "grusse", "grue"),
        ("GRÖẞE", "grosse", "groe"),
        ("Ærø, Łódź & Þórr", "aero-lodz-thorr", "r-odz-orr"),
        ("Ǿre i sjø", "ore-i-sjo", "re-i-sj"),
        ("İstanbul ırmak", "istanbul-irmak", "istanbul-rmak"),
        ("naïve café", "naive-cafe", "naive-cafe"),
    ],
)
def test_a_name_that_is_made_here_loses_no_latin_letter(text: str, named: str, read: str) -> None:
    """What a ledger's file is called stays what it was: another release must not take it for another mission."""
    assert (new_name(text), slug(text)) == (named, read)
    assert slug(named) == named


@pytest.mark.parametrize("text", ["", " ", "---", "???", "日本語", "\0"])
def test_what_leaves_nothing_is_refused(text: str) -> None:
    """BadName keeps the name it was given."""
    with pytest.raises(BadName) as raised:
        slug(text)
    assert raised.value.name == text


def test_git_takes_every_name_as_a_ref(tmp_path: Path) -> None:
    """The longest one, too, together with the prefix."""
    for text in ("m.lock", "@{-1}", "a..b", "x" * 300, "HEAD", "refs/heads/x"):
        assert git(tmp_path, "check-ref-format", CLAIM + slug(text)) == ""


def test_a_mission_runs_at_least_once() -> None:
    """max_retries counts attempts; 0 means one."""
    allowed = [Mission(name="m", title="m", body="", max_retries=n).attempts_allowed for n in (0, 1, 3)]
    assert allowed == [1, 1, 3]


def test_open_and_finished_states_do_not_overlap() -> None:
    """A dead one is neither: nobody claims it and it stays in sight."""
    assert not OPEN & FINISHED
    assert Status.DEAD not in OPEN | FINISHED
    assert Status.REVIEW not in OPEN | FINISHED
