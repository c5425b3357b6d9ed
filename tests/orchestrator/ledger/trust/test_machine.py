"""Do the rules stay what the admins made them, on every machine, whatever somebody without a key in force pushes?"""

from __future__ import annotations

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import Bundle, RuleBasedStateMachine, initialize, invariant, precondition, rule

from orchestrator.ledger.trust.root import TrustRoot
from sync.objects import EXECUTABLE, FILE, SYMLINK, TreeEntry, print_tree, read_tree
from sync.remote import Oid
from tests.ledgers import Keys
from tests.orchestrator.ledger.trust.test_attacks import REMOTE, SIGNED, Battle

CHARTERS = (SIGNED, REMOTE)
"""Only two, so that texts come back: then old signatures are over changes that would fit again."""
KEYS: list[Keys] = []


class Adversary(RuleBasedStateMachine):
    """Anybody who may push, against admins who use the commands. carl is the senior and keeps his key; from others it
    may be stolen, and then he takes it out. The thief has it from that moment on, and forks from wherever they like."""

    made = Bundle("made")

    @initialize(target=made)
    def founded(self) -> Oid:
        """A ledger that machines have joined at its root."""
        self.battle = Battle(KEYS[0])
        self.tip, self.signers, self.charter = self.battle.root, self.battle.signers, SIGNED
        self.people = dict(self.battle.people)
        self.stolen: list[str] = []
        return self.tip

    # -- honest people ------------------------------------------------------------------------------------------

    def _change(self, path: str, text: str, by: str) -> Oid:
        """As the commands do it: what is in force is put back first, then it is changed."""
        now = self.signers if path == "allowed_signers" else self.charter
        if self._there(path) != now:
            self.tip = self.battle.commit((self.tip,), {path: now}, by=by)
        if text != now:
            self.tip = self.battle.commit((self.tip,), {path: text}, by=by)
        self.signers, self.charter = (text, self.charter) if path == "allowed_signers" else (self.signers, text)
        return self.tip

    def _there(self, path: str) -> str | None:
        store = self.battle.store
        entry = read_tree(store.get(self.battle.tree(self.tip))).get(path)
        return store.get(entry.oid).decode() if entry and entry.mode in (FILE, EXECUTABLE) else None

    def _admin(self, data: st.DataObject) -> str:
        return data.draw(st.sampled_from([name for name, roles in self.people.items() if "admin" in roles]))

    @rule(target=made, data=st.data())
    def an_admin_changes_the_charter(self, data: st.DataObject) -> Oid:
        """Any admin, to and fro."""
        return self._change("fleet.toml", REMOTE if self.charter == SIGNED else SIGNED, self._admin(data))

    @rule(target=made, data=st.data(), name=st.sampled_from(["n1", "n2", "bert"]))
    def an_admin_lets_somebody_in_or_out(self, data: st.DataObject, name: str) -> Oid:
        """Any admin; out and in again makes an old text new."""
        by = self._admin(data)
        others = {each: roles for each, roles in self.people.items() if each != name}
        self.people = others if name in self.people else {**others, name: ("node",)}
        return self._change("allowed_signers", self.battle.keys.signers(**self.people), by)

    @precondition(lambda self: "anna" in self.people or "dave" in self.people)
    @rule(target=made, data=st.data())
    def a_key_is_stolen_and_taken_out(self, data: st.DataObject) -> Oid:
        """By carl. Whoever stole it may use it from now on."""
        name = data.draw(st.sampled_from([name for name in ("anna", "dave") if name in self.people]))
        del self.people[name]
        tip = self._change("allowed_signers", self.battle.keys.signers(**self.people), "carl")
        self.stolen.append(name)
        return tip

    # -- the adversary ------------------------------------------------------------------------------------------

    def _forged(self, data: st.DataObject, parents: list[Oid]) -> Oid:
        store, battle = self.battle.store, self.battle
        evil = battle.keys.signers(eve=("admin",), bert=("admin",))
        texts = {"fleet.toml": [*CHARTERS, "[bus\n"], "allowed_signers": [evil, battle.signers, self.signers]}
        entries = dict(read_tree(store.get(battle.tree(data.draw(st.sampled_from(parents)) if parents else self.tip))))
        for path, known in texts.items():
            how = data.draw(st.sampled_from(["as it is", "as it is", "text", "text", "link", "none"]))
            if how == "none":
                entries.pop(path, None)
            elif how != "as it is":
                blob = store.put("blob", data.draw(st.sampled_from(known)).encode())
                entries[path] = TreeEntry(FILE if how == "text" else SYMLINK, blob)
        by = data.draw(st.sampled_from(["", "eve", "bert", "n1", *self.stolen]))
        when = data.draw(st.sampled_from([0, 1, 4_102_444_800]))
        return battle.raw(tuple(parents), store.put("tree", print_tree(entries)), by=by, when=when)

    @rule(target=made, data=st.data(), parents=st.lists(made, max_size=3, unique=True))
    def somebody_makes_a_commit(self, data: st.DataObject, parents: list[Oid]) -> Oid:
        """On any commits that there are, or on none, signed with any key but one that counts."""
        return self._forged(data, parents)

    @rule(target=made, data=st.data(), old=made)
    def somebody_merges_a_copy(self, data: st.DataObject, old: Oid) -> Oid:
        """The same words and signature under another name, or that signature under other words."""
        store = self.battle.store
        if data.draw(st.booleans()):
            copy = self.battle.copy(old)
        else:
            _, mark, rest = store.get(old).partition(b"\ngpgsig ")
            signature = mark + rest.partition(b"\n\n")[0]
            bare = store.get(self._forged(data, [self.tip])).partition(b"\ngpgsig ")[0]
            copy = store.put("commit", bare.partition(b"\n\n")[0] + signature + b"\n\nso\n")
        self.tip = self.battle.commit(tuple(data.draw(st.permutations([self.tip, copy]))), {})
        return self.tip

    @rule(target=made, data=st.data(), others=st.lists(made, max_size=3, unique=True))
    def somebody_pushes(self, data: st.DataObject, others: list[Oid]) -> Oid:
        """The branch goes on from where it is, with that as any of the parents."""
        parents = data.draw(st.permutations([self.tip, *(each for each in others if each != self.tip)]))
        self.tip = self._forged(data, parents)
        return self.tip

    # -- what must be so ----------------------------------------------------------------------------------------

    @invariant()
    def who_was_awake_has_the_admins_rules(self) -> None:
        """After every step."""
        if hasattr(self, "battle"):
            self._has_the_admins_rules(self.battle.awake)

    @rule()
    def who_slept_wakes_up_to_the_admins_rules(self) -> None:
        """Whatever lies between the root and the tip."""
        self._has_the_admins_rules(TrustRoot(self.battle.store, lambda _tip: self.battle.root))

    def teardown(self) -> None:
        """Somebody wakes up in the end."""
        if hasattr(self, "battle"):
            self.who_slept_wakes_up_to_the_admins_rules()

    def _has_the_admins_rules(self, machine: TrustRoot) -> None:
        found = machine.in_force(self.tip)
        assert found.signers == self.signers
        assert found.charter.trust.missions == ("remote" if self.charter == REMOTE else "signed")
        odd = [self._there("allowed_signers") != self.signers, self._there("fleet.toml") != self.charter]
        assert len(found.alarms) == sum(odd), "an alarm for each file of the branch that is not in force"


@pytest.fixture(autouse=True)
def _keys(keys: Keys) -> None:
    KEYS[:] = [keys]


TestAdversary = Adversary.TestCase
TestAdversary.settings = settings(
    max_examples=25, stateful_step_count=15, deadline=None, suppress_health_check=list(HealthCheck)
)
