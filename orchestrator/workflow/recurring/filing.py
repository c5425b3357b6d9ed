"""The filing of templates' missions: what is due in this ledger now, and as which commit does it come in?

Filing is a compare-and-swap on the branch: whoever comes first files, and the others find it done. What was filed once
is not filed again, also where a person has deleted it: the branch's history tells.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime

from missions.mission import Status
from missions.recurring.template import Template, mission_name, parse_mission_name
from orchestrator.core.time_text import format_utc
from orchestrator.ledger.publish import LedgerChange
from orchestrator.ledger.snapshot import MISSIONS, LedgerSnapshot
from orchestrator.ledger.templates import TemplateReader, Templates, local_time
from orchestrator.policy.authorization import FILING_ROLES
from orchestrator.policy.due_missions import Signer
from orchestrator.policy.provenance import Provenance
from orchestrator.policy.template_missions import signed_since
from orchestrator.workflow.recurring.due import DueMissions, due_missions
from sync.remote import ObjectStore

STILL_TO_DO = frozenset({Status.QUEUED, Status.RUNNING, Status.FAILED, Status.PARKED})
"""An earlier mission in one of these is waited for. One that waits for a person's approval, or is dead, is not."""
MAX_REMEMBERED = 10_000


@dataclass(frozen=True, kw_only=True)
class DueTemplates:
    """What is due, by the template's name; and what keeps others from being followed, in words."""

    due: Mapping[str, DueMissions]
    problems: tuple[str, ...]

    @property
    def names(self) -> tuple[str, ...]:
        """The templates of which a mission has to be filed."""
        return tuple(name for name, each in self.due.items() if each.slots)

    def missions(self, name: str) -> list[str]:
        """What its missions are called that have to be filed."""
        return [mission_name(name, slot) for slot in self.due[name].slots]


@dataclass
class TemplateSchedule:
    """Looks at one ledger's templates; remembers what cannot change."""

    store: ObjectStore
    _reader: TemplateReader = field(init=False)
    _words: dict[str, tuple[str, datetime]] = field(default_factory=dict)
    """By template: who signed it, and since when; for one state of the folder and of the signers. Who judges a mission
    asks anew."""
    _words_of: tuple[Templates, str] = (Templates(), "")
    _filed: set[str] = field(default_factory=set)
    """Missions that were there once."""

    def __post_init__(self) -> None:
        self._reader = TemplateReader(self.store)

    def templates(self, ledger: LedgerSnapshot) -> Templates:
        """All that can be read."""
        return self._reader.read(ledger.tree)

    def look(self, ledger: LedgerSnapshot, now: datetime, signer: Signer) -> DueTemplates:
        """What is due now."""
        templates = self.templates(ledger)
        problems = [f"{bad.path}: {bad.reason}" for bad in templates.quarantined]
        due: dict[str, DueMissions] = {}
        for template in templates.recurring:
            who, since = self.signed(ledger, template, signer)
            if who:
                due[template.name] = self._due(ledger, template, since, now)
            else:
                problems.append(f"{template.path} was not signed by anybody who may file missions: it is not followed")
        return DueTemplates(due=due, problems=tuple(problems))

    def change(self, ledger: LedgerSnapshot, found: DueTemplates) -> LedgerChange | None:
        """All that a look at this ledger found due, as one commit; None where nothing is."""
        files, lines = dict[str, bytes | None](), list[str]()
        for name in found.names:
            template = self.templates(ledger).known[name]
            for slot in found.due[name].slots:
                mission = mission_name(name, slot)
                files[f"{MISSIONS}/{mission}.md"] = template.scheduled_text(local_time(template, slot)).encode()
                lines.append(mission)
            lines += [f"{name}: missed {format_utc(slot)}" for slot in found.due[name].missed]
        if not files:
            return None
        first = lines[0] if len(files) == 1 else f"{len(files)} missions of templates"
        return LedgerChange(files=files, message="\n\n".join([f"Mission: {first}", "\n".join(lines)]))

    def signed(self, ledger: LedgerSnapshot, template: Template, signer: Signer) -> tuple[str, datetime]:
        """On whose word a template counts, empty if on nobody's, and since when."""
        state = (self.templates(ledger), ledger.signers)
        if self._words_of[0] is not state[0] or self._words_of[1] != state[1]:
            self._words, self._words_of = {}, state
        if template.name not in self._words:
            self._words[template.name] = self._find_word(ledger, template.path, signer)
        return self._words[template.name]

    def _find_word(self, ledger: LedgerSnapshot, path: str, signer: Signer) -> tuple[str, datetime]:
        since = signed_since(ledger.store, ledger.tip, path)
        if ledger.charter.trust.missions == "remote":
            return "whoever may push", since
        signers = [signer(commit) for commit in Provenance(ledger.store, ledger.tip, path).deciding()]
        return next((each.name for each in signers if each and each.roles & FILING_ROLES), ""), since

    def _due(self, ledger: LedgerSnapshot, template: Template, since: datetime, now: datetime) -> DueMissions:
        busy = any(
            filed.mission.status in STILL_TO_DO and _is_of(template, name) for name, filed in ledger.open.items()
        )
        return due_missions(template, since, now, is_filed=self._filing_known(ledger, template), busy=busy)

    def _filing_known(self, ledger: LedgerSnapshot, template: Template) -> Callable[[datetime], bool]:
        def is_filed(slot: datetime) -> bool:
            name = mission_name(template.name, slot)
            if name not in self._filed and _was_there(ledger, name):
                if len(self._filed) >= MAX_REMEMBERED:
                    self._filed.clear()
                self._filed.add(name)
            return name in self._filed

        return is_filed


def _is_of(template: Template, name: str) -> bool:
    found = parse_mission_name(name)
    return found is not None and found[0] == template.name


def _was_there(ledger: LedgerSnapshot, name: str) -> bool:
    """Whether a mission is there, or was: asked of the history only where nothing else tells."""
    if name in ledger.open or name in ledger.claims or ledger.archived(name) is not None:
        return True
    return next(iter(ledger.store.history(ledger.tip, f"{MISSIONS}/{name}.md")), None) is not None
