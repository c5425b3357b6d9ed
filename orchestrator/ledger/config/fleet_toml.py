"""What does `fleet.toml` say: the fleet's name, its projects, how the bus beats, whom it trusts?"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Annotated, Literal

from missions.agents.agent_names import PAID_AGENTS
from missions.declared.declared_table import DeclaredTable, made_by
from missions.declared.plain_values import WrongValues, told
from missions.declared.value_rules import After, Limits
from missions.divisions import DEFAULT_DIVISIONS, Division
from missions.plain_data import read_toml
from orchestrator.core.disk_space import DEFAULT_FREE_GIB
from orchestrator.core.errors import BrokenLedger
from orchestrator.ledger.config.account_tables import AccountPart, QuotasPart, account_of, check_accounts
from orchestrator.ledger.config.agent_tables import AgentPart, check_agents
from orchestrator.ledger.config.heartbeat_table import HeartbeatPart
from orchestrator.ledger.config.node_tables import NodePart
from orchestrator.ledger.config.notify_table import NotifyPart
from orchestrator.ledger.config.policy_tables import TOOLS as TOOLS
from orchestrator.ledger.config.policy_tables import PolicyPart, effective_rules
from orchestrator.ledger.config.server_tables import ServerPart, check_servers
from orchestrator.ledger.config.service_tables import ServicePart, check_services
from orchestrator.ledger.config.supplier_tables import SupplierPart
from orchestrator.ledger.config.toml_lines import line_of

if TYPE_CHECKING:  # a list of missions needs neither
    from missions.approval import ApprovalRules
    from orchestrator.core.ports.agent import Project

PATH = "fleet.toml"
MISSING_MESSAGE = f"{PATH} is missing on the ledger's branch: run `shiftbook init` in a clone of it"


WORDS = {"extra_forbidden": "there is no such key", "missing": "it is missing"}
"""What pydantic says for programmers, in words for people."""


class FleetPart(DeclaredTable):
    """`[fleet]`."""

    name: str = "fleet"


class BusPart(DeclaredTable):
    """`[bus]`: seconds. A lease is `lease_beats` beats long. `pushes_a_minute` is what the host allows all nodes;
    `results_branch`: results move a branch, too, for hosts whose webhooks fire for branches alone."""

    beat_seconds: Annotated[float, Limits(gt=0, le=3600)] = 60.0
    lease_beats: Annotated[float, Limits(ge=2, le=100)] = 3.0
    poll_seconds: tuple[float, float] = (5.0, 30.0)
    pushes_a_minute: Annotated[float, Limits(gt=0, le=1_000_000, allow_inf_nan=False)] | None = None
    results_branch: bool = False

    @property
    def lease(self) -> float:
        """Seconds of silence after which a mission may be taken over."""
        return self.beat_seconds * self.lease_beats

    def check(self) -> None:
        """The pauses between two looks are a range."""
        low, high = self.poll_seconds
        if not 0 < low <= high:
            raise ValueError("poll_seconds must be [shortest, longest], both above 0")


class TrustPart(DeclaredTable):
    """`[trust]`."""

    missions: Literal["signed", "remote"] = "signed"
    sandbox: Literal["required", "optional"] = "required"


class ReviewPart(DeclaredTable):
    """`[review]`. `cron` is five fields, in `timezone`; empty: only by hand. `words` says who words new items."""

    cron: str = ""
    timezone: str = "UTC"
    approve: bool = False
    words: Literal["plain", "model"] = "plain"

    def check(self) -> None:
        """Its line can be read."""
        if self.cron:
            from orchestrator.core import cron

            cron.check(self.cron, self.timezone)  # raises ValueError


class HandoffPart(DeclaredTable):
    """`[handoff]`: when a lesson becomes known to all (0 switches that way off), who words memos, how an agent hears
    at its actions what the journal warns of, and under which licence or consent a training set is given away."""

    promote_missions: Annotated[int, Limits(ge=0, le=1000)] = 2
    promote_projects: Annotated[int, Limits(ge=0, le=1000)] = 2
    memo_words: Literal["plain", "model"] = "plain"
    warnings: Literal["with-result", "refuse-once", "off"] = "with-result"
    warnings_a_run: Annotated[int, Limits(ge=0, le=100)] = 12
    training_consent: Annotated[str, Limits(max_length=500)] = ""


class AnswersPart(DeclaredTable):
    """`[answers]`: what becomes of a model's sentences that no line of the handoff bears out."""

    grounded: Literal["mark", "drop", "off"] = "mark"


def _known_acts(value: list[str]) -> list[str]:
    for act in value:
        tool, _, verb = act.partition(" ")
        if tool not in TOOLS or (verb and tool != "git"):
            raise ValueError(f"there are {', '.join(TOOLS)}, and verbs of git such as `git commit`, not {act!r}")
    return value


Acts = Annotated[list[str], After(_known_acts)]


class ToolsPart(DeclaredTable):
    """`[tools]`: what a chat's tools must ask a person for, and what they may not do. `git` means all its verbs."""

    ask: Acts = made_by(factory=lambda: ["git add", "git commit"])
    deny: Acts = made_by(factory=list)


Usd = Annotated[float, Limits(ge=0, le=1_000_000, allow_inf_nan=False)]
"""An amount that may be spent. 0: nothing at all."""


class BudgetPart(DeclaredTable):
    """`[budget]`: what may be spent before work is stopped. Without a line there is no limit. Days are UTC's."""

    mission_usd: Usd | None = None
    day_usd: Usd | None = None


class WorkspacesPart(DeclaredTable):
    """`[workspaces]`: how long a node keeps what nobody needs any more, and how much disk that may take."""

    keep_days: Annotated[float, Limits(ge=0, le=3650, allow_inf_nan=False)] = 1.0
    disk_gib: Annotated[float, Limits(gt=0, le=1_000_000, allow_inf_nan=False)] = 10.0
    free_gib: Annotated[float, Limits(ge=0, le=1_000_000, allow_inf_nan=False)] = DEFAULT_FREE_GIB


Rounds = Annotated[int, Limits(ge=0, le=10, strict=True)]


class DelegationPart(DeclaredTable):
    """`[delegation]`: how often work that is not right goes back to its agent before the attempt has failed; how many
    seconds an agent waits for a person's answer before its mission rests."""

    verify_rounds: Rounds = 2
    ask_seconds: Annotated[float, Limits(ge=0, le=600, allow_inf_nan=False)] = 45.0


def _node_path(value: str) -> str:
    """A path on nodes. Raises ValueError."""
    if not value.startswith(("~/", "/")) or ".." in value.split("/") or not value.isprintable() or ":" in value:
        raise ValueError(f"write a path that begins with ~/ or /, without '..', not {value!r}")
    if not value.strip("~/"):
        raise ValueError(f"{value} is a whole home or machine: name the folder that is needed")
    return value


def _tree_path(value: str) -> str:
    """A file's path in a project. Raises ValueError."""
    parts = value.split("/")
    if not value.strip() or not value.isprintable() or {"", ".", "..", ".git"} & set(parts):
        raise ValueError(f"write a path in the project, such as .env.test, not {value!r}")
    return value


def _evidence_glob(value: str) -> str:
    """A glob of files below a project's folder. Raises ValueError."""
    parts = value.strip().removeprefix("./").split("/")
    if not value.strip() or not value.isprintable() or value.startswith("/") or {".", "..", ".git"} & set(parts):
        raise ValueError(f"write a glob in the project, such as test-results/**/*.png, not {value!r}")
    return value


EvidenceGlob = Annotated[str, Limits(max_length=200), After(_evidence_glob)]
MAX_EVIDENCE_GLOBS = 20
NodePath = Annotated[str, Limits(max_length=300), After(_node_path)]
TreePath = Annotated[str, Limits(max_length=300), After(_tree_path)]


def _git_url(value: str) -> str:
    if re.match(r"^[A-Za-z0-9+.-]+::", value) or value.startswith("-"):
        raise ValueError("not a Git URL or a path that may be cloned")
    return value


ForgeName = Annotated[str, Limits(min_length=1, max_length=100)]
"""How somebody is called on a forge."""


class ProjectPart(DeclaredTable):
    """`[projects.NAME]`."""

    url: Annotated[str, After(_git_url)]
    aliases: list[Annotated[str, Limits(min_length=2, max_length=60)]] = made_by(factory=list)
    branch: str = "main"
    test: str | None = None
    setup: str | None = None
    tools: tuple[NodePath, ...] = ()
    test_files: dict[TreePath, NodePath] = made_by(factory=dict)
    evidence: Annotated[tuple[EvidenceGlob, ...], Limits(max_length=MAX_EVIDENCE_GLOBS)] = ()
    verify_rounds: Rounds | None = None
    on_approval: Literal["merge", "push", "pull_request", "nothing"] = "nothing"
    merge_queue: bool = False
    merge_queue_batch: Annotated[int, Limits(ge=1, le=20, strict=True)] = 5
    forge: Literal["", "github", "gitlab", "forgejo"] = ""
    forge_by: Literal["api", "git"] = "api"
    forge_url: Annotated[str, Limits(max_length=500)] = ""
    forge_people: list[ForgeName] = made_by(factory=list)
    forge_rounds: Annotated[int, Limits(ge=0, le=20, strict=True)] = 3
    issue_label: Annotated[str, Limits(max_length=100)] = ""
    issue_assignee: Annotated[str, Limits(max_length=100)] = ""
    budget_usd: Usd | None = None
    policy: PolicyPart | None = None
    trust_hooks: bool = False
    mcp: dict[str, ServerPart] = made_by(factory=dict)
    services: dict[str, ServicePart] = made_by(factory=dict)

    def check(self) -> None:
        """Where its forge is can be told, if it has one, its servers have names, and its queue has something to do."""
        check_servers(self.mcp)
        check_services(self.services)
        if self.merge_queue and (self.on_approval != "merge" or not self.test):
            raise ValueError('merge_queue tests what is merged: it needs on_approval = "merge" and a `test`')
        if "," in self.issue_label:
            raise ValueError("issue_label is one label: forges take a comma for two")
        if self.forge_by == "git" and self.forge not in {"gitlab", "forgejo"}:
            raise ValueError('forge_by = "git" is for forge = "gitlab" and "forgejo": others open nothing by a push')
        if self.forge_by == "git" and (self.issue_label or self.issue_assignee):
            raise ValueError(
                'issues come by the API alone: take issue_label and issue_assignee out, or forge_by = "git"'
            )
        if self.forge:
            from orchestrator.ledger.config.forge_place import repository_on_forge

            repository_on_forge(self.forge, self.forge_url or self.url)  # raises ValueError
        elif self.on_approval == "pull_request" or self.issue_label or self.issue_assignee:
            raise ValueError('say which forge it is on: forge = "github", "gitlab" or "forgejo"')


class FleetConfig(DeclaredTable):
    """The whole file."""

    fleet: FleetPart = FleetPart()
    bus: BusPart = BusPart()
    trust: TrustPart = TrustPart()
    review: ReviewPart = ReviewPart()
    handoff: HandoffPart = HandoffPart()
    answers: AnswersPart = AnswersPart()
    tools: ToolsPart = ToolsPart()
    policy: PolicyPart = PolicyPart()
    budget: BudgetPart = BudgetPart()
    workspaces: WorkspacesPart = WorkspacesPart()
    delegation: DelegationPart = DelegationPart()
    notify: NotifyPart = NotifyPart()
    heartbeat: HeartbeatPart = HeartbeatPart()
    quotas: QuotasPart = QuotasPart()
    accounts: dict[str, AccountPart] = made_by(factory=dict)
    agents: dict[str, AgentPart] = made_by(factory=dict)
    projects: dict[str, ProjectPart] = made_by(factory=dict)
    suppliers: dict[Annotated[str, Limits(min_length=1, max_length=80)], SupplierPart] = made_by(factory=dict)
    nodes: dict[Annotated[str, Limits(min_length=1, max_length=80)], NodePart] = made_by(factory=dict)

    def check(self) -> None:
        """No agent has two accounts, and each of the fleet's own can be started."""
        check_accounts(self.accounts)
        check_agents(self.agents)

    @property
    def paid_agents(self) -> frozenset[str]:
        """The agents whose work may cost money, with the fleet's own."""
        return PAID_AGENTS.union(self.agents)

    def account(self, node: str, agent: str) -> str:
        """The account with which an agent works on a node."""
        return account_of(self.accounts, node, agent)

    def divisions(self, node: str) -> tuple[Division, ...]:
        """A node's divisions, with the personas that the fleet gave them."""
        return self.nodes[node].every() if node in self.nodes else DEFAULT_DIVISIONS

    def project(self, name: str) -> Project:
        """A project by name. Raises KeyError."""
        from orchestrator.core.ports.agent import Project, ProjectToolServer

        part = self.projects[name]
        return Project(
            name=name,
            url=part.url,
            branch=part.branch,
            test=part.test,
            setup=part.setup or None,
            tools=part.tools,
            test_files=tuple(part.test_files.items()),
            evidence=part.evidence,
            trust_hooks=part.trust_hooks,
            servers=tuple(
                ProjectToolServer(name=each, command=one.command, environment=one.environment, tools=one.tools)
                for each, one in part.mcp.items()
            ),
            services=tuple(one.spec(each) for each, one in part.services.items()),
        )

    def verify_rounds(self, project: str | None) -> int:
        """How often work on a project may go back to its agent."""
        part = self.projects.get(project or "")
        return part.verify_rounds if part and part.verify_rounds is not None else self.delegation.verify_rounds

    def rules(self, project: str | None, task: str) -> ApprovalRules:
        """The policy for one kind of work in one project; the fleet's own where there is no such project."""
        part = self.projects.get(project or "")
        return effective_rules(
            task, self.policy, part.policy if part else None, part.on_approval if part else "nothing"
        )


def read(data: bytes | None) -> FleetConfig:
    """Reads `fleet.toml`. Raises BrokenLedger with the line (TOML) or the key (meaning) that is wrong."""
    if data is None:
        raise BrokenLedger(MISSING_MESSAGE)
    try:
        text = data.decode("utf-8")
        return FleetConfig.model_validate(read_toml(text))
    except WrongValues as error:
        first, line = explained(error, text)[0]
        raise BrokenLedger(f"{PATH}, line {line}: {first}" if line else f"{PATH}: {first}") from error
    except ValueError as error:
        raise BrokenLedger(f"{PATH}: {error}") from error


def explained(error: WrongValues, text: str) -> list[tuple[str, int | None]]:
    """Everything that is wrong, each with its key, and its line in the text."""
    return [
        (
            told(one["loc"], WORDS.get(one["type"], one["msg"].removeprefix("Value error, "))),
            line_of(text, one["loc"]),
        )
        for one in error.facts
    ]
