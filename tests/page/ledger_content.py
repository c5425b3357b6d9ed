"""What stands in the ledger that the page shows? Missions, journal, briefing, costs, conflicts; hostile words too."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from orchestrator.core.ports.usage import Spend, UsageTotals
from orchestrator.workflow.continuity.month_measures import MonthMeasure
from orchestrator.workflow.spending.page_table import render_table

HOSTILE_TITLE = "<img src=x onerror=alert(1)> \u202egnp.exe\u202c \x1b[31mred\x1b[0m javascript:alert(1)"
HOSTILE_BODY = (
    f"---\nto: attic\n---\n# {HOSTILE_TITLE}\n\n<svg onload=alert(1)> [click](javascript:alert(1)) "
    "![x](data:text/html,<script>alert(1)</script>)\n"
)
HOSTILE_WORDS = "<img src=x onerror=alert(1)> \u202egnp.exe\u202c"
CHANGE = (
    "printf 'def leeway():\\n    return 10\\n' > token.py; echo '<img src=x onerror=alert(1)>' > page.html; "
    "printf 'a\\342\\200\\256b\\n' > bidi.txt"
)
"""What the mission that waits has done."""
MISSIONS = {  # for a node that there is not: a test that has the desk work leaves them as they are
    "missions/nightly-check.md": "---\npriority: 2\nproject: shop\nto: attic\n---\n# Nightly dependency check"
    "\n\nLook for updates.\n",
    "missions/a-typo.md": "---\npriority: high\n---\n# Import the 2019 invoices\n\nImport them.\n",
    "missions/hostile.md": HOSTILE_BODY,
}
ENTRY = """## 2026-11-20T10:00:00Z · desk · claude · fix-the-limit

### Work Accomplished

The limit of a parcel is inclusive: **1000 g** cost 4.99. <img src=x onerror=alert(1)> [press](javascript:alert(1))
![x](data:text/html,<script>alert(1)</script>) \u202egnp.exe\u202c

```sh
sh test.sh
```

### Lessons

Run `sh test.sh` before every change of price.sh.
"""
BRIEFING = """# Session briefing

## Standing rules

- Say plainly what you do not know.

## Open

- The table of prices is checked by hand ([fix-the-limit-1])
"""
HEARTBEAT = """# Heartbeat

## Every beat
- broken missions
- dsik below 5 GB

## Daily at 07:30
- results waiting longer than 2 days
"""
DISPUTE = """---
mission: {mission}
part: {part}
---
Kept:

```text
{kept}
```

Not kept:

```text
{lost}
```
"""


def spent(node: str) -> str:
    """The table of a node's page: nine days, two models, one of a hostile name."""
    today = datetime.now(UTC).date()
    rows = [
        Spend(
            day=today - timedelta(days=ago),
            node=node,
            project="shop",
            agent="claude",
            model=model,
            totals=UsageTotals(
                runs=2, tokens_in=9000, tokens_out=700, tokens_cached=100, seconds=9, cost_usd=usd, unpriced=0
            ),
        )
        for ago in range(9)
        for model, usd in (("opus", 1.0 + ago % 3), ("<b>x</b>\u202e", 0.25))
    ]
    return render_table(rows)


def lived_in(rules: str, page: str, log: str) -> dict[str, str | bytes | None]:
    """The files of a fleet that has worked for a while, made of its rules, its one node's page and its journal."""
    one = DISPUTE.format(mission="nightly-check", part="priority", kept="2", lost="4")
    two = DISPUTE.format(mission="nightly-check", part="title", kept=HOSTILE_WORDS, lost="Import the invoices of 2019")
    return {
        **MISSIONS,
        "fleet.toml": f'{rules}\n[budget]\nday_usd = 20.0\n\n[tools]\nask = ["write"]\n',
        "HEARTBEAT.md": HEARTBEAT,
        "heartbeats/desk.md": f"{page}\n{spent('desk')}",
        "heartbeats/vps.md": f"{page.replace('desk', 'vps')}\n{spent('vps')}",
        "continuity/2026-09.md": f"| {MonthMeasure.ACCEPTED} | 9 | 12 | 75% | 47% to 91%, few |\n",
        "continuity/2026-10.md": f"| {MonthMeasure.ACCEPTED} | 38 | 40 | 95% | 83% to 99% |\n",
        "conflicts/2026-11/nightly-check-00000000.md": one,
        "conflicts/2026-11/nightly-check-00000001.md": two,
        "projects/shop/SESSION_LOG.md": f"{log.rstrip()}\n\n{ENTRY}",
        "projects/shop/SESSION_BRIEFING.md": BRIEFING,
    }
