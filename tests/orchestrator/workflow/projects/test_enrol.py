"""Do new projects come into fleet.toml without touching a word of it, and on an admin's word only?"""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from orchestrator.core.errors import BrokenLedger, NotFound, Refused, WrongSetting
from orchestrator.ledger.config import fleet_toml
from orchestrator.policy.membership import Membership
from orchestrator.workflow.assignment.project_match import project_profiles
from orchestrator.workflow.projects.discovery import DiscoveredRepository
from orchestrator.workflow.projects.enrol import Enrolment, toml_lines
from tests.ledgers import FLEET, Keys, Peer, Town

REST = 'test = "make test"  # slow\n\n[review]  # at night\ncron = "0 3 * * *"'
TOML = "# our fleet\n" + FLEET.format(trust="signed") + REST
NOTES = DiscoveredRepository(
    name="notes", url="git@example.com:me/notes.git", branch="trunk", test='pytest -q "a b"', aliases=("memo",)
)


@pytest.fixture
def keys(tmp_path: Path) -> Keys:
    """Real keys."""
    return Keys(folder=tmp_path)


def town(keys: Keys, toml: str = TOML) -> Town:
    """A ledger with an admin and an author."""
    signers = keys.signers(ada=["admin", "author"], bob=["author"])
    return Town({"fleet.toml": toml, "allowed_signers": signers})


def enrolment(peer: Peer) -> Enrolment:
    """Somebody's way to add projects."""
    peer.bus.key  # noqa: B018  # a peer without a key has none
    member = Membership(bus=peer.bus, reader=peer.reader, trust=peer.trust)
    return Enrolment(bus=peer.bus, reader=peer.reader, membership=member)


def signed(where: Town, keys: Keys, name: str) -> Peer:
    """A person with their key."""
    peer = where.peer(name, key=keys[name])
    return replace(peer, bus=replace(peer.bus, key=keys[name].public))


def test_lines_are_added_and_nothing_else_is_touched(keys: Keys) -> None:
    """Comments, order and spacing stay; the project is in force at once, with a page of its own, in one commit."""
    where = town(keys)
    ada = signed(where, keys, "ada")
    before = ada.ledger()
    added = enrolment(ada).add([NOTES])
    after = ada.ledger()
    text = after.text("fleet.toml")
    assert text == TOML + "\n\n" + toml_lines(NOTES)
    part = after.charter.projects["notes"]
    assert (part.url, part.branch, part.test, part.aliases) == (NOTES.url, "trunk", 'pytest -q "a b"', ["memo"])
    assert after.charter.projects["shop"].test == "make test"
    assert after.charter.review.cron == "0 3 * * *"
    assert after.text("projects/notes/PROJECT_CONTEXT.md").startswith("# notes\n")
    assert [one.name for one in added] == ["notes"]
    assert after.alarms == ()
    assert next(iter(after.store.history(after.tip, "fleet.toml"))) == after.tip != before.tip
    assert {one.name for one in project_profiles(after)} == {"notes", "shop"}


def test_twice_is_once(keys: Keys) -> None:
    """A repository that is a project already is not added again, by whatever address."""
    ada = signed(town(keys), keys, "ada")
    enrolment(ada).add([NOTES])
    tip = ada.ledger().tip
    again = DiscoveredRepository(name="other", url="https://example.com/me/notes", branch="trunk")
    assert enrolment(ada).add([NOTES, again]) == []
    assert ada.ledger().tip == tip


def test_a_page_that_is_there_stays(keys: Keys) -> None:
    """What somebody wrote about the project before it was added is not written over."""
    ada = signed(town(keys), keys, "ada")
    ada.push({"projects/notes/PROJECT_CONTEXT.md": "# Ours\n"})
    enrolment(ada).add([NOTES])
    assert ada.text("projects/notes/PROJECT_CONTEXT.md") == "# Ours\n"


def test_only_an_admin_may(keys: Keys) -> None:
    """An author is refused, and nothing is pushed."""
    where = town(keys)
    bob = signed(where, keys, "bob")
    with pytest.raises(Refused, match="role=admin"):
        enrolment(bob).add([NOTES])
    assert bob.text("fleet.toml") == TOML


def test_what_somebody_else_left_in_the_file_is_not_signed_along(keys: Keys) -> None:
    """Not even a comment: the project would not come into force on top of it. Nothing is pushed."""
    where = town(keys)
    tip = where.peer("eve").push({"fleet.toml": TOML + "\n# eve\n"})
    ada = signed(where, keys, "ada")
    with pytest.raises(Refused, match="no admin signed"):
        enrolment(ada).add([NOTES])
    assert ada.ledger().tip == tip


def test_a_name_that_is_taken_is_refused(keys: Keys) -> None:
    """The other repository is named."""
    ada = signed(town(keys), keys, "ada")
    with pytest.raises(WrongSetting, match="shop is a project already"):
        enrolment(ada).add([DiscoveredRepository(name="shop", url="/srv/other.git")])


def test_a_file_that_cannot_take_lines_at_its_end_is_left_alone(keys: Keys) -> None:
    """Projects in an inline table: it says so, and what to do."""
    toml = 'projects = { shop = { url = "/srv/shop.git" } }\n'
    ada = signed(town(keys, toml), keys, "ada")
    with pytest.raises(WrongSetting, match="by hand"):
        enrolment(ada).add([NOTES])
    assert ada.text("fleet.toml") == toml


def test_windows_line_ends_stay(keys: Keys) -> None:
    """The new lines end as the others do."""
    ada = signed(town(keys, TOML.replace("\n", "\r\n")), keys, "ada")
    enrolment(ada).add([NOTES])
    data = ada.ledger().read("fleet.toml") or b""
    assert data.count(b"\n") == data.count(b"\r\n")
    assert "notes" in ada.ledger().charter.projects


def test_edit_and_remove(keys: Keys) -> None:
    """Only the line that is meant changes; a value that cannot be, a wrong name and an author are refused."""
    where = town(keys)
    ada, bob = signed(where, keys, "ada"), signed(where, keys, "bob")
    mine = enrolment(ada)
    assert mine.edit("shop", {"setup": "uv sync", "tools": ("~/.pyenv",), "test": "make check"})
    part = ada.ledger().charter.projects["shop"]
    assert (part.setup, part.tools, part.test) == ("uv sync", ("~/.pyenv",), "make check")
    assert "# slow" in ada.text("fleet.toml")
    tip = ada.ledger().tip
    assert not mine.edit("shop", {"setup": "uv sync"})
    for values, why in (
        ({"tools": ("~/",)}, "whole home"),
        ({"tools": ("x/../y",)}, "begins with"),
        ({"url": ""}, "url"),
    ):
        with pytest.raises(WrongSetting, match=why):
            mine.edit("shop", values)
    with pytest.raises(NotFound, match="has shop"):
        mine.edit("shops", {"test": "x"})
    with pytest.raises(Refused, match="role=admin"):
        enrolment(bob).remove("shop")
    assert ada.ledger().tip == tip
    mine.remove("shop")
    after = ada.ledger().charter
    assert (after.projects, after.review.cron) == ({}, "0 3 * * *")


@given(st.text(max_size=40), st.text(max_size=40), st.text(max_size=40))
def test_no_value_can_become_another_setting(url: str, branch: str, test: str) -> None:
    """Whatever stands in a URL, a branch or a command is read back as that, or cannot be read at all."""
    one = DiscoveredRepository(name="x", url="u" + url, branch=branch, test=test)
    text = TOML + "\n\n" + toml_lines(one)
    try:
        read = fleet_toml.read(text.encode("utf-8"))
    except (BrokenLedger, UnicodeEncodeError):
        return
    assert set(read.projects) == {"shop", "x"}
    assert read.projects["x"].url == "u" + url
    assert read.model_copy(update={"projects": {}}) == fleet_toml.read(TOML.encode()).model_copy(
        update={"projects": {}}
    )
