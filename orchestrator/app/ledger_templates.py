"""What stands in a new ledger's files before anybody has written anything?"""

from __future__ import annotations

from handoff.log import PREAMBLE

SIGNERS = """\
# Who may do what. One line each: name,role=… namespaces="git" key
# role=admin changes this file and fleet.toml, role=author files missions, role=node works on them.
# Add a line with `shiftbook fleet admit`; take one away with `shiftbook fleet revoke`.
"""

FLEET = """\
# The fleet's one page of settings. Changes count when an admin signed the commit.
[fleet]
name = "{name}"

[bus]
beat_seconds = 60         # how often a node proves that it lives
lease_beats = 3           # after so many silent beats others take over
poll_seconds = [5, 30]    # how often a node looks for news, when busy and when calm

[trust]
missions = "signed"       # signed: only listed authors' missions run; remote: whoever may push
sandbox = "required"      # required: commands run only where a sandbox works; optional: anywhere

# When the session logs are reviewed, and how often a lesson must be seen to become known to all:
# [review]
# cron = "0 3 * * *"        # minute hour day month week day
# timezone = "Europe/Berlin"
# approve = true            # a person accepts each review (`shiftbook digest accept`)
# [handoff]
# promote_missions = 2

# Projects that missions may name:
# [projects.shop]
# url = "git@example.com:me/shop.git"
# branch = "main"
# test = "pytest -q"
# on_approval = "merge"     # what an approval does with a result's branch: merge, push or nothing
# merge_queue = true        # approved results are tested together before they are merged
"""

PORTFOLIO = """\
# Portfolio context

What exists and how the projects relate. Every instance reads this page first; keep it short.

## Standing rules

- Say plainly what you do not know.

## Projects

What each is for and how they relate. Every instance is also given the list of `fleet.toml` here; each project's own
documents stand in `projects/<name>/`.
"""

HEARTBEAT = """\
# Heartbeat

What to look at, how often, by which node or role. One line each; nothing to find stays silent.

## Every beat

## Hourly

## Daily

## Weekly
"""

MISSIONS = """\
# Missions

Every other Markdown file in this folder is a mission: a sentence is enough. Commit and push it; a node takes it.
Finished missions move to `archive/<year>/<month>/<day>/`. The fields of the front matter, all optional:

    ---
    title: Fix the auth bug
    project: shop
    priority: 5
    agent: command
    run: make test
    depends_on: [add-login]
    ---
    What is to be done.
"""


def ledger_files(name: str) -> dict[str, str]:
    """A new ledger's files by path."""
    return {
        "fleet.toml": FLEET.format(name=name.replace('"', "")),
        "PORTFOLIO_CONTEXT.md": PORTFOLIO,
        "SESSION_LOG.md": PREAMBLE,
        "HEARTBEAT.md": HEARTBEAT,
        "missions/README.md": MISSIONS,
    }
