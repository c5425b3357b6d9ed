"""Does each check of the ledger see what it is there for, and say what to do?"""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from missions.merging.file_diff import Conflict
from orchestrator.app.doctor import ledger_checks, machine_checks, trust_checks
from orchestrator.app.doctor.check_result import CheckResult, CheckStatus
from orchestrator.app.doctor.checklist import CHECKS, run_checks
from orchestrator.core.own_installation import document_place
from orchestrator.core.secret_text import SecretText
from orchestrator.core.settings import Settings
from orchestrator.ledger.conflicts import unresolved_conflict
from orchestrator.ledger.publish import conflict_files
from orchestrator.ledger.snapshot import LedgerSnapshot
from orchestrator.ledger.transport import BEAT
from tests import journals
from tests.databases import brought_up
from tests.ledgers import FLEET, Files, Keys, Town

SETTINGS = Settings(node_id="desk")
PAGE = "---\nnode: {0}\nrole: LOCAL_WORKER\nagents: builtin\n---\n"


def ledger(files: Files | None = None, *, beats: tuple[str, ...] = ()) -> LedgerSnapshot:
    """A ledger with these files, in which these nodes beat."""
    found = Town(files).peer("person").ledger()
    return replace(found, refs={**found.refs, **{f"{BEAT}{name}": "0" * 40 for name in beats}})


def told(result: CheckResult) -> tuple[CheckStatus, str]:
    """How it stands, in words; what is not good has a remedy."""
    assert bool(result.remedy) or result.health is CheckStatus.GOOD
    return result.health, result.says


def test_missions_that_are_in_order() -> None:
    """As many as there are."""
    found = ledger({"missions/a.md": "x\n", "heartbeats/desk.md": PAGE.format("desk")}, beats=("desk",))
    assert told(ledger_checks.check_files(SETTINGS, found)) == (CheckStatus.GOOD, "1 open, none quarantined")


def test_missions_that_cannot_be_read_are_named() -> None:
    """Five at most; they go before what nobody can do."""
    broken: Files = {f"missions/m{n}.md": "---\nagent: hal\n---\nx\n" for n in range(7)}
    health, says = told(ledger_checks.check_files(SETTINGS, ledger(broken)))
    assert health is CheckStatus.POOR
    assert says == "quarantined: " + ", ".join(f"missions/m{n}.md" for n in range(5))


def test_missions_that_nobody_can_do_are_named() -> None:
    """With the reason of the first three; what somebody holds is not one of them."""
    files: Files = {f"missions/m{n}.md": "x\n" for n in range(4)}
    health, says = told(ledger_checks.check_files(SETTINGS, ledger(files)))
    assert health is CheckStatus.POOR
    assert says.startswith("4 open; 4 that nobody can do: m0: no node is up")
    assert "m3" not in says
    town = Town(files)
    town.peer("desk").hold("m0")
    assert "3 that nobody can do: m1:" in ledger_checks.check_files(SETTINGS, town.peer("p").ledger()).says


def test_values_that_were_not_kept_wait_for_a_person() -> None:
    """Each mission once."""
    assert told(ledger_checks.check_conflicts(SETTINGS, ledger()))[0] is CheckStatus.GOOD
    lost = [
        unresolved_conflict(name, Conflict(part=part, kept="a", lost="b"), day="2026/11/20")
        for name, part in (("fix", "title"), ("fix", "to"), ("add", "title"))
    ]
    found = ledger(dict(conflict_files(lost)))
    health, says = told(ledger_checks.check_conflicts(SETTINGS, found))
    assert (health, says) == (CheckStatus.POOR, "values not kept in add, fix")


def test_a_rule_that_is_not_followed_is_broken() -> None:
    """Somebody tried to change who may do what."""
    assert told(trust_checks.check_alarms(SETTINGS, ledger()))[0] is CheckStatus.GOOD
    found = replace(ledger(), alarms=("fleet.toml of eve is not followed",))
    assert told(trust_checks.check_alarms(SETTINGS, found)) == (CheckStatus.BROKEN, "fleet.toml of eve is not followed")


def test_a_line_with_a_time_grants_nothing_and_is_told(keys: Keys) -> None:
    """A person may think that it counts."""
    line = keys.line("ada", "admin")
    name, rest = line.split(" ", 1)
    timed = f'{name} valid-before="20270101",{rest}\n' if "namespaces" in rest else f"{name} valid-before=x {rest}\n"
    found = list(trust_checks.check_timed_lines(ledger({"allowed_signers": timed})))
    assert [one.what for one in found] == ["allowed_signers"]
    assert "grants nothing" in found[0].says
    assert list(trust_checks.check_timed_lines(ledger({"allowed_signers": line}))) == []


def test_a_clock_that_differs_from_the_ledgers_is_told() -> None:
    """A commit from the future says that one of two clocks is wrong; one of today or before says nothing."""
    town = Town()
    town.peer("ada").push({"x": "y"})
    assert told(trust_checks.check_clock(SETTINGS, town.peer("p").ledger()))[0] is CheckStatus.GOOD
    town.clock.at = town.clock.at.replace(year=2199)
    town.peer("ada").push({"x": "z"})
    health, says = told(trust_checks.check_clock(SETTINGS, town.peer("p").ledger()))
    assert health is CheckStatus.POOR
    assert "in the future" in says


@pytest.mark.parametrize(
    ("files", "health", "says"),
    [
        ({}, CheckStatus.GOOD, "0 known to all, none contested"),
        ({"knowledge/odd.md": "no lesson\n"}, CheckStatus.POOR, "odd.md"),
    ],
)
def test_lessons(files: dict[str, str], health: CheckStatus, says: str) -> None:
    """Those that cannot be read are named."""
    result = ledger_checks.check_lessons(SETTINGS, ledger(files))
    assert result.health is health
    assert says in result.says


def test_too_many_memos_are_not_read_here(monkeypatch: pytest.MonkeyPatch) -> None:
    """The doctor answers in seconds; it says who does read them."""
    monkeypatch.setattr(ledger_checks, "MANY_MEMOS", 2)
    files: Files = {path: text for n in range(3) for path, text in journals.memo(n).items()}
    assert "3 memos are too many" in ledger_checks.check_lessons(SETTINGS, ledger(files)).says


def test_projects_that_are_reached_and_one_that_is_not(tmp_path: Path) -> None:
    """Each is asked; what is wrong is told by the project's name."""
    missing = ledger({"fleet.toml": FLEET.format(trust="remote").replace("/srv/shop.git", str(tmp_path / "none"))})
    health, says = told(ledger_checks.check_projects(SETTINGS, missing))
    assert (health, says.startswith("shop: ")) == (CheckStatus.POOR, True)
    none = ledger({"fleet.toml": FLEET.format(trust="remote").partition("[projects")[0]})
    assert ledger_checks.check_projects(SETTINGS, none).says == "0 projects, each with its branch"


@pytest.mark.parametrize(("limit", "health"), [(100, CheckStatus.GOOD), (12, CheckStatus.POOR), (None, None)])
def test_how_near_beats_come_to_what_the_host_allows(limit: int | None, health: CheckStatus | None) -> None:
    """Two nodes, six beats a minute each; nothing is told where nothing limits them."""
    text = FLEET.format(trust="remote")
    text = text.replace("[bus]\n", f"[bus]\npushes_a_minute = {limit}\n") if limit else text
    town = Town({"fleet.toml": text})
    person = town.peer("person")
    found = person.ledger()
    beat = person.bus.store.put("blob", b"1\n")
    found = replace(found, refs={**found.refs, **{f"{BEAT}{name}": beat for name in ("a", "b")}})
    assert [one.health for one in ledger_checks.check_pushes(found)] == ([health] if health else [])


def test_who_tells_people(tmp_path: Path) -> None:
    """Nobody; this machine; or a node that is none any more."""
    plain = brought_up(Settings(home=tmp_path / "plain", node_id="desk"))
    result = ledger_checks.check_notices(plain, ledger())
    assert result.health is CheckStatus.ABSENT
    assert document_place("docs/notifications.md") in result.remedy
    speaks = brought_up(Settings(home=tmp_path / "speaks", node_id="desk", notify=SecretText("json://127.0.0.1:1")))
    unknown = ledger_checks.check_notices(speaks, ledger())
    assert (unknown.health, unknown.says) == (CheckStatus.POOR, "desk tells people, and is no node")
    good = ledger_checks.check_notices(speaks, ledger({"heartbeats/desk.md": PAGE.format("desk")}))
    assert (good.health, good.says) == (CheckStatus.GOOD, "desk tells people by 1 address; nothing failed")
    broken = ledger_checks.check_notices(speaks.model_copy(update={"database_url": "nonsense"}), ledger())
    assert broken.health is CheckStatus.BROKEN


def test_without_a_ledger_the_list_ends_with_how_to_make_one(tmp_path: Path) -> None:
    """And everything of the machine is looked at before."""
    found = list(run_checks(Settings(home=tmp_path / "home", ledger="")))
    assert [one.what for one in found][:2] == ["git", "ssh-keygen"]
    assert (found[-1].what, found[-1].health) == ("ledger", CheckStatus.BROKEN)
    assert "shiftbook init" in found[-1].remedy
    assert len({check.__name__ for check in CHECKS}) == len(CHECKS)


def test_a_program_that_is_missing_says_what_cannot_be_done(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """With its package; one that is there says where."""
    assert machine_checks.check_program("git", "git", "x").health is CheckStatus.GOOD
    monkeypatch.setenv("PATH", str(tmp_path))
    gone = machine_checks.check_program("git", "git-core", "nothing works without it")
    assert (gone.health, gone.says) == (CheckStatus.BROKEN, "not found; nothing works without it")
    assert gone.remedy == "install git-core"
    assert machine_checks.check_git().health is CheckStatus.BROKEN


def test_an_old_git_is_named_with_the_one_that_is_needed(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Signatures by ssh came with 2.34."""
    program = tmp_path / "git"
    for version, health in (("2.33.9", CheckStatus.BROKEN), ("2.34.0", CheckStatus.GOOD), ("3.0", CheckStatus.GOOD)):
        program.write_text(f"#!/bin/sh\necho git version {version}\n")
        program.chmod(0o755)
        monkeypatch.setenv("PATH", f"{tmp_path}:/bin:/usr/bin")
        result = machine_checks.check_git()
        assert result.health is health
        assert version in result.says
