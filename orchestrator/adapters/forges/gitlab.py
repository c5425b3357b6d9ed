"""GitLab as a forge: its REST API v4. A pull request is a merge request there, and its number the `iid`."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any
from urllib.parse import quote

from orchestrator.adapters.forges.forge_http import ForgeHttp, Params
from orchestrator.adapters.forges.forge_pages import PageRule, listed
from orchestrator.adapters.forges.forge_reading import (
    commit,
    flag,
    line,
    names,
    number,
    part,
    person,
    rows,
    text,
    web_address,
)
from orchestrator.adapters.forges.once import keep_comment, keep_pull
from orchestrator.core.ports.forge import (
    CheckState,
    ForgeCheck,
    ForgeComment,
    ForgeFailed,
    ForgeIssue,
    ForgeRepository,
    ForgeRights,
    IssuePage,
    IssueSearch,
    PullRequest,
    PullState,
    PullWanted,
)

PAGES = PageRule(size=100, most=10)
STATES: Mapping[str, PullState] = {"opened": "open", "locked": "open", "merged": "merged"}
CHECK_STATES: Mapping[str, CheckState] = {
    "success": "green",
    "skipped": "green",
    "manual": "green",
    "failed": "red",
    "canceled": "red",
}
UNSETTLED = frozenset({"checking", "unchecked", "preparing", "approvals_syncing"})
"""What `detailed_merge_status` says while it does not know."""
DEVELOPER = 30
"""The access level from which on branches may be pushed."""
_BOT = re.compile(r"(project|group)_\d+_bot(_\w+)?")


def gitlab_headers(token: str) -> dict[str, str]:
    """What is sent with each request."""
    return {"PRIVATE-TOKEN": token} if token else {}


@dataclass(frozen=True, kw_only=True)
class GitLab:
    """ports.Forge."""

    http: ForgeHttp
    repository: ForgeRepository

    @property
    def _place(self) -> str:
        return f"/projects/{quote(self.repository.path, safe='')}"

    def pull_request(self, wanted: PullWanted) -> PullRequest:
        """Opens it, or finds it."""
        said = {"title": wanted.title, "description": wanted.body}
        body = {"source_branch": wanted.head, "target_branch": wanted.base, **said}
        place, http = f"{self._place}/merge_requests", self.http
        return keep_pull(
            wanted,
            at=lambda number: self._pull(http.get(f"{place}/{number}").data),
            candidates=lambda: self._pulls(wanted),
            make=lambda: self._pull(http.write("POST", place, body).data),
            edit=lambda number: self._pull(http.write("PUT", f"{place}/{number}", said).data),
        )

    def _pulls(self, wanted: PullWanted) -> Iterator[PullRequest]:
        asked: Params = {
            "source_branch": wanted.head,
            "target_branch": wanted.base,
            "state": "all",
            "per_page": PAGES.size,
        }
        return map(self._pull, rows(self.http.get(f"{self._place}/merge_requests", asked).data))

    def _pull(self, data: Any) -> PullRequest:
        found = part(data)
        state = STATES.get(line(found, "state"), "closed")
        known = line(found, "detailed_merge_status") not in UNSETTLED
        merged_as = commit(found, "merge_commit_sha") or commit(found, "squash_commit_sha") or commit(found, "sha")
        return PullRequest(
            number=number(found, "iid"),
            url=web_address(found, "web_url"),
            state=state,
            head=line(found, "source_branch"),
            commit=commit(found, "sha"),
            base=line(found, "target_branch"),
            title=text(found, "title"),
            body=text(found, "description"),
            merged_as=merged_as if state == "merged" else "",
            conflicts=flag(found, "has_conflicts") if known else None,
            foreign=found.get("source_project_id") is None
            or found.get("source_project_id") != found.get("target_project_id"),
        )

    def read(self, number: int) -> PullRequest:
        """How it stands."""
        found = self._pull(self.http.get(f"{self._place}/merge_requests/{number}").data)
        if found.state != "open":
            return found
        checks, known = self._checks(found.commit)
        return replace(found, checks=checks, checks_known=known)

    def _checks(self, sha: str) -> tuple[tuple[ForgeCheck, ...], bool]:
        """A commit's statuses: jobs of its pipelines, and what others said; the newest of each name."""
        route = f"{self._place}/repository/commits/{sha}/statuses"
        try:
            found = list(listed(self.http, route, PAGES, {"order_by": "id", "sort": "asc"}))
        except ForgeFailed as error:
            if not error.is_hidden:
                raise
            return (), False
        return tuple({line(each, "name"): _check(each) for each in found}.values()), True

    def comments(self, number: int) -> tuple[ForgeComment, ...]:
        """Notes that people wrote; what the system notes is no talk."""
        route, asked = f"{self._place}/merge_requests/{number}/notes", {"sort": "asc", "order_by": "created_at"}
        return tuple(_comment(each) for each in listed(self.http, route, PAGES, asked) if not flag(each, "system"))

    def issues(self, search: IssueSearch, *, etag: str = "") -> IssuePage:
        """Issues that are open."""
        asked = {"state": "opened", "order_by": "updated_at", "per_page": str(PAGES.size)}
        asked |= {"labels": search.label} if search.label else {}
        asked |= {"assignee_username": search.assignee} if search.assignee else {}
        answer = self.http.get(f"{self._place}/issues", asked, etag=etag)
        if answer.status == 304:
            return IssuePage(issues=None, etag=etag)
        return IssuePage(issues=tuple(filter(search.fits, map(_issue, rows(answer.data)))), etag=answer.etag)

    def say(self, number: int, marker: str, text: str) -> None:
        """One note, made once and then edited."""
        body, route = f"{marker}\n{text}", f"{self._place}/issues/{number}/notes"

        def own() -> Mapping[str, Any] | None:
            found = listed(self.http, route, PAGES, {"sort": "asc"})
            return next((each for each in found if self._is_mine(each, marker)), None)

        keep_comment(
            body,
            find=own,
            make=lambda: part(self.http.write("POST", route, {"body": body}).data),
            edit=lambda note: self.http.write("PUT", f"{route}/{note}", {"body": body}),
        )

    def _is_mine(self, each: Mapping[str, Any], marker: str) -> bool:
        """Whether a note is ours: a marker alone anybody can write."""
        return line(person(each, "author"), "username") == self._user and text(each, "body").startswith(marker)

    @cached_property
    def _user(self) -> str:
        return line(part(self.http.get("/user").data), "username")

    def rights(self) -> ForgeRights:
        """What its project answers."""
        told = part(self.http.get(self._place).data)
        may = part(told, "permissions")
        levels = [access.get("access_level") for access in may.values() if isinstance(access, dict)]
        enough = any(isinstance(level, int) and level >= DEVELOPER for level in levels)
        missing = [] if enough else ["push branches and open merge requests (the role Developer)"]
        if flag(told, "merge_requests_enabled") is False:
            missing.append("merge requests, which are switched off in this project")
        if flag(told, "archived"):
            missing.append("write at all, as it is archived there")
        return ForgeRights(user=self._user, missing=tuple(missing))


def _check(data: Mapping[str, Any]) -> ForgeCheck:
    state = CHECK_STATES.get(line(data, "status"), "running")
    if state == "red" and flag(data, "allow_failure"):
        state = "green"
    name, says = line(data, "name"), line(data, "description") or line(data, "status")
    return ForgeCheck(name=name, state=state, says=says, url=web_address(data, "target_url"))


def _comment(data: Mapping[str, Any]) -> ForgeComment:
    who, place = person(data, "author"), data.get("position")
    place = place if isinstance(place, dict) else {}
    at, name = place.get("new_line"), line(who, "username")
    return ForgeComment(
        ident=f"note-{number(data, 'id')}",
        author=name,
        body=text(data, "body"),
        updated=line(data, "updated_at"),
        bot=bool(flag(who, "bot")) or _BOT.fullmatch(name) is not None,
        path=line(place, "new_path"),
        line=at if isinstance(at, int) else None,
    )


def _issue(data: Mapping[str, Any]) -> ForgeIssue:
    name = line(person(data, "author"), "username")
    return ForgeIssue(
        number=number(data, "iid"),
        title=line(data, "title"),
        body=text(data, "description"),
        author=name,
        url=web_address(data, "web_url"),
        updated=line(data, "updated_at"),
        labels=names(data, "labels", "name"),
        assignees=names(data, "assignees", "username"),
        bot=_BOT.fullmatch(name) is not None,
    )
