"""How does an approved result become the one pull request of its mission, and what ends it?

The decision stands on the ledger first, then the branch on the server, then the pull request on the forge, then its
address on the ledger: whoever is stopped in between finds what is there by the branch and its commit. Merged or closed
ends the mission; what is red, in conflict, or said by whom fleet.toml names queues it again, for the same agent.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime

from handoff.secrets.excerpts import redacted_excerpt
from handoff.secrets.redact import redact
from missions import document
from missions.archive_path import archived_files
from missions.frontmatter import Scalar
from missions.mission import MAX_FEEDBACK_CHARS, Mission, Status
from missions.one_line import printable
from missions.result_section import attempt_sections
from orchestrator.core.errors import Refused
from orchestrator.core.ports.forge import Forge, ForgeFailed, PullRequest, PullWanted
from orchestrator.ledger.config.forge_place import repository_on_forge
from orchestrator.ledger.publish import LedgerChange, commit_change
from orchestrator.ledger.result_record import decode_text, encode_text
from orchestrator.ledger.snapshot import LedgerSnapshot, MissionFile
from orchestrator.policy.forge_feedback import NEEDS_YOU, Feedback, conflict_mark, feedback_on, with_marks
from orchestrator.policy.verdict import CLEARED_DECISION, MAX_REASON_CHARS, VERDICT_ENDING, pending_delivery
from orchestrator.workflow.approval.delivery import BranchDelivery
from orchestrator.workflow.approval.project_repository import pull_branch
from orchestrator.workflow.forges.git_pulls import GitPulls
from orchestrator.workflow.forges.pull_words import PullEvidence, pull_body, pull_line, pull_title
from orchestrator.workflow.kept_evidence import read_evidence

LASTING = frozenset({301, 302, 307, 308, 401, 403, 404, 405, 410, 422, 423})
"""Answers of a forge that are the same again until a person has done something."""
NOTHING_TO_OPEN = frozenset({404, 409, 422})
"""What forges answer where a branch brings nothing that the other lacks."""
CHECKS_PATIENCE_SECONDS = 900.0
"""Seconds after which red checks go back although others still run, or say that they do."""


@dataclass(frozen=True, kw_only=True)
class PullStep:
    """What was done for one mission: its words for the shift's log; `again` where an attempt follows."""

    mission: str
    says: str
    again: bool = False


@dataclass(kw_only=True)
class PullDelivery:
    """Carries pull requests on. `forge` makes the adapter of a project, None where this machine has no token for it."""

    delivery: BranchDelivery
    forge: Callable[[LedgerSnapshot, str], Forge | None]
    clock: Callable[[], float]
    by_git_alone: bool = False
    """Whether this machine has no token for any forge: then what goes by git is all that it does."""
    _red_since: dict[tuple[str, str], float] = field(default_factory=dict)
    """By mission and commit: since when something is red while other checks run."""

    def due(self, ledger: LedgerSnapshot) -> list[MissionFile]:
        """Missions whose pull request has to be opened or looked at, but for those that run."""
        found = (filed for filed in ledger.open.values() if filed.mission.name not in ledger.claims)
        due = [filed for filed in found if _is_due(ledger, filed.mission)]
        return [filed for filed in due if not self.by_git_alone or _is_by_git(ledger, filed.mission)]

    def step(self, name: str) -> PullStep | None:
        """Does what is due for one mission; None where nothing is.

        Raises ForgeFailed, WorkspaceFailed and what the ledger's remote raises: it stays due then.
        """
        ledger = self.ledger()
        filed = next((each for each in self.due(ledger) if each.mission.name == name), None)
        if filed is None:
            return None
        by_git = _is_by_git(ledger, filed.mission)
        forge = None if by_git else self.forge(ledger, str(filed.mission.about))
        if forge is None and not by_git:
            return None
        try:
            if forge is None:
                return self._by_git(ledger, filed)
            if is_changing(filed.mission):
                return self._changing(filed, forge)
            said = self.delivery.decided_by(ledger, filed)
            return self._carry_on(ledger, filed, forge, str(said["decided_by"]))
        except Refused as error:
            return self._back_to_review(filed, str(error))
        except ForgeFailed as error:
            if error.status in LASTING and error.seconds is None:
                self._needs_you(filed, str(error))
            raise

    def _changing(self, filed: MissionFile, forge: Forge) -> PullStep | None:
        """Ends a mission that is to be attempted again for a pull request that is over. Raises Refused.

        A result that waits in review is a person's to judge: they are told.
        """
        pull = own_of(filed.mission, forge.read(pull_number(filed.mission)))
        if pull.state == "open":
            return None
        return self._missed(filed, pull) if filed.mission.status is Status.REVIEW else self._ended(filed, pull)

    def _carry_on(self, ledger: LedgerSnapshot, filed: MissionFile, forge: Forge, by: str) -> PullStep | None:
        """What is due for an approved mission. Raises Refused for what a person must look at again."""
        mission = filed.mission
        if not mission.pull_request:
            return self._publish(ledger, filed, forge, by)
        pull = own_of(mission, forge.read(pull_number(mission)))
        if pull.state == "open":
            watches = mission.pull_state == "open"
            return self._watch(ledger, filed, forge, pull, by) if watches else self._publish(ledger, filed, forge, by)
        if mission.pull_state == "changing":
            return self._missed(filed, pull)
        return self._ended(filed, pull)

    def ledger(self) -> LedgerSnapshot:
        """The ledger as it is now. Raises what its remote raises."""
        return self.delivery.reader.read(self.delivery.bus.remote.fetch())

    # -- opening, and bringing a later attempt ---------------------------------------------------------------------

    def _publish(self, ledger: LedgerSnapshot, filed: MissionFile, forge: Forge, by: str) -> PullStep | None:
        mission = filed.mission
        head, merged = self._pushed(ledger, filed, by)
        try:
            pull = forge.pull_request(self._wanted(ledger, filed, head, by))
        except ForgeFailed as error:
            if not merged or mission.pull_request or error.status not in NOTHING_TO_OPEN:
                raise
            return self._merged_without(filed, merged)
        return self._opened(filed, pull.url, head)

    def _opened(self, filed: MissionFile, url: str, head: str) -> PullStep | None:
        facts: dict[str, Scalar] = {"pull_request": url, "pull_head": head, "pull_state": "open", "reason": None}
        opened = "opened" if filed.mission.pull_request is None else "has the newest attempt"
        if not self._recorded(filed, facts, f"Pull request {opened}: {url}"):
            return None
        return PullStep(mission=filed.mission.name, says=f"pull request {opened}: {url}")

    def _pushed(self, ledger: LedgerSnapshot, filed: MissionFile, by: str) -> tuple[str, str]:
        """The tip of the pull request's branch, which brings exactly what was looked at; and the commit that brought
        it into the default branch, where somebody was faster than this.
        """
        with self.delivery.opened(ledger, filed, by) as (repository, order):
            merged = repository.merged(order.commit)
            if not merged:
                order = self.delivery.require_reviewed(ledger, filed, repository, order)
            return repository.publish_pull(order, filed.mission.pull_head or ""), merged

    def _wanted(self, ledger: LedgerSnapshot, filed: MissionFile, head: str, by: str) -> PullWanted:
        mission, facts = filed.mission, self.delivery.reported_facts(ledger, filed)
        sections = attempt_sections(ledger.text(filed.path))
        verdict = f"{mission.name}.{mission.attempt}.{VERDICT_ENDING}"
        evidence = PullEvidence(
            facts=facts,
            section=sections[0] if sections else "",
            told=ledger.tip,
            verdict=verdict,
            by=by,
            files=tuple(one.path for one in read_evidence(ledger, mission).files),
        )
        return PullWanted(
            head=pull_branch(mission.name),
            base=ledger.charter.projects[str(mission.about)].branch,
            commit=head,
            title=redact(pull_title(mission)).text,
            body=redact((pull_line if _is_by_git(ledger, mission) else pull_body)(mission, evidence)).text,
            number=pull_number(mission) if mission.pull_request else None,
        )

    # -- by git alone ----------------------------------------------------------------------------------------------

    def _by_git(self, ledger: LedgerSnapshot, filed: MissionFile) -> PullStep | None:
        """Pushes what is to become a pull request, or looks whether it was merged. Raises Refused."""
        mission = filed.mission
        if mission.status is not Status.DONE:
            return None  # its next attempt is still to come
        by, part = (
            str(self.delivery.decided_by(ledger, filed)["decided_by"]),
            ledger.charter.projects[str(mission.about)],
        )
        opens = mission.pull_state != "open"
        with self.delivery.opened(ledger, filed, by) as (repository, order):
            landed = repository.merged(order.commit) if opens else repository.landed(mission.pull_head or order.commit)
            if landed:
                return self._merged_without(filed, landed) if opens else self._landed(filed, landed)
            if not opens:
                return None
            order = self.delivery.require_reviewed(ledger, filed, repository, order)
            place = repository_on_forge(part.forge or "forgejo", part.forge_url or part.url)
            wanted = self._wanted(ledger, filed, order.commit, by)
            pull = GitPulls(place).bring(repository, order, wanted, was=mission.pull_head or "")
        if not pull.found and mission.pull_request is None:
            return self._needs_you(
                filed, f"it was pushed, and no pull request of it is seen at {pull.url}: open one there"
            )
        return self._opened(filed, mission.pull_request or pull.url, pull.head)

    def _landed(self, filed: MissionFile, commit: str) -> PullStep | None:
        """Git has it on the default branch, merged, squashed or rebased."""
        fields: dict[str, Scalar] = {"pull_state": "merged", "merged": commit, "reason": None}
        words = f"Pull request merged as `{commit}`"
        done = self._recorded(filed, fields, words, archive=True)
        return PullStep(mission=filed.mission.name, says=words.replace("`", "")) if done else None

    # -- watching --------------------------------------------------------------------------------------------------

    def _watch(
        self, ledger: LedgerSnapshot, filed: MissionFile, forge: Forge, pull: PullRequest, by: str
    ) -> PullStep | None:
        mission = filed.mission
        if pull.commit != mission.pull_head:
            words = f"somebody has pushed {pull.commit[:10]} to {pull.head}, so that nothing more is brought there"
            return self._needs_you(filed, words)
        part = ledger.charter.projects[str(mission.about)]
        comments = forge.comments(pull.number) if part.forge_people else ()
        if pull.conflicts and conflict_mark(pull) not in (mission.feedback_seen or ""):
            pull = replace(pull, conflicts=self._conflicts(ledger, filed, pull, by))
        found = feedback_on(
            replace(pull, checks=tuple(replace(each, says=redact(each.says).text) for each in pull.checks)),
            [replace(each, body=redact(each.body).text) for each in comments],
            people=part.forge_people,
            seen=frozenset((mission.feedback_seen or "").split()),
            rounds=mission.feedback_rounds,
            max_rounds=part.forge_rounds,
            pushed=mission.pull_head or "",
            whole=self._has_waited(mission, pull),
        )
        if found is not None:
            return self._taken_in(filed, found)
        if (mission.reason or "").startswith(NEEDS_YOU):
            self._recorded(filed, {"reason": None}, "Needs you no longer")
        return None

    def _conflicts(self, ledger: LedgerSnapshot, filed: MissionFile, pull: PullRequest, by: str) -> bool | None:
        """Whether git finds the conflict, too: a forge says the same of what it has not looked into yet, or failed to.

        None where it cannot be told from here.
        """
        if pull.base != ledger.charter.projects[str(filed.mission.about)].branch:
            return None
        with self.delivery.opened(ledger, filed, by) as (repository, _):
            return repository.conflicts(pull.head, pull.commit)

    def _has_waited(self, mission: Mission, pull: PullRequest) -> bool:
        """Whether red checks were given time for the others to end."""
        key = (mission.name, pull.commit)
        if not any(each.state == "red" for each in pull.checks):
            self._red_since.pop(key, None)
            return True
        self._red_since = {each: at for each, at in self._red_since.items() if each[0] != key[0] or each == key}
        since = self._red_since.setdefault(key, self.clock())
        return self.clock() - since >= CHECKS_PATIENCE_SECONDS

    def _taken_in(self, filed: MissionFile, found: Feedback) -> PullStep | None:
        mission = filed.mission
        if found.stop:
            return self._needs_you(filed, found.stop)
        text = redacted_excerpt(found.text.replace(document.RESULT_MARK, "").replace("\0", ""), MAX_FEEDBACK_CHARS)
        fields: dict[str, Scalar] = {
            **CLEARED_DECISION,
            "status": Status.QUEUED.value,
            "reason": None,
            "retry_at": None,
            "pull_state": "changing",
            "feedback": text,
            "feedback_rounds": mission.feedback_rounds + 1,
            "feedback_seen": with_marks(mission.feedback_seen, found.marks),
        }
        words = f"Sent back from its pull request, round {mission.feedback_rounds + 1}\n\n{quoted(text)}"
        if not self._recorded(filed, fields, words):
            return None
        return PullStep(mission=mission.name, says="queued again for what came back from its pull request", again=True)

    # -- the ledger's side -----------------------------------------------------------------------------------------

    def _needs_you(self, filed: MissionFile, why: str) -> PullStep | None:
        """Tells a person, once, what nothing here can mend."""
        reason = redact(printable(NEEDS_YOU + why)).text[:MAX_REASON_CHARS]
        name = filed.mission.name
        if filed.mission.reason == reason or not self._recorded(filed, {"reason": reason}, f"Waits for you: {reason}"):
            return None
        return PullStep(mission=name, says=reason)

    def _merged_without(self, filed: MissionFile, merged: str) -> PullStep | None:
        """Somebody merged its branch by hand before there was a pull request: the forge sees nothing to open."""
        fields: dict[str, Scalar] = {"merged": merged, "reason": None}
        words = f"Merged without a pull request as `{merged}`"
        done = self._recorded(filed, fields, words, archive=True)
        return PullStep(mission=filed.mission.name, says=words.replace("`", "")) if done else None

    def _missed(self, filed: MissionFile, pull: PullRequest) -> PullStep | None:
        """It ended before a later result that was approved came to it, which is not lost: a person decides again."""
        name, how = filed.mission.name, "merged" if pull.state == "merged" else "closed"
        why = (
            f"its pull request {printable(pull.url)} was {how} without this attempt: `shiftbook mission approve {name}`"
            f" opens another one with it, `shiftbook mission cancel {name}` leaves it at that"
        )
        return self._back_to_review(filed, why, pull_request=None, pull_state=None)

    def _ended(self, filed: MissionFile, pull: PullRequest) -> PullStep | None:
        fields: dict[str, Scalar] = {"pull_state": pull.state, "reason": None}
        words = "Pull request closed without a merge"
        if pull.state == "merged":
            fields |= {"status": Status.DONE.value, "merged": pull.merged_as or pull.commit}
            words = f"Pull request merged as `{pull.merged_as or pull.commit}`"
        else:
            fields |= {"status": Status.CANCELLED.value, "reason": "its pull request was closed without a merge"}
        done = self._recorded(filed, fields, words, archive=True)
        return PullStep(mission=filed.mission.name, says=words.replace("`", "")) if done else None

    def _back_to_review(self, filed: MissionFile, why: str, **more: Scalar) -> PullStep | None:
        fields = {
            **CLEARED_DECISION,
            **more,
            "status": Status.REVIEW.value,
            "reason": redacted_excerpt(why, MAX_REASON_CHARS),
        }
        done = self._recorded(filed, fields, f"Back in review: {printable(why)}")
        return PullStep(mission=filed.mission.name, says=f"back in review: {why}") if done else None

    def _recorded(self, was: MissionFile, facts: Mapping[str, Scalar], words: str, *, archive: bool = False) -> bool:
        """Writes it into the mission's file, unless somebody wrote something there first."""

        def draft(ledger: LedgerSnapshot) -> LedgerChange | None:
            filed = ledger.open.get(was.mission.name)
            if filed is None or filed.blob != was.blob or filed.mission.name in ledger.claims:
                return None
            head, _, rest = words.partition("\n")
            section = f"### {head} · {self.delivery.bus.now():%Y-%m-%d %H:%M} UTC{rest and chr(10)}{rest}"
            text = decode_text(ledger.store.get(filed.blob, document.MAX_FILE_BYTES))
            said = self._decision(ledger, filed) if archive else {}
            data = encode_text(document.append_result(document.with_fields(text, {**said, **facts}), section))
            if not isinstance(document.read(filed.path, data), Mission):  # a forge's words must not lose a mission
                raise Refused("the file of {} could not be read any more with that: {}", filed.mission.name, head)
            files: dict[str, bytes | None] = {filed.path: data}
            if archive:
                day = f"{filed.mission.finished or datetime.fromtimestamp(0, UTC):%Y/%m/%d}"
                files = {**archived_files(filed.mission.name, day, data), filed.path: None}
            return LedgerChange(files=files, message=f"{filed.mission.name}: {redacted_excerpt(head, 60)}")

        return commit_change(self.delivery.bus, self.delivery.reader, draft) is not None

    def _decision(self, ledger: LedgerSnapshot, filed: MissionFile) -> Mapping[str, Scalar]:
        """Who had decided, for a file that leaves: where a person wrote it by hand, their name is added."""
        try:
            return self.delivery.decided_by(ledger, filed)
        except Refused:
            return {}


def is_changing(mission: Mission) -> bool:
    """Whether it is attempted once more for its pull request, and nobody has approved what came of that."""
    return mission.status is not Status.DONE and mission.pull_state == "changing" and mission.pull_request is not None


def _is_due(ledger: LedgerSnapshot, mission: Mission) -> bool:
    known = mission.about in ledger.charter.projects
    return (known and is_changing(mission)) or pending_delivery(ledger.charter, mission) == "pull_request"


def _is_by_git(ledger: LedgerSnapshot, mission: Mission) -> bool:
    part = ledger.charter.projects.get(mission.about or "")
    return part is not None and part.forge_by == "git"


def pull_number(mission: Mission) -> int:
    """The number of a mission's pull request, from its address. Raises Refused for what is none."""
    word = (mission.pull_request or "").rstrip("/").rpartition("/")[2]
    if not word.isascii() or not word.isdigit() or len(word) > 12:
        raise Refused("{} has no address of a pull request: {!r}", mission.name, mission.pull_request)
    return int(word)


def own_of(mission: Mission, pull: PullRequest) -> PullRequest:
    """The same, if it is the mission's: a node that writes another one's address ends nothing. Raises Refused.

    One that is over may have lost its branch's name: Forgejo has its own ref in place of a branch that is gone.
    """
    over = pull.state != "open" and pull.head == f"refs/pull/{pull.number}/head"
    ours = pull.head == pull_branch(mission.name) or pull.commit == mission.pull_head or over
    if pull.foreign or not ours:
        raise Refused("{} is no pull request of {}: its branch is {}", pull.url, mission.name, pull.head)
    return pull


def quoted(text: str) -> str:
    """Somebody else's words in a mission's file, where none of them is a heading or a marker."""
    return "\n".join(f"> {line}" for line in text.splitlines())
