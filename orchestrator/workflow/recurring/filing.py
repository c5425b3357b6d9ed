"""The filing of templates' missions: what is due in this ledger now, and as which commit does it come in?

Filing is a compare-and-swap on the branch: whoever comes first files, and the others find it done. What was filed once
is not filed again, also where a person has deleted it: the branch's history tells.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from functools import partial

from missions.mission import Status
from missions.recurring.template import Template, mission_name, parse_mission_name
from orchestrator.core.time_text import format_utc
from orchestrator.ledger.publish import LedgerChange
from orchestrator.ledger.snapshot import MISSIONS, LedgerSnapshot, MissionFile
from orchestrator.ledger.templates import TemplateReader, Templates, local_time, unknown_project
from orchestrator.policy.authorization import FILING_ROLES, Trust
from orchestrator.policy.due_missions import Signer
from orchestrator.policy.provenance import Provenance
from orchestrator.policy.template_missions import signed_since, unfit_reason
from orchestrator.workflow.recurring.due import DueMissions, due_missions
from sync.remote import ObjectStore, Oid

STILL_TO_DO = frozenset({Status.QUEUED, Status.RUNNING, Status.FAILED, Status.PARKED})
"""An earlier mission in one of these is waited for. One that waits for a person's approval, or is dead, is not."""
MAX_REMEMBERED, MAX_TOLD = 10_000, 3


@dataclass(frozen=True, kw_only=True)
class DueTemplates:
    """What is due, by the template's name; and what keeps others from being followed, in words."""

    due: Mapping[str, DueMissions]
    problems: tuple[str, ...]
    templates: Templates

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
    _words_of: tuple[Templates, str, str] = (Templates(), "", "")
    _filed: set[str] = field(default_factory=set)
    """Missions that were there once."""
    _absent: dict[str, Oid] = field(default_factory=dict)
    """Missions that never were up to a commit."""

    def __post_init__(self) -> None:
        self._reader = TemplateReader(self.store)

    def templates(self, ledger: LedgerSnapshot) -> Templates:
        """All that can be read."""
        return self._reader.read(ledger.tree)

    def look(self, ledger: LedgerSnapshot, now: datetime, trust: Trust) -> DueTemplates:
        """What is due now, and may run once it is filed."""
        templates, runs = self.templates(ledger), _open_runs(ledger)
        problems = [f"{bad.path}: {bad.reason}" for bad in templates.quarantined]
        due: dict[str, DueMissions] = {}
        for template in templates.recurring:
            who, since = self.signed(ledger, template, partial(trust.signer, ledger))
            if who and not unknown_project(template, ledger.charter.projects):
                trusted, strange = _sorted_by_trust(ledger, trust, runs.get(template.name, []))
                found = self._due(ledger, template, since, now, busy=bool(trusted))
                why = self._unfit_reason(ledger, template, found, since, now, trust)
                due[template.name] = DueMissions() if why else found
                problems += [*strange, *([f"{template.path} is due, and nothing is filed: {why}"] if why else [])]
            else:
                nobody = f"{template.path} was not signed by anybody who may file missions: it is not followed"
                problems.append(unknown_project(template, ledger.charter.projects) if who else nobody)
        return DueTemplates(due=due, problems=tuple(problems), templates=templates)

    def _unfit_reason(
        self,
        ledger: LedgerSnapshot,
        template: Template,
        found: DueMissions,
        since: datetime,
        now: datetime,
        trust: Trust,
    ) -> str:
        """Why nobody would run what is due if it was filed now: asked before it is."""
        if ledger.charter.trust.missions == "remote":
            return ""
        signer, second = partial(trust.signer, ledger), int(now.timestamp())
        asked = (unfit_reason(ledger, ledger.tip, template, slot, second, since, signer) for slot in found.slots)
        return next(filter(None, asked), "")

    def change(self, ledger: LedgerSnapshot, found: DueTemplates) -> LedgerChange | None:
        """All that a look at this ledger found due, as one commit; None where nothing is."""
        files, lines = dict[str, bytes | None](), list[str]()
        for name in found.names:
            template = found.templates.known[name]
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
        state = (self.templates(ledger), ledger.signers, ledger.charter.trust.missions)
        if self._words_of[0] is not state[0] or self._words_of[1:] != state[1:]:
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

    def _due(
        self, ledger: LedgerSnapshot, template: Template, since: datetime, now: datetime, *, busy: bool
    ) -> DueMissions:
        def is_filed(slot: datetime) -> bool:
            return self._was_filed(ledger, mission_name(template.name, slot))

        return due_missions(template, since, now, is_filed=is_filed, busy=busy)

    def _was_filed(self, ledger: LedgerSnapshot, name: str) -> bool:
        """Whether a mission is there, or was: asked of the history only where nothing else tells, and for what came
        since it was asked last."""
        if name in self._filed or self._absent.get(name) == ledger.tip:
            return name in self._filed
        known = self._filed if _was_there(ledger, name, self._absent.pop(name, None)) else self._absent
        if len(known) >= MAX_REMEMBERED:
            known.clear()
        if known is self._filed:
            self._filed.add(name)
        else:
            self._absent[name] = ledger.tip
        return name in self._filed


def _open_runs(ledger: LedgerSnapshot) -> dict[str, list[MissionFile]]:
    """The missions still to be done that are called like a template's, by its name."""
    found: dict[str, list[MissionFile]] = {}
    for name, filed in ledger.open.items():
        named = parse_mission_name(name) if filed.mission.status in STILL_TO_DO else None
        if named is not None:
            found.setdefault(named[0], []).append(filed)
    return found


def _sorted_by_trust(
    ledger: LedgerSnapshot, trust: Trust, runs: list[MissionFile]
) -> tuple[list[MissionFile], list[str]]:
    """Those that will run, which are waited for; and in words the others, which somebody may have put there to be."""
    words = [(filed, trust.authorize(ledger, filed)) for filed in runs]
    strange = [
        f"{filed.path} is called like a mission of a template and may not run ({word.why}): it is not waited for"
        for filed, word in words
        if not word.trusted
    ]
    more = f"{len(strange) - MAX_TOLD} more missions like {strange[0]}" if len(strange) > MAX_TOLD else ""
    return [filed for filed, word in words if word.trusted], [*strange[:MAX_TOLD], *([more] if more else [])]


def _was_there(ledger: LedgerSnapshot, name: str, since: Oid | None) -> bool:
    if name in ledger.open or name in ledger.claims or ledger.archived(name) is not None:
        return True
    return next(iter(ledger.store.history(ledger.tip, f"{MISSIONS}/{name}.md", since=since)), None) is not None
