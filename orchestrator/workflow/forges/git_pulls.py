"""How does a commit become a pull request by a push alone, where no token for the forge's API is wanted?

Forgejo and Gitea make one of a push to `refs/for/BRANCH` (AGit), and keep to one for each topic; GitLab makes one of a
branch that is pushed with options, and keeps to one for each branch. Which one it is git itself tells: forges show each
under a ref with its number. What the server says beside the push is read for that number alone.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from urllib.parse import urlsplit

from orchestrator.core.errors import Refused, WorkspaceFailed
from orchestrator.core.ports.forge import ForgeRepository, PullWanted
from orchestrator.ledger.config.forge_place import web_page
from orchestrator.workflow.approval.delivery_words import is_unanswered, push_refusal
from orchestrator.workflow.approval.project_repository import DeliveryOrder, ProjectRepository
from sync.errors import GitError

SHOWN = {"forgejo": "refs/pull/{}/head", "gitlab": "refs/merge-requests/{}/head"}
"""The ref that shows a pull request's commit, by its number."""
PAGES = {"forgejo": "pulls", "gitlab": "-/merge_requests"}
MAX_SAID_CHARS, MAX_ADDRESSES = 64 * 1024, 20
_ADDRESS = re.compile(r"https?://[^\s<>\"'`\\]{1,500}")


@dataclass(frozen=True, kw_only=True)
class PushedPull:
    """A pull request that a push made: the commit that it shows, and its page. Without `found` nothing tells which it
    is, and the page is the list."""

    head: str
    url: str
    found: bool


@dataclass(frozen=True)
class GitPulls:
    """Pull requests of one project, by pushes to its forge."""

    place: ForgeRepository

    def bring(self, repository: ProjectRepository, order: DeliveryOrder, wanted: PullWanted, *, was: str) -> PushedPull:
        """Has the one pull request of a mission show its commit, or a child of it with the same files.

        `was` is what it showed last, empty while there is none. Raises Refused where the server says no,
        WorkspaceFailed where it says nothing, and GitError.
        """
        said: list[str] = []
        if self.place.kind == "gitlab":
            head = repository.publish_pull(order, was, options=_gitlab_options(wanted), heard=said.append)
        elif wanted.number and repository.server.tip(repository.folder, wanted.head):
            head = repository.publish_pull(order, was)  # one of a branch, which the API opened
        else:
            head = self._proposed(repository, order, wanted, was, said)
        number = self._shown(repository, head) or told_number("".join(said)[:MAX_SAID_CHARS], self.place)
        pages = f"{web_page(self.place)}/{PAGES[self.place.kind]}"
        return PushedPull(head=head, url=f"{pages}/{number}" if number else pages, found=number > 0)

    def _shown(self, repository: ProjectRepository, commit: str) -> int:
        """The first pull request that shows this commit; 0 where none does."""
        shown = repository.server.tips(repository.folder, SHOWN[self.place.kind].format("*"))
        numbers = (ref.split("/")[2] for ref, oid in shown.items() if oid == commit)
        return min((int(each) for each in numbers if each.isascii() and each.isdigit() and len(each) < 10), default=0)

    def _proposed(
        self, repository: ProjectRepository, order: DeliveryOrder, wanted: PullWanted, was: str, said: list[str]
    ) -> str:
        """What the pull request of the topic shows by now. Looked up first: a server refuses the same commit twice."""
        number = wanted.number or self._shown(repository, was or order.commit)
        there = repository.take_shown(SHOWN["forgejo"].format(number)) if number else ""
        if there and repository.brings(there, order.commit):
            return there
        if there and there != was:
            raise Refused(f"somebody else has pushed {there[:10]} to pull request {number}, which is left alone")
        made = repository.on_top(order, there) if there else order.commit
        target = f"refs/for/{repository.project.branch}"
        try:
            said.append(repository.server.push_to(repository.folder, made, target, options=_agit_options(wanted)))
        except GitError as error:
            if not self._shown(repository, made):  # else it was done, and the answer is what was lost
                raise _refusal(error, repository, order) from error
        return made


def told_number(said: str, place: ForgeRepository) -> int:
    """The number of the project's pull request in what its server said beside a push; 0 where it names none there."""
    page = urlsplit(web_page(place))
    path = re.compile(rf"{re.escape(page.path)}/{PAGES[place.kind]}/([1-9]\d{{0,8}})", re.IGNORECASE)
    for address in _ADDRESS.findall(said)[:MAX_ADDRESSES]:
        try:
            parts = urlsplit(address)
        except ValueError:  # such as `http://[`
            continue
        found = path.fullmatch(parts.path)
        if found and (parts.hostname or "") == page.hostname:
            return int(found[1])
    return 0


def _agit_options(wanted: PullWanted) -> tuple[str, ...]:
    """The topic is what the server knows the pull request by; of one that is there it changes the commit alone."""
    return (f"topic={wanted.head}", f"title={wanted.title}", f"description={wanted.body}")


def _gitlab_options(wanted: PullWanted) -> tuple[str, ...]:
    about = {"target": wanted.base, "title": wanted.title, "description": wanted.body}
    return ("merge_request.create", *(f"merge_request.{name}={value}" for name, value in about.items()))


def _refusal(error: GitError, repository: ProjectRepository, order: DeliveryOrder) -> Refused | WorkspaceFailed:
    """What a push that failed says: nobody's refusal where the server said nothing."""
    said, project = error.stderr.strip() or str(error), repository.project
    if is_unanswered(said):
        return WorkspaceFailed(f"project {project.name}: its server does not answer")
    words = push_refusal(said, url=project.url, target=project.branch, branch=order.branch, mission=order.mission)
    return Refused(f"the project's server makes no pull request of it: {words}")
