"""Is a key that was lost missed, and never replaced in silence?"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from orchestrator.app import identity, wiring
from orchestrator.app.doctor.check_result import CheckStatus
from orchestrator.app.doctor.trust_checks import check_node_key
from orchestrator.app.setup import init
from orchestrator.core.errors import Refused, WrongSetting
from orchestrator.core.settings import Settings
from orchestrator.workflow.key_rotation import replace_lost_key
from tests.templates import Template

pytestmark = pytest.mark.usefixtures("closing")


@pytest.fixture(scope="module")
def founded() -> Template:
    """A machine with a ledger of its own."""
    return Template.of(lambda folder: init(folder / "clone", Settings(home=folder / "home", node_id="desk")) and None)


@pytest.fixture
def machine(founded: Template, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Settings:
    """A copy of it."""
    founded.copy(tmp_path)
    monkeypatch.chdir(tmp_path)
    return Settings(home=tmp_path / "home", ledger=str(tmp_path / "clone.git"), node_id="desk")


def lose(settings: Settings, name: str, *endings: str) -> None:
    """Takes a key's files away."""
    for ending in endings:
        identity.key_path(settings, name).with_name(name + ending).unlink()


@pytest.mark.parametrize("endings", [("",), ("", ".pub")])
def test_a_lost_key_stops_what_it_would_have_signed(machine: Settings, endings: tuple[str, ...]) -> None:
    """Nothing is filed and no key is made; the fleet can still be looked at."""
    lose(machine, "person", *endings)
    door = wiring.fleet(machine)
    assert door.missions() == []
    with pytest.raises(Refused, match=r"your key is gone: .*Restore it from a backup.*rotate --lost"):
        door.new("Do it.", {})
    assert not identity.key_path(machine, "person").exists()


@pytest.mark.parametrize(
    "what",
    [
        identity.node_key,
        lambda machine: identity.ensure_keys(machine, "ada"),
        lambda machine: init(machine.home.parent / "clone", machine),
    ],
)
def test_a_lost_key_of_the_node_ends_it_at_its_start(machine: Settings, what: Callable[[Settings], object]) -> None:
    """So does `init` or `join` again."""
    lose(machine, "node", "")
    with pytest.raises(Refused, match=r"this node's key is gone.*rotate --node --lost"):
        what(machine)


def test_a_new_machine_has_both_keys_from_the_first_command_on(tmp_path: Path) -> None:
    """So that one of them can be missed later."""
    fresh = Settings(home=tmp_path / "new", node_id="vps")
    identity.person_key(fresh, "ada")
    assert {path.name for path in (tmp_path / "new" / "keys").iterdir()} == {"person", "person.pub", "node", "node.pub"}


def test_a_lost_key_is_replaced_by_saying_so(machine: Settings) -> None:
    """It is made then, the old public half is kept, and the lines are what an admin types: a node has one key."""
    path = identity.key_path(machine, "node")
    door = wiring.fleet(machine)
    with pytest.raises(WrongSetting, match="--lost"):
        replace_lost_key(door, path, now=wiring.now())
    old = path.with_name("node.pub").read_text(encoding="utf-8")
    lose(machine, "node", "")
    done, lines = replace_lost_key(door, path, now=wiring.now())
    assert [line.split("--key")[0].strip() for line in lines] == [
        "shiftbook fleet revoke desk",
        "shiftbook fleet admit desk --role node",
    ]
    assert done.old.with_name(f"{done.old.name}.pub").read_text(encoding="utf-8") == old
    assert identity.node_key(machine).public == done.key


def test_the_only_admins_lost_key_is_left_alone(machine: Settings) -> None:
    """Nobody could let the new one in; what is there may still be told from a backup."""
    lose(machine, "person", "")
    with pytest.raises(Refused, match="only admin"):
        replace_lost_key(wiring.fleet(machine), identity.key_path(machine, "person"), now=wiring.now())
    assert identity.key_path(machine, "person").with_name("person.pub").exists()


def test_the_doctor_looks_at_the_nodes_key_as_well(machine: Settings) -> None:
    """One that is listed, one that is another machine's name, one that is lost."""

    def says(settings: Settings) -> tuple[CheckStatus, str]:
        found = check_node_key(settings, wiring.fleet(settings).ledger())
        return found.health, found.says

    assert says(machine)[0] is CheckStatus.GOOD
    stranger = machine.model_copy(update={"home": machine.home.parent / "strange"})
    health, words = says(stranger)
    assert health is CheckStatus.POOR
    assert "SHIFTBOOK_NODE_ID=desk-2" in words
    lose(machine, "node", "")
    assert says(machine)[0] is CheckStatus.BROKEN
