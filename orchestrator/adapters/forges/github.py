"""GitHub, and GitHub Enterprise Server, as a forge: its REST API of 2022-11-28."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any
from urllib.parse import quote

from orchestrator.adapters.forges.forge_http import ForgeHttp
from orchestrator.adapters.forges.forge_pages import PageRule, listed
from orchestrator.adapters.forges.forge_reading import (
    commit,
    flag,
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

API_VERSION = "2022-11-28"
"""Kept by GitHub until March 2028 at least; Enterprise Servers know no newer one."""
PAGES = PageRule(size=100, most=10)
RED_CONCLUSIONS = frozenset({"failure", "timed_out", "action_required", "startup_failure", "stale"})
STATUS_STATES: Mapping[str, CheckState] = {"success": "green", "failure": "red", "error": "red"}


def github_headers(token: str) -> dict[str, str]:
    """What is sent with each request."""
    return {"Authorization": f"Bearer {token}", "X-GitHub-Api-Version": API_VERSION} if token else {}


@dataclass(frozen=True, kw_only=True)
class GitHub:
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
            candidates=lambda: self._pulls(wanted),
            make=lambda: self._pull(http.write("POST", place, body).data),
            edit=lambda number: self._pull(http.write("PATCH", f"{place}/{number}", said).data),
        )

    def _pulls(self, wanted: PullWanted) -> Iterator[PullRequest]:
        asked = {"head": f"{self.repository.owner}:{wanted.head}", "base": wanted.base, "state": "all"}
        found = self.http.get(f"{self._place}/pulls", asked | {"per_page": str(PAGES.size)}).data
        return map(self._pull, rows(found))

    def _pull(self, data: Any) -> PullRequest:
        found = part(data)
        merged = bool(flag(found, "merged")) or bool(line(found, "merged_at"))
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
        """How it stands."""
        found = self._pull(self.http.get(f"{self._place}/pulls/{number}").data)
        if found.state != "open":
            return found
        checks, known = self._checks(found.commit)
        return replace(found, checks=checks, checks_known=known)

    def _checks(self, sha: str) -> tuple[tuple[ForgeCheck, ...], bool]:
        """Check runs and commit statuses, which are two systems. Fine-grained tokens may not read the former."""
        known = True
        try:
            told = list(listed(self.http, f"{self._place}/commits/{sha}/check-runs", PAGES, within="check_runs"))
            runs = {_run_key(run): _run(run) for run in reversed(told)}
        except ForgeFailed as error:
            if not error.is_hidden:
                raise
            runs, known = {}, False
        statuses = [
            _status(each) for each in listed(self.http, f"{self._place}/commits/{sha}/status", PAGES, within="statuses")
        ]
        return (*runs.values(), *statuses), known

    def comments(self, number: int) -> tuple[ForgeComment, ...]:
        """Issue comments, reviews and comments on lines: three lists with three spaces of numbers."""
        talk = [
            _comment("comment", each) for each in listed(self.http, f"{self._place}/issues/{number}/comments", PAGES)
        ]
        reviews = [
            _comment("review", each)
            for each in listed(self.http, f"{self._place}/pulls/{number}/reviews", PAGES)
            if text(each, "body").strip()
        ]
        lines = [_comment("line", each) for each in listed(self.http, f"{self._place}/pulls/{number}/comments", PAGES)]
        return tuple(sorted([*talk, *reviews, *lines], key=lambda each: each.updated))

    def issues(self, search: IssueSearch, *, etag: str = "") -> IssuePage:
        """Issues alone: GitHub lists pull requests among them."""
        asked = {"state": "open", "sort": "updated", "per_page": str(PAGES.size)}
        asked |= {"labels": search.label} if search.label else {}
        asked |= {"assignee": search.assignee} if search.assignee else {}
        answer = self.http.get(f"{self._place}/issues", asked, etag=etag)
        if answer.status == 304:
            return IssuePage(issues=None, etag=etag)
        found = (_issue(each) for each in rows(answer.data) if "pull_request" not in each)
        return IssuePage(issues=tuple(filter(search.fits, found)), etag=answer.etag)

    def say(self, number: int, marker: str, text: str) -> None:
        """One comment, made once and then edited."""
        body, route = f"{marker}\n{text}", f"{self._place}/issues/{number}/comments"
        keep_comment(
            body,
            find=lambda: next(filter(self._is_mine(marker), listed(self.http, route, PAGES)), None),
            make=lambda: part(self.http.write("POST", route, {"body": body}).data),
            edit=lambda comment: self.http.write("PATCH", f"{self._place}/issues/comments/{comment}", {"body": body}),
        )

    def _is_mine(self, marker: str) -> Any:
        """Whether a comment is ours: a marker alone anybody can write."""

        def mine(each: Mapping[str, Any]) -> bool:
            who = person(each, "user")
            ours = line(who, "login") == self._user if self._user else line(who, "type") == "Bot"
            return ours and text(each, "body").startswith(marker)

        return mine

    @cached_property
    def _user(self) -> str:
        """As whom the token speaks; empty for an app's, which may not ask."""
        try:
            return line(part(self.http.get("/user").data), "login")
        except ForgeFailed as error:
            if error.status != 403 or error.seconds is not None:
                raise
            return ""

    def rights(self) -> ForgeRights:
        """What its repository and its checks answer."""
        answer = self.http.get(self._place)
        may, missing = part(answer.data, "permissions"), list[str]()
        if not flag(may, "push"):
            missing.append("write to the repository (contents and pull requests: write)")
        if answer.scopes and not {"repo", "public_repo"} & {each.strip() for each in answer.scopes.split(",")}:
            missing.append("the scope `repo`")
        branch = quote(line(part(answer.data), "default_branch"), safe="")
        try:
            self.http.get(f"{self._place}/commits/{branch}/check-runs", {"per_page": 1})
        except ForgeFailed as error:
            if error.status != 403 or error.seconds is not None:
                raise
            missing.append("read checks (fine-grained tokens cannot: red CI is seen by commit statuses only)")
        if flag(part(answer.data), "archived"):
            missing.append("write at all, as it is archived there")
        return ForgeRights(user=self._user, missing=tuple(missing))


def _run_key(data: Mapping[str, Any]) -> tuple[object, str]:
    """What tells a check run's newest from another's of the same name: two workflows may each have a job `build`."""
    return person(data, "check_suite").get("id"), line(data, "name")


def _run(data: Mapping[str, Any]) -> ForgeCheck:
    done, ended = line(data, "status") == "completed", line(data, "conclusion")
    state: CheckState = "running" if not done else "red" if ended in RED_CONCLUSIONS else "green"
    output = data.get("output")
    says = text(output, "summary") or text(output, "title") if isinstance(output, dict) else ""
    return ForgeCheck(name=line(data, "name"), state=state, says=says or ended, url=web_address(data, "html_url"))


def _status(data: Mapping[str, Any]) -> ForgeCheck:
    state = STATUS_STATES.get(line(data, "state"), "running")
    name, says = line(data, "context"), line(data, "description")
    return ForgeCheck(name=name, state=state, says=says, url=web_address(data, "target_url"))


def _comment(kind: str, data: Mapping[str, Any]) -> ForgeComment:
    who = person(data, "user")
    at = data.get("line")
    return ForgeComment(
        ident=f"{kind}-{number(data, 'id')}",
        author=line(who, "login"),
        body=text(data, "body"),
        updated=line(data, "updated_at") or line(data, "submitted_at"),
        bot=line(who, "type") == "Bot",
        path=line(data, "path"),
        line=at if isinstance(at, int) else None,
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
        bot=line(who, "type") == "Bot",
    )
