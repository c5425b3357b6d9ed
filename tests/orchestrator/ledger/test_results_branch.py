"""Does a branch tell of results where the host rings for branches alone, and hold no result up for it?"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

import pytest

from missions.lease import ClaimState
from orchestrator.ledger import claims
from orchestrator.ledger.transport import LOG, RESULTS
from sync.errors import PushRefused
from sync.remote import LedgerRemote, PushVerdict, Refs, RefUpdate
from tests.ledgers import Peer, Town, record, working

TRUSTED = '[trust]\nmissions = "remote"\nsandbox = "optional"\n'
WANTED = f"{TRUSTED}[bus]\nresults_branch = true\n"


@dataclass
class StrictHost:
    """A host behind whose rules a branch may stand; it counts pushes and questions."""

    remote: LedgerRemote
    guarded: bool = False
    """Whether its rules let no new branches be."""
    full: bool = False
    """Whether it takes no push at all for now."""
    pushes: list[list[str]] = field(default_factory=list)
    asked: int = 0

    def fetch(self) -> Refs:
        """As Remote.fetch promises."""
        return self.remote.fetch()

    def seen(self) -> Refs:
        """As Remote.seen promises."""
        return self.remote.seen()

    def heads(self, *prefixes: str) -> Refs:
        """As Remote.heads promises."""
        self.asked += 1
        return self.remote.heads(*prefixes)

    def close(self) -> None:
        """As Remote.close promises."""

    def push(self, updates: Sequence[RefUpdate], *, atomic: bool = False) -> Mapping[str, PushVerdict]:
        """Refuses what its rules refuse."""
        refs = [update.ref for update in updates]
        self.pushes.append(refs)
        if self.full or (self.guarded and any(ref.startswith(RESULTS) for ref in refs)):
            raise PushRefused(refs[-1], "429 too many requests" if self.full else "protected branch")
        return self.remote.push(updates, atomic=atomic)


@dataclass
class Desk:
    """A node on such a host."""

    town: Town
    peer: Peer
    host: StrictHost
    branch: claims.ResultsBranch
    told: list[str] = field(default_factory=list)

    def hand_back(self, name: str) -> claims.CompletionResult:
        """Claims a mission and ends it."""
        held = self.peer.hold(name)
        self.host.pushes.clear()
        told = record(held)
        return claims.complete(self.peer.bus, held, told, state=ClaimState.DONE, branch=self.branch)

    def stands(self, ref: str) -> str | None:
        """Where a ref stands at the host."""
        return self.host.remote.heads(ref).get(ref)


def desk(folder: Path | None = None) -> Desk:
    """A node with three missions to do."""
    town = Town({"fleet.toml": WANTED, **{f"missions/m{n}.md": "x" for n in range(3)}}, folder=folder)
    peer = town.peer("n1")
    host = StrictHost(peer.bus.remote)
    peer.bus = replace(peer.bus, remote=host)
    told: list[str] = []
    branch = claims.ResultsBranch(bus=peer.bus, tell=lambda _event, words, **_facts: told.append(words), wanted=True)
    return Desk(town=town, peer=peer, host=host, branch=branch, told=told)


@pytest.mark.parametrize("where", ["memory", "git"])
def test_the_branch_goes_where_the_log_goes(where: str, tmp_path: Path) -> None:
    """In the same push as claim and log, and the host is asked once where it stands."""
    node = desk(tmp_path if where == "git" else None)
    for name in ("m0", "m1", "m2"):
        assert node.hand_back(name).accepted
        assert len(node.host.pushes) == 1
        assert node.stands(RESULTS + "n1") == node.stands(LOG + "n1") is not None
    assert (node.host.asked, node.told) == (1, [])
    node.town.close()


def test_without_the_word_of_the_fleet_nothing_moves_but_claim_and_log() -> None:
    """It is off by default."""
    node = desk()
    node.branch.wanted = False
    assert node.hand_back("m0").accepted
    assert (node.stands(RESULTS + "n1"), node.host.asked) == (None, 0)


def test_a_host_that_guards_its_branches_holds_up_no_result() -> None:
    """The result goes without it in the same moment; people are told once, and it is not tried again."""
    node = desk()
    node.host.guarded = True
    assert node.hand_back("m0").accepted
    assert len(node.host.pushes) == 2
    assert node.hand_back("m1").accepted
    assert len(node.host.pushes) == 1
    assert (len(node.told), node.stands(RESULTS + "n1")) == (1, None)
    assert "protected branch" in node.told[0]


def test_a_host_that_takes_no_push_says_nothing_of_the_branch() -> None:
    """What is refused without it, too, is raised as ever, and the branch goes along later."""
    node = desk()
    held = node.peer.hold("m0")
    node.host.full = True
    with pytest.raises(PushRefused, match="429"):
        claims.complete(node.peer.bus, held, record(held), state=ClaimState.DONE, branch=node.branch)
    node.host.full = False
    assert claims.complete(node.peer.bus, held, record(held), state=ClaimState.DONE, branch=node.branch).accepted
    assert (node.stands(RESULTS + "n1"), node.told) == (node.stands(LOG + "n1"), [])


def test_a_branch_that_somebody_moved_or_took_away_costs_one_more_push() -> None:
    """The next look finds where it stands, and the result is accepted."""
    node = desk()
    assert node.hand_back("m0").accepted
    here = node.stands(RESULTS + "n1")
    node.host.remote.push([RefUpdate(ref=RESULTS + "n1", expect=here, new=None)])
    assert node.hand_back("m1").accepted
    assert len(node.host.pushes) == 2
    assert node.stands(RESULTS + "n1") == node.stands(LOG + "n1")


def test_a_fenced_holder_moves_no_branch() -> None:
    """Late work is kept, and the branch tells of nothing that was not accepted."""
    node = desk()
    held = node.peer.hold("m0")
    other = replace(node.peer.bus, name="n2")
    assert claims.take_over(other, held, blob=held.claim.blob) is not None
    ended = claims.complete(node.peer.bus, held, record(held), state=ClaimState.DONE, branch=node.branch)
    assert (ended.accepted, node.stands(RESULTS + "n1")) == (False, None)


@pytest.mark.parametrize("wanted", [True, False])
def test_a_node_follows_fleet_toml(tmp_path: Path, wanted: bool) -> None:
    """Its rounds move the branch where the fleet says so, and only there."""
    town = Town({"fleet.toml": WANTED if wanted else TRUSTED, "missions/m.md": "x"})
    working(town.peer("n1"), tmp_path).settle()
    heads = town.peer("view").bus.remote.heads(RESULTS, LOG)
    assert heads.get(RESULTS + "n1") == (heads[LOG + "n1"] if wanted else None)
