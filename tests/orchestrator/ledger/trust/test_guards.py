"""Is every guard of the trust root needed? Each is taken out of the source, and a test of an attack must fail."""

from __future__ import annotations

import inspect
import sys
from collections.abc import Callable
from types import ModuleType

import pytest

from orchestrator.ledger.trust import files as trust_files
from orchestrator.ledger.trust import history as trust_history
from orchestrator.ledger.trust import root as trust_root
from tests import ledgers
from tests.ledgers import Keys, Town
from tests.orchestrator.ledger.trust import test_attacks as attacks
from tests.orchestrator.ledger.trust import test_root as promises
from tests.orchestrator.ledger.trust.test_attacks import Battle

Attack = Callable[[Battle], object]

KNOWS_KEYS, KNOWS_FILE = "self._knows(commit, SIGNERS_PATH)", "self._knows(commit, path)"
ON_TOP = f"not ({KNOWS_KEYS} and {KNOWS_FILE})"


def _copies(battle: Battle) -> None:
    with pytest.MonkeyPatch.context() as counting:
        attacks.test_copies_by_the_hundred_are_one_change(battle, counting)


def _original(battle: Battle) -> None:
    for first in (True, False):
        attacks.test_a_copy_does_not_hold_back_what_was_built_on_the_original(battle, first)
        battle.__post_init__()


def _revoked(battle: Battle) -> None:
    signers = battle.keys.signers(anna=("admin",), n1=("node",))
    town = Town({"fleet.toml": promises.SIGNED, "allowed_signers": signers})
    promises.test_a_revocation_that_was_put_back_before_anybody_looked_is_in_force(town, battle.keys, signers)


def _promise(test: Callable[[Town, Keys], object]) -> Attack:
    """A test of test_root.py that anna's admin rights are enough for."""

    def attack(battle: Battle) -> None:
        signers = battle.keys.signers(anna=("admin", "author"))
        test(Town({"fleet.toml": promises.SIGNED, "allowed_signers": signers}), battle.keys)

    return attack


GUARDS: dict[str, tuple[ModuleType, str, str, Attack]] = {
    "the signer is an admin": (
        trust_files,
        '"admin" in people[key].roles',
        "True",
        lambda battle: attacks.test_nobody_else_changes_a_file(battle, "bert"),
    ),
    "the signature holds": (
        trust_history,
        " and self.signed(commit, admins[key])",
        "",
        attacks.test_a_signature_that_is_not_over_this_commit_does_not_count,
    ),
    "made on top of the file's last change": (
        trust_history,
        ON_TOP,
        f"not {KNOWS_KEYS}",
        attacks.test_of_two_texts_that_are_the_same_the_newer_counts,
    ),
    "made on top of the keys' last change": (
        trust_history,
        ON_TOP,
        f"not {KNOWS_FILE}",
        attacks.test_a_draft_from_before_its_author_was_an_admin_does_not_count,
    ),
    "a copy of the last change is as good": (
        trust_history,
        "payload == said.payload for other in beside",
        "payload == b'' for other in beside",
        _original,
    ),
    "made on top of a version that counts": (
        trust_history,
        "before != held.signed and read_text(self.store, before) != held.text",
        "False",
        attacks.test_pulling_and_rebasing_sign_nothing_of_others,
    ),
    "a typing error may be mended": (
        trust_history,
        "before != held.signed and ",
        "",
        _promise(promises.test_an_admins_slip_does_not_stop_the_fleet),
    ),
    "what is in force may be changed": (
        trust_history,
        " and read_text(self.store, before) != held.text",
        "",
        _promise(promises.test_what_is_in_force_is_put_back_and_changed_from_there_after_a_slip),
    ),
    "no merge": (
        trust_history,
        "key and len(read.parents) == 1",
        "key and read.parents",
        attacks.test_pulling_and_rebasing_sign_nothing_of_others,
    ),
    "the senior goes first": (
        trust_history,
        "return self._rank(change) or 0, below",
        "return 0, below",
        attacks.test_a_fork_from_before_a_revocation_does_not_count,
    ),
    "of one admin's the one with fewest below it": (
        trust_history,
        "below[commit].bit_count(), ",
        "0, ",
        attacks.test_it_does_not_count_either_once_the_revoker_has_mended_it,
    ),
    "then the one that the branch has": (
        trust_history,
        "sum(version != kept[path]",
        "sum(True",
        attacks.test_of_one_admins_changes_beside_each_other_the_one_counts_that_the_branch_has,
    ),
    "after what it was made on": (
        trust_history,
        "if made_on >> n & 1",
        "if change is first",
        attacks.test_a_juniors_change_of_the_same_file_below_a_revocation_does_not_let_the_thief_go_first,
    ),
    "copies are one change": (
        trust_history,
        "found.setdefault(sha256(read.payload).digest(), {})",
        "found.setdefault(sha256(commit.encode()).digest(), {})",
        _copies,
    ),
    "one file of that name": (
        trust_files,
        ' if tree.count(f" {path}\\0".encode()) == 1',
        "",
        attacks.test_two_files_of_one_name_are_no_file,
    ),
    "a plain file": (
        trust_files,
        " and entries[path].mode in (FILE, EXECUTABLE)",
        "",
        lambda battle: attacks.test_what_stands_in_a_files_place_is_no_file(battle, "160000"),
    ),
    "its size": (trust_files, " and store.size(blob) <= MAX_BYTES", "", attacks.test_a_huge_file_is_not_read),
    "a text that can be used": (
        trust_files,
        'None if admin_lines(text) else "it names no admin"',
        "None",
        attacks.test_nobody_is_locked_out_by_a_slip,
    ),
    "no merge unread": (
        trust_root,
        "len(parents) != 1 or ",
        "",
        attacks.test_a_merge_that_drops_a_revocation_does_not_undo_it,
    ),
    "no commit unread": (
        trust_root,
        " or versions(self.store, parents[0]) != same",
        "",
        _revoked,
    ),
}


@pytest.mark.parametrize("name", GUARDS)
def test_without_a_guard_an_attack_succeeds(monkeypatch: pytest.MonkeyPatch, keys: Keys, name: str) -> None:
    """The same test passes with it."""
    module, guard, instead, attack = GUARDS[name]
    attack(Battle(keys))
    remove(monkeypatch, module, guard, instead)
    try:
        attack(Battle(keys))
    except Exception:
        return
    pytest.fail(f"nothing goes wrong without: {name}")


def remove(monkeypatch: pytest.MonkeyPatch, module: ModuleType, guard: str, instead: str) -> None:
    """Runs a module's source without a guard, and gives what comes of it to everybody who uses the module."""
    source = inspect.getsource(module)
    assert source.count(guard) == 1, f"{module.__name__} has no such line, or more than one: {guard}"
    made = ModuleType(module.__name__)
    monkeypatch.setitem(sys.modules, module.__name__, made)  # where a dataclass looks for its module
    exec(compile(source.replace(guard, instead), str(module.__file__), "exec"), made.__dict__)
    for user in (trust_files, trust_history, trust_root, ledgers, attacks, promises):
        for name, thing in vars(made).items():
            if getattr(thing, "__module__", "") == module.__name__ and hasattr(user, name):
                monkeypatch.setattr(user, name, thing)
