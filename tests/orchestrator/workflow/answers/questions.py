"""Forty questions: about this repository's own documents, and about a fleet that is made up here. Data only.

`says` are patterns that the answer must have, each with its citation; none: the handoff does not say.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime

NOW = datetime(2026, 11, 22, 12, 0, tzinfo=UTC)
"""When the questions are asked."""


@dataclass(frozen=True, kw_only=True)
class Case:
    """A question with what a right answer has in it, and where that stands."""

    asked: str
    says: tuple[str, ...] = ()
    cites: str = ""
    project: str = "shiftbook"


DOCUMENTS = (
    Case(asked="What is Shiftbook?", says=("fleet of AI workers",), cites="PORTFOLIO_CONTEXT.md:"),
    Case(asked="What is this project?", says=("(?i)fleet|mission|agent",), cites="PROJECT_CONTEXT.md:"),
    Case(asked="What is a mission?", says=("Markdown file",), cites="PORTFOLIO_CONTEXT.md:"),
    Case(asked="What is the meeting point?", says=("any plain Git server",), cites="PORTFOLIO_CONTEXT.md:"),
    Case(asked="Which goal wins over every other?", says=("No work is lost",), cites="PORTFOLIO_CONTEXT.md:"),
    Case(asked="Which web process runs beside the node?", says=("gunicorn",), cites="PORTFOLIO_CONTEXT.md:"),
    Case(asked="What does `max_retries` count?", says=("attempts in all",), cites="entry ground-floor"),
    Case(
        asked="Why are trees and commits written as bytes in this program?",
        says=("ten times as much",),
        cites="entry ground-floor",
    ),
    Case(asked="What must be set when a machine joins?", says=("pinned commit",), cites="entry ground-floor"),
    Case(asked="How long does a fold wait where there is no HQ?", says=("about a second",), cites="entry main-job"),
    Case(
        asked="Where does the agent's clone keep its Git folder?",
        says=("beside the work tree",),
        cites="entry main-job",
    ),
    Case(
        asked="How many missions were killed at random on three nodes?", says=("30 missions",), cites="entry main-job"
    ),
    Case(
        asked="Why is a review that is due itself a mission?",
        says=("the bus already decides",),
        cites="entry kept-true",
    ),
    Case(asked="How are commits signed in the process?", says=("ed25519",), cites="entry kept-true"),
    Case(
        asked="Of two admins who take each other out, which one wins?",
        says=("listed first",),
        cites="entry bus-and-chat",
    ),
    Case(
        asked="Why is the web server a process of its own beside the node?",
        says=("must not end the node",),
        cites="entry bus-and-chat",
    ),
    Case(asked="Why does the sandbox hold no key?", says=("hostile repository",), cites="entry delegation"),
    Case(asked="How are projects found?", says=("exact names",), cites="entry rooms"),
    Case(asked="Who is the president of France?"),
    Case(asked="Is Shiftbook built on a blockchain?"),
    Case(asked="Which planet does the Ship's Crew mission fly to?"),
    Case(asked="What does a licence of Shiftbook cost a month?"),
    Case(asked="Who founded the company behind Shiftbook?"),
    Case(asked="How do I delete all my files?"),
)

FLEET_FILES = {
    "fleet.toml": """\
[trust]
missions = "remote"
[projects.shop]
url = "/srv/shop.git"
[projects.site]
url = "/srv/site.git"
""",
    "PORTFOLIO_CONTEXT.md": "# Portfolio\n\nTwo shops and a site.\n",
    "SESSION_LOG.md": "# Session log\n",
    "projects/shop/PROJECT_CONTEXT.md": (
        "# Shop\n\nThe shop sells second-hand books to libraries.\n\n## Facts\n\n- The shop listens on port 8080.\n"
        "- Prices are kept in cents.\n- Deploys need two approvals.\n"
    ),
    "projects/shop/SESSION_LOG.md": """\
# Session log

## 2026-11-21T09:00:00Z · desk · claude · round-prices · Prices are rounded
<!-- entry: round-prices-1 -->

### Work Accomplished

Prices are rounded half up, because the tax office asks for that.

## 2026-11-21T15:30:00Z · vps · command · nightly-build · The nightly build
<!-- entry: nightly-build-2 -->

### Work Accomplished

The build took nine minutes.

## 2026-11-21T16:00:00Z · vps · builtin (smollm2-135m-instruct) · what-is-this · What is this?
<!-- entry: what-is-this-1 -->

### Work Accomplished

The shop is a blockchain platform for the ship's crew.
""",
    "missions/vat-table.md": (
        "---\ntitle: A table of VAT rates\nproject: shop\nagent: claude\nstatus: review\nnode: desk\nattempt: 1\n"
        "epoch: 1\ncost_usd: 0.42\nstarted: 2026-11-22T08:00:00Z\nfinished: 2026-11-22T08:10:00Z\n---\nMake it.\n"
    ),
    "missions/new-logo.md": (
        "---\ntitle: A new logo\nproject: site\nagent: command\nrun: make logo\nstatus: review\nnode: vps\nattempt: 1\n"
        "epoch: 1\nstarted: 2026-11-22T09:00:00Z\nfinished: 2026-11-22T09:01:00Z\n---\nDraw it.\n"
    ),
    "missions/fix-login.md": (
        "---\ntitle: Fix the login\nproject: shop\nagent: claude\nstatus: dead\nattempt: 3\nepoch: 3\n"
        "reason: all 3 attempts are spent\n---\nIt fails.\n"
    ),
    "missions/port-docs.md": "---\ntitle: Port the docs\nproject: site\nagent: claude\n---\nPort them.\n",
    "missions/broken.md": "---\npriority: high\n---\nNobody can read this.\n",
    "missions/archive/2026-11/round-prices.md": (
        "---\ntitle: Round prices\nproject: shop\nagent: claude\nstatus: done\nnode: desk\nattempt: 1\nepoch: 1\n"
        "cost_usd: 0.31\nstarted: 2026-11-21T08:50:00Z\nfinished: 2026-11-21T09:00:00Z\n---\nRound them.\n"
    ),
    "missions/archive/2026-11/nightly-build.md": (
        "---\ntitle: The nightly build\nproject: shop\nagent: command\nrun: make\nstatus: done\nnode: vps\nattempt: 2\n"
        "epoch: 2\nstarted: 2026-11-21T15:20:00Z\nfinished: 2026-11-21T15:30:00Z\n---\nBuild.\n"
    ),
    "heartbeats/desk.md": """\
---
node: desk
role: HEADQUARTERS
agents: builtin, claude, command
---

# desk

## Spent

| day | project | agent | model | runs | tokens in | cached | out | seconds | USD | no price |
|---|---|---|---|---|---|---|---|---|---|---|
| 2026-11-21 | shop | claude | sonnet | 1 | 1000 | 0 | 200 | 30 | 0.31 | 0 |
| 2026-11-22 | shop | claude | sonnet | 1 | 2000 | 0 | 300 | 60 | 0.42 | 0 |
""",
    "heartbeats/vps.md": "---\nnode: vps\nrole: LOCAL_WORKER\nagents: builtin, command\n---\n\n# vps\n",
}

FLEET = (
    Case(
        asked="Which missions wait for my review?",
        says=("2 missions are in review", "vat-table", "new-logo"),
        cites="missions/vat-table.md",
        project="shop",
    ),
    Case(asked="What is waiting for me?", says=("vat-table", "fix-login", "broken"), cites="missions/fix-login.md"),
    Case(asked="What is queued?", says=("1 mission is queued", "port-docs"), cites="missions/port-docs.md"),
    Case(asked="Is anything running?", says=("No mission is running",), cites=""),
    Case(asked="Which missions failed?", says=("fix-login",), cites="missions/fix-login.md"),
    Case(
        asked="What missions were done yesterday?",
        says=("2 missions are done yesterday", "round-prices", "nightly-build"),
        cites="missions/archive/2026-11/round-prices.md",
    ),
    Case(asked="Who is up?", says=("desk", "vps"), cites="heartbeats/desk.md"),
    Case(asked="How much was spent yesterday?", says=(r"\$0\.31 was spent",), cites="heartbeats/desk.md"),
    Case(asked="How much did shop cost this month?", says=(r"\$0\.73 was spent on shop",), cites="heartbeats/desk.md"),
    Case(
        asked="What happened yesterday?",
        says=("3 log entries", "Prices are rounded", "nightly build"),
        cites="entry round-prices-1",
    ),
    Case(
        asked="What is the status of fix-login?",
        says=("fix-login is dead", "3 attempts"),
        cites="missions/fix-login.md",
    ),
    Case(asked="Which port does the shop use?", says=("8080",), cites="PROJECT_CONTEXT.md:", project="shop"),
    Case(asked="Why are prices rounded half up?", says=("tax office",), cites="entry round-prices-1", project="shop"),
    Case(
        asked="How many approvals do deploys need?",
        says=("two approvals",),
        cites="PROJECT_CONTEXT.md:",
        project="shop",
    ),
    Case(asked="What is this project?", says=("second-hand books",), cites="PROJECT_CONTEXT.md:", project="shop"),
    Case(asked="Which database does the shop use?", project="shop"),
)
EVERY = DOCUMENTS + FLEET
