"""Does a record stand in a commit as it always did?"""

from __future__ import annotations

from missions.approval import ChangeFacts
from orchestrator.ledger.result_record import ResultRecord

FACTS = ChangeFacts(
    files=("a.py", "b.sh"),
    added=3,
    removed=1,
    binaries=(),
    modes=("b.sh",),
    executables=("b.sh",),
    links=(),
    cost_usd=0.25,
    tested=True,
    denials=("egress to example.com",),
    commit="c" * 40,
    base="d" * 40,
)
RECORD = ResultRecord(
    mission="m",
    epoch=2,
    fields={"finished": "2026-11-21T12:05:00Z", "cost_usd": 0.25, "branch": None, "chosen_agent": "claude"},
    finished="2026-11-21T12:05:00Z",
    section="### Attempt\n",
    entry="",
    log_path="projects/shop/SESSION_LOG.md",
    artifacts={"diff": "+x\n"},
    facts=FACTS,
    proposals={"part": "do a part\n"},
)
WRITTEN = f"""\
{{
 "epoch": 2,
 "facts": {{
  "added": 3,
  "base": "{"d" * 40}",
  "binaries": [],
  "commit": "{"c" * 40}",
  "cost_usd": 0.25,
  "denials": [
   "egress to example.com"
  ],
  "executables": [
   "b.sh"
  ],
  "files": [
   "a.py",
   "b.sh"
  ],
  "links": [],
  "modes": [
   "b.sh"
  ],
  "removed": 1,
  "tested": true
 }},
 "fields": {{
  "branch": null,
  "chosen_agent": "claude",
  "cost_usd": 0.25,
  "finished": "2026-11-21T12:05:00Z"
 }},
 "finished": "2026-11-21T12:05:00Z",
 "log_path": "projects/shop/SESSION_LOG.md",
 "memo_path": "",
 "mission": "m"
}}
"""


def test_a_record_is_written_as_before() -> None:
    """Byte for byte: older nodes fold what newer ones hand back."""
    assert {path: (data or b"").decode() for path, data in RECORD.files().items()} == {
        "record.json": WRITTEN,
        "section.md": "### Attempt\n",
        "artifacts/diff": "+x\n",
        "proposals/part": "do a part\n",
    }
