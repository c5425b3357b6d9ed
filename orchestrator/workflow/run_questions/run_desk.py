"""What does the ledger answer a run? The desk at which its agent asks of its own project and of the fleet."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime

from handoff.tiers import Tier, path_of
from missions.agents.agent_names import is_own_agent
from missions.mission import Mission
from missions.one_line import printable
from orchestrator.core.ports.run_desk import ASK, BRIDGE_TOOLS, FILE_MISSION, NoRunDesk, RunDesk
from orchestrator.ledger.config.agent_tables import BRIDGED_AGENTS, BUILT_IN_AGENTS, AgentPart
from orchestrator.ledger.snapshot import LedgerSnapshot
from orchestrator.policy.child_missions import proposal_outlook
from orchestrator.workflow.journal.context import CONTEXT_TIERS, FLEET_TIERS, assemble_context, estimate_tokens
from orchestrator.workflow.journal.search_index import PATIENCE_SECONDS, SearchHit, SearchIndex

LOOKING = frozenset({"read", "search"})
WITHOUT_SERVERS = frozenset({"copilot"})
"""Agents over the protocol that start none, whatever their session is told."""
SERVED_AGENTS = frozenset({"claude", "codex"})
"""Agents that are held to those tools of a server which they may ask for."""
CHANGING = frozenset({"write", "run", "shell"})
"""With one of these an agent can leave a proposal as a file, too."""
MAX_LEFT_OUT = 5
"""Pieces of a handoff that are named of those that had no room in it."""
RunDesks = Callable[[LedgerSnapshot, Mission, tuple[str, ...] | None], RunDesk]
"""Takes the ledger, a mission and the tools that policy lets its agent use (None: it does not say)."""


def offered_tools(agent: str, part: AgentPart | None, allowed: tuple[str, ...] | None) -> tuple[str, ...]:
    """What an agent may ask its fleet: nothing that `policy.tools` keeps from it in another way.

    One that asks for permissions itself (the Agent Client Protocol) has a server only where policy names no tools: what
    it would ask for has no name there, is refused, and a refusal is no success.
    """
    by_protocol = (is_own_agent(agent) or agent in BUILT_IN_AGENTS) and agent not in WITHOUT_SERVERS
    wanted = BRIDGE_TOOLS if part is None else tuple(name for name in BRIDGE_TOOLS if name in part.bridge)
    if not (by_protocol or agent in BRIDGED_AGENTS):
        return ()
    if allowed is None:
        return wanted
    if by_protocol:
        return ()
    looks, changes = bool(LOOKING.intersection(allowed)), bool(CHANGING.intersection(allowed))
    return tuple(name for name in wanted if name == ASK or (changes if name == FILE_MISSION else looks))


def may_have_servers(agent: str, allowed: tuple[str, ...] | None) -> bool:
    """Whether an agent is given the servers of its project: one that can be held to what may be asked of them, and may
    run a program, because such a server is one and does what it likes in the sandbox."""
    return agent in SERVED_AGENTS and (allowed is None or not {"run", "shell"}.isdisjoint(allowed))


def run_desks(index: SearchIndex, now: Callable[[], datetime]) -> RunDesks:
    """What gives each run its desk, with this machine's index of the journal."""

    def desk(ledger: LedgerSnapshot, mission: Mission, allowed: tuple[str, ...] | None) -> RunDesk:
        tools = offered_tools(mission.agent, ledger.charter.agents.get(mission.agent), allowed)
        return (
            LedgerRunDesk(ledger=ledger, mission=mission, tools=tools, index=index, now=now) if tools else NoRunDesk()
        )

    return desk


@dataclass(frozen=True, kw_only=True)
class LedgerRunDesk:
    """One run's, by the ledger as it was when the run began. It takes no name of a project: whoever asks has one."""

    ledger: LedgerSnapshot
    mission: Mission
    tools: tuple[str, ...]
    index: SearchIndex
    now: Callable[[], datetime]

    @property
    def answer_seconds(self) -> float:
        """As `delegation.ask_seconds` says."""
        return self.ledger.charter.delegation.ask_seconds

    def handoff(self, task: str, tokens: int) -> str:
        """The four tiers, what is recalled, where all of it stands, and what was left out. Raises WrongSetting."""
        given = assemble_context(
            self.ledger,
            self._project,
            task or self.mission.body,
            now=self.now(),
            budget=tokens,
            count=estimate_tokens,
            recall=self._recalled,
            role="",
        )
        text = given.head + given.log + given.tail.partition("<shiftbook:task>")[0]
        left_out = [f"[left out: {cut.name} · {cut.title} · {cut.why}]" for cut in given.cut[:MAX_LEFT_OUT]]
        if more := len(given.cut) - len(left_out):
            left_out.append(f"[left out: {more} pieces more]")
        return "\n".join([f"[{'; '.join(self._sources())}]", text.strip(), *left_out])

    def recall(self, query: str, limit: int) -> Sequence[str]:
        """The best matches in the logs of the project and of the fleet. Raises WrongSetting, sqlite3.Error."""
        found = self.index.search(
            self.ledger, query, projects=("", self._project), limit=limit, patience=PATIENCE_SECONDS
        )
        return [_cited(hit) for hit in found]

    def warnings(self, action: str, limit: int) -> Sequence[str]:
        """What the index warns of that a run's warner looks into. Raises sqlite3.Error."""
        return [one.quoted for one in self.index.project_warnings(self._project, action, (), limit)]

    def proposed(self, name: str, text: str) -> str:
        """As the fold would file it. Raises Refused."""
        return proposal_outlook(self.ledger, self.mission, name, text)

    def _recalled(self, ledger: LedgerSnapshot, project: str, task: str) -> list[tuple[str, str]]:
        return [(entry_id, f"[{entry_id}] {text}") for entry_id, text in self.index.lines(ledger, project, task)]

    @property
    def _project(self) -> str:
        return self.mission.project or ""

    def _sources(self) -> Iterator[str]:
        """The documents, each with its tier, and the commit that they are of."""
        yield f"as of commit {self.ledger.tip[:12]}"
        for tier in (*CONTEXT_TIERS, Tier.LOG):
            path = path_of(tier, self._project)
            if (self._project or tier in FLEET_TIERS or tier is Tier.LOG) and self.ledger.read(path) is not None:
                yield f"{tier.name.lower()}: {path}"


def _cited(hit: SearchHit) -> str:
    """A match with its place; each of its lines is a quotation."""
    place = ", ".join(filter(None, (hit.entry_id, hit.when[:10], hit.path, hit.heading)))
    lines = "\n".join(f"  > {printable(line)}" for line in hit.text.splitlines() if line.strip())
    return f"[{printable(place)}]\n{lines}"
