"""Forgejo, and Gitea, as a forge: the API v1 that both have. No check runs, no ETags; refusals are 409 and 404."""

from __future__ import annotations

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
    ident,
    is_foreign,
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

PAGES = PageRule(size=50, most=20, word="limit")
"""Servers give 50 rows at most, whatever is asked for."""
CHECK_STATES: Mapping[str, CheckState] = {
    "success": "green",
    "warning": "green",
    "skipped": "green",
    "failure": "red",
    "error": "red",
}


def forgejo_headers(token: str) -> dict[str, str]:
    """What is sent with each request."""
    return {"Authorization": f"token {token}"} if token else {}


@dataclass(frozen=True, kw_only=True)
class Forgejo:
    """ports.Forge."""

    http: ForgeHttp
    repository: ForgeRepository

    @property
    def _place(self) -> str:
        return f"/repos/{quote(self.repository.owner, safe='')}/{quote(self.repository.name, safe='')}"

    def pull_request(self, wanted: PullWanted) -> PullRequest:
        """Opens it, or finds it."""
        body = {"title": wanted.title, "body": wanted.body, "head": wanted.head, "base": wanted.base}
        said = {"title": wanted.title, "body": wanted.body}
        place, http = f"{self._place}/pulls", self.http
        return keep_pull(
            wanted,
            at=lambda number: self._pull(http.get(f"{place}/{number}").data),
            candidates=lambda: self._pulls(),
            make=lambda: self._pull(http.write("POST", place, body).data),
            edit=lambda number: self._pull(http.write("PATCH", f"{place}/{number}", said).data),
        )

    def _pulls(self) -> Iterator[PullRequest]:
        """Those that are open, then those that ended last: there is no way to ask for one branch on every server."""
        yield from map(self._pull, listed(self.http, f"{self._place}/pulls", PAGES, {"state": "open"}))
        ended: Params = {"state": "closed", "sort": "recentupdate", "limit": PAGES.size}
        yield from map(self._pull, rows(self.http.get(f"{self._place}/pulls", ended).data))

    def _pull(self, data: Any) -> PullRequest:
        found = part(data)
        merged = bool(flag(found, "merged"))
        state: PullState = "merged" if merged else "open" if line(found, "state") == "open" else "closed"
        mergeable = flag(found, "mergeable")
        return PullRequest(
            number=number(found, "number"),
            url=web_address(found, "html_url"),
            state=state,
            head=line(part(found, "head"), "ref"),
            commit=commit(part(found, "head"), "sha"),
            base=line(part(found, "base"), "ref"),
            title=text(found, "title"),
            body=text(found, "body"),
            merged_as=commit(found, "merge_commit_sha") if merged else "",
            conflicts=None if mergeable is None else not mergeable,
            foreign=is_foreign(part(found, "head").get("repo"), part(found, "base").get("repo")),
        )

    def read(self, number: int) -> PullRequest:
        """How it stands. `mergeable` speaks of conflicts alone, whatever checks say."""
        found = self._pull(self.http.get(f"{self._place}/pulls/{number}").data)
        if found.state != "open":
            return found
        checks, known = self._checks(found.commit)
        return replace(found, checks=checks, checks_known=known)

    def _checks(self, sha: str) -> tuple[tuple[ForgeCheck, ...], bool]:
        """A commit's statuses, the newest of each context."""
        asked: Params = {"sort": "oldest"}
        try:
            found = list(listed(self.http, f"{self._place}/commits/{sha}/statuses", PAGES, asked))
        except ForgeFailed as error:
            if not error.is_hidden:
                raise
            return (), False
        newest = {line(each, "context"): each for each in sorted(found, key=lambda each: number(each, "id"))}
        return tuple(map(_check, newest.values())), True

    def comments(self, number: int) -> tuple[ForgeComment, ...]:
        """Comments, reviews, and the comments on lines that each review has."""
        talk = list(map(_comment, rows(self.http.get(f"{self._place}/issues/{number}/comments").data)))
        reviews = f"{self._place}/pulls/{number}/reviews"
        for review in listed(self.http, reviews, PAGES):
            if text(review, "body").strip():
                talk.append(_comment(review, "review"))
            if review.get("comments_count"):
                talk += map(_comment, rows(self.http.get(f"{reviews}/{ident(review)}/comments").data))
        return tuple(sorted(talk, key=lambda each: each.updated))

    def issues(self, search: IssueSearch, *, etag: str = "") -> IssuePage:
        """Issues that are open."""
        asked = {"type": "issues", "state": "open", "limit": str(PAGES.size)}
        asked |= {"labels": search.label} if search.label else {}
        asked |= {"assigned_by": search.assignee} if search.assignee else {}
        answer = self.http.get(f"{self._place}/issues", asked, etag=etag)
        if answer.status == 304:
            return IssuePage(issues=None, etag=etag)
        found = (_issue(each) for each in rows(answer.data) if not each.get("pull_request"))
        return IssuePage(issues=tuple(filter(search.fits, found)), etag=answer.etag)

    def say(self, number: int, marker: str, text: str) -> None:
        """One comment, made once and then edited."""
        body, route = f"{marker}\n{text}", f"{self._place}/issues/{number}/comments"

        def own() -> Mapping[str, Any] | None:
            return next((each for each in rows(self.http.get(route).data) if self._is_mine(each, marker)), None)

        keep_comment(
            body,
            find=own,
            make=lambda: part(self.http.write("POST", route, {"body": body}).data),
            edit=lambda comment: self.http.write("PATCH", f"{self._place}/issues/comments/{comment}", {"body": body}),
        )

    def _is_mine(self, each: Mapping[str, Any], marker: str) -> bool:
        """Whether a comment is ours: a marker alone anybody can write."""
        return line(person(each, "user"), "login") == self._user and text(each, "body").startswith(marker)

    @cached_property
    def _user(self) -> str:
        return line(part(self.http.get("/user").data), "login")

    def rights(self) -> ForgeRights:
        """What its repository answers."""
        told = part(self.http.get(self._place).data)
        missing = [] if flag(part(told, "permissions"), "push") else ["write to the repository"]
        if flag(told, "has_pull_requests") is False:
            missing.append("pull requests, which are switched off in this repository")
        if flag(told, "archived"):
            missing.append("write at all, as it is archived there")
        return ForgeRights(user=self._user, missing=tuple(missing))


def _check(data: Mapping[str, Any]) -> ForgeCheck:
    state = CHECK_STATES.get(line(data, "status") or line(data, "state"), "running")
    name, says = line(data, "context"), line(data, "description")
    return ForgeCheck(name=name, state=state, says=says, url=web_address(data, "target_url"))


def _comment(data: Mapping[str, Any], kind: str = "comment") -> ForgeComment:
    """Comments on lines share one space of numbers with the others; reviews have their own."""
    who = person(data, "user")
    at = data.get("position")
    return ForgeComment(
        ident=f"{kind}-{number(data, 'id')}",
        author=line(who, "login"),
        body=text(data, "body"),
        updated=line(data, "updated_at") or line(data, "submitted_at"),
        path=line(data, "path"),
        line=at if isinstance(at, int) and at > 0 else None,
    )


def _issue(data: Mapping[str, Any]) -> ForgeIssue:
    who = person(data, "user")
    return ForgeIssue(
        number=number(data, "number"),
        title=line(data, "title"),
        body=text(data, "body"),
        author=line(who, "login"),
        url=web_address(data, "html_url"),
        updated=line(data, "updated_at"),
        labels=names(data, "labels", "name"),
        assignees=names(data, "assignees", "login"),
    )
