"""How does each of the three forges word what the stand-in keeps, and which refusals are its own?"""

from __future__ import annotations

import re
from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import unquote

from tests.forge_stand_in.state import BOT, NAME, OWNER, TOKEN, ForgeState, Issue, Pull, Refusal

Asked = Mapping[str, str]
Route = Callable[..., Any]


@dataclass
class Dialect(ABC):
    """One API: routes by method and pattern; `cap` is the most rows of a page."""

    state: ForgeState
    url: str
    cap: int = 100
    size_word: str = "per_page"
    whole_talk: bool = False
    """Whether comments come all at once, whatever page is asked for."""
    goes_on: bool | None = None
    """Whether the list that was answered last has another page; None: it was none."""
    routes: list[tuple[str, re.Pattern[str], Route]] = field(default_factory=list)
    """The method, the pattern of the path below the API's base, and what answers."""

    @abstractmethod
    def __post_init__(self) -> None:
        """Fills in the routes."""

    def answer(self, method: str, path: str, asked: Asked, body: Any) -> tuple[int, Any]:
        """What one request is answered. Raises Refusal."""
        for verb, pattern, route in self.routes:
            found = pattern.fullmatch(path)
            if verb == method and found:
                if method != "GET" and "write" in self.state.lacks:
                    raise Refusal(403, {"message": "Resource not accessible by personal access token"})
                self.goes_on = None
                told = route(*map(unquote, found.groups()), asked=asked, body=body)
                if isinstance(told, list) and not (self.whole_talk and path.endswith("/comments")):
                    told = self.paged(told, asked)
                return self.success(method, path), told
        raise Refusal(404, {"message": "Not Found"})

    def paged(self, rows: list[dict[str, Any]], asked: Asked) -> list[dict[str, Any]]:
        """One page of a list."""
        size, page = min(self.cap, int(asked.get(self.size_word, 30))), int(asked.get("page", 1))
        self.goes_on = page * size < len(rows)
        return rows[(page - 1) * size : page * size]

    def page_headers(self) -> dict[str, str]:
        """How the answer that was given last tells of another page."""
        return {"Link": '<https://forge.invalid/?page=2>; rel="next"'} if self.goes_on else {}

    def success(self, method: str, path: str) -> int:
        """The status of what was done."""
        return 201 if method == "POST" else 200

    def add(self, method: str, pattern: str, route: Route) -> None:
        """Serves a route."""
        self.routes.append((method, re.compile(pattern), route))

    @abstractmethod
    def may(self, headers: Mapping[str, str]) -> bool:
        """Whether the request bears the token."""

    def require_open(self, head: str, base: str, missing: Callable[[str], Refusal], twice: Refusal) -> None:
        """Raises Refusal for what no pull request can be opened of."""
        for branch in (head, base):
            if not self.state.tip(branch):
                raise missing(branch)
        ours = (each for each in map(self.state.refresh, self.state.pulls) if each.fork is None)
        same = (each for each in ours if (each.head, each.base) == (head, base))
        if any(each.state == "open" for each in same):
            raise twice

    def find(self, number: str) -> Pull | Issue:
        """A pull request or an issue, which share their numbers."""
        known: list[Pull | Issue] = [*self.state.pulls, *self.state.listed]
        found = next((each for each in known if each.number == int(number)), None)
        if found is None:
            raise Refusal(404, {"message": "Not Found"})
        return found

    def edit(self, ident: str, text: str) -> dict[str, Any]:
        """Edits a comment of the bot's own."""
        known: list[Pull | Issue] = [*self.state.pulls, *self.state.listed]
        for thing in known:
            for said in thing.talk:
                if said["id"] == int(ident):
                    if said["author"] != BOT:
                        raise Refusal(403, {"message": "Must have admin rights to Repository."})
                    said |= {"body": text, "updated": self.state.time()}
                    return said
        raise Refusal(404, {"message": "Not Found"})

    def update(self, pull: Pull, title: str | None, body: str | None) -> Pull:
        """Says something else in a pull request."""
        pull.title, pull.body = title or pull.title, pull.body if body is None else body
        return pull

    def wanted_issues(self, label: str, assignee: str) -> list[Issue]:
        """Open issues, the one that was changed last first."""
        found = [each for each in self.state.listed if each.state == "open"]
        found = [each for each in found if (not label or label in each.labels)]
        found = [each for each in found if (not assignee or assignee == each.assignee)]
        return sorted(found, key=lambda each: each.updated, reverse=True)


class GitHubDialect(Dialect):
    """GitHub's, of 2022-11-28, and Forgejo's where it is the same: its routes and fields came from there."""

    line_word = "line"
    """What the line of a comment is called; GitHub's `position` is a place in the diff."""
    refused = "CHANGES_REQUESTED"
    """The state of a review that wants something changed."""

    def __post_init__(self) -> None:
        place = f"/repos/{OWNER}/{NAME}"
        self.add("GET", "/user", lambda **_: self.who(BOT))
        self.add("GET", place, lambda **_: self.repository())
        self.add("GET", f"{place}/pulls", lambda asked, **_: self.pulls(asked))
        self.add("POST", f"{place}/pulls", lambda body, **_: self.open(body))
        self.add("GET", rf"{place}/pulls/(\d+)", lambda n, **_: self.pull(self.state.pull(int(n)), whole=True))
        self.add("PATCH", rf"{place}/pulls/(\d+)", lambda n, body, **_: self.patch(n, body))
        self.add("GET", rf"{place}/pulls/(\d+)/reviews", lambda n, **_: self.reviews(n))
        self.add("GET", rf"{place}/issues/(\d+)/comments", lambda n, **_: self.talk(n, "comment"))
        self.add("POST", rf"{place}/issues/(\d+)/comments", lambda n, body, **_: self.post(n, body))
        self.add("PATCH", rf"{place}/issues/comments/(\d+)", lambda i, body, **_: self.said(self.edit(i, body["body"])))
        self.add("GET", f"{place}/issues", lambda asked, **_: self.issues(asked))
        self.more(place)

    def more(self, place: str) -> None:
        """The routes that are GitHub's alone."""
        self.add("GET", rf"{place}/pulls/(\d+)/comments", lambda n, **_: self.talk(n, "line"))
        self.add("GET", rf"{place}/commits/(\S+?)/check-runs", lambda sha, asked, **_: self.runs(sha, asked))
        self.add(
            "GET",
            rf"{place}/commits/(\S+?)/status",
            self.status,
        )

    def may(self, headers: Mapping[str, str]) -> bool:
        return headers.get("Authorization") == f"Bearer {TOKEN}"

    def repository(self) -> dict[str, Any]:
        """What the token may do there."""
        may = {"pull": True, "push": "write" not in self.state.lacks, "admin": False}
        return {
            "full_name": f"{OWNER}/{NAME}",
            "default_branch": "main",
            "permissions": may,
            "archived": self.state.archived,
        }

    def pulls(self, asked: Asked) -> list[dict[str, Any]]:
        """The list, which does not tell whether anything conflicts."""
        head = asked.get("head", "").partition(":")[2]
        found = [each for each in map(self.state.refresh, self.state.pulls) if head in ("", each.head)]
        found = [each for each in found if asked.get("base") in (None, each.base)]
        wanted = asked.get("state", "open")
        found = [each for each in found if wanted == "all" or (each.state == "open") == (wanted == "open")]
        return [self.pull(each) for each in reversed(found)]

    def pull(self, pull: Pull, *, whole: bool = False) -> dict[str, Any]:
        """One."""
        told: dict[str, Any] = {
            "id": pull.number + 5000,
            "number": pull.number,
            "html_url": f"{self.url}/{OWNER}/{NAME}/pull/{pull.number}",
            "state": "open" if pull.state == "open" else "closed",
            "title": pull.title,
            "body": pull.body,
            "draft": False,
            "head": {"ref": pull.head, "sha": pull.commit, "repo": self.place_of(pull)},
            "base": {"ref": pull.base, "sha": self.state.tip(pull.base), "repo": {"id": 7}},
            "merged_at": "2026-11-21T13:00:00Z" if pull.merged_as else None,
            "merge_commit_sha": pull.merged_as or None,
        }
        if whole:
            told |= {"merged": bool(pull.merged_as), "mergeable": None}
            known = pull.state == "open" and not self.state.checking
            told |= {"mergeable": not self.state.conflicts(pull)} if known else {}
        return told

    def place_of(self, pull: Pull) -> dict[str, Any] | None:
        """The repository of its branch; null where that is gone."""
        number = 7 if pull.fork is None else pull.fork
        return {"id": number} if number else None

    def open(self, body: Any) -> dict[str, Any]:
        """Opens one."""
        head, base = body["head"], body["base"]
        twice = [
            {
                "resource": "PullRequest",
                "code": "custom",
                "message": f"A pull request already exists for {OWNER}:{head}.",
            }
        ]

        def missing(_branch: str) -> Refusal:
            errors = [{"resource": "PullRequest", "field": "head", "code": "invalid"}]
            return Refusal(422, {"message": "Validation Failed", "errors": errors})

        self.require_open(head, base, missing, Refusal(422, {"message": "Validation Failed", "errors": twice}))
        return self.pull(self.state.open_pull(head, base, body["title"], body.get("body") or ""), whole=True)

    def patch(self, number: str, body: Any) -> dict[str, Any]:
        """Says something else."""
        return self.pull(self.update(self.state.pull(int(number)), body.get("title"), body.get("body")), whole=True)

    def who(self, name: str, *, bot: bool = False) -> dict[str, Any] | None:
        """An account; null for one that is gone."""
        return {"login": name, "type": "Bot" if bot else "User"} if name else None

    def said(self, one: Mapping[str, Any]) -> dict[str, Any]:
        """A comment."""
        return {
            "id": one["id"],
            "user": self.who(one["author"], bot=one["bot"]),
            "body": one["body"],
            "created_at": one["created"],
            "updated_at": one["updated"],
            **({"path": one["path"], self.line_word: one["line"]} if one["kind"] == "line" else {}),
        }

    def talk(self, number: str, kind: str) -> list[dict[str, Any]]:
        """Comments of a kind."""
        return [self.said(one) for one in self.find(number).talk if one["kind"] == kind]

    def reviews(self, number: str) -> list[dict[str, Any]]:
        """Reviews, which are submitted and have no time of an edit."""
        told = self.talk(number, "review")
        kept = ("id", "user", "body")
        return [
            {**{name: one[name] for name in kept}, "submitted_at": one["updated_at"], "state": self.refused}
            for one in told
        ]

    def post(self, number: str, body: Any) -> dict[str, Any]:
        """The bot writes."""
        return self.said(self.state.say(self.find(number), BOT, body["body"]))

    def issues(self, asked: Asked) -> list[dict[str, Any]]:
        """Issues, and pull requests among them."""
        wanted = self.wanted_issues(asked.get("labels", ""), asked.get("assignee", ""))
        told = [self.issue(each) for each in wanted]
        pulls = [] if asked.get("labels") or asked.get("assignee") else [*self.state.pulls]
        return told + [{**self.issue(Issue(p.number, p.title, p.body, BOT)), "pull_request": {}} for p in pulls]

    def issue(self, issue: Issue) -> dict[str, Any]:
        """One."""
        return {
            "id": issue.number + 9000,
            "number": issue.number,
            "html_url": f"{self.url}/{OWNER}/{NAME}/issues/{issue.number}",
            "title": issue.title,
            "body": issue.body or None,
            "user": self.who(issue.author, bot=issue.author.endswith("[bot]")),
            "labels": [{"name": label} for label in issue.labels],
            "assignees": [self.who(issue.assignee)] if issue.assignee else [],
            "state": issue.state,
            "updated_at": issue.updated,
        }

    def status(self, sha: str, *, asked: Asked, **_: Any) -> dict[str, Any]:
        """Statuses within one that joins them."""
        return self.listed(self.statuses(sha), "statuses", asked)

    def runs(self, sha: str, asked: Asked) -> dict[str, Any]:
        """Check runs, the newest first. A fine-grained token may not read them."""
        if "checks" in self.state.lacks:
            raise Refusal(403, {"message": "Resource not accessible by personal access token"})
        found = [one for one in reversed(self.state.checks) if one["commit"] == sha and one["kind"] == "run"]
        rows = [
            {
                "id": one["id"],
                "name": one["name"],
                "check_suite": {"id": one["suite"]},
                "status": "in_progress" if one["state"] == "pending" else "completed",
                "conclusion": None if one["state"] == "pending" else one["state"],
                "output": {"title": None, "summary": one["says"] or None},
                "html_url": f"{self.url}/runs/{one['id']}",
            }
            for one in found
        ]
        return self.listed(rows, "check_runs", asked)

    def listed(self, rows: list[dict[str, Any]], name: str, asked: Asked) -> dict[str, Any]:
        """A page of a list within an answer."""
        return {"total_count": len(rows), name: self.paged(rows, asked)}

    def statuses(self, sha: str) -> list[dict[str, Any]]:
        """Commit statuses, one a context."""
        found = {one["name"]: one for one in self.state.checks if one["commit"] == sha and one["kind"] == "status"}
        return [
            {"id": one["id"], "context": name, "state": one["state"], "description": one["says"], "target_url": None}
            for name, one in found.items()
        ]


class ForgejoDialect(GitHubDialect):
    """Forgejo's and Gitea's API v1."""

    line_word, refused = "position", "REQUEST_CHANGES"

    def more(self, place: str) -> None:
        self.add("GET", rf"{place}/pulls/(\d+)/reviews/(\d+)/comments", self.line_comments)
        self.add("GET", rf"{place}/commits/(\S+?)/statuses", lambda sha, **_: self.statuses(sha))

    def may(self, headers: Mapping[str, str]) -> bool:
        return headers.get("Authorization") == f"token {TOKEN}"

    def success(self, method: str, path: str) -> int:
        """A pull request that was changed is answered as one that was made."""
        changed = method == "PATCH" and "/pulls/" in path
        return 201 if changed else super().success(method, path)

    def who(self, name: str, *, bot: bool = False) -> dict[str, Any] | None:
        """An account, of which nothing tells whether it is a bot."""
        return {"login": name} if name else None

    def pull(self, pull: Pull, *, whole: bool = False) -> dict[str, Any]:
        """With `merged` and `mergeable` in lists, too; a branch that is gone has another name."""
        told = super().pull(pull, whole=True)
        told["mergeable"] = pull.state == "open" and not self.state.checking and not self.state.conflicts(pull)
        if pull.deleted:
            told["head"]["ref"] = f"refs/pull/{pull.number}/head"
        return told

    def open(self, body: Any) -> dict[str, Any]:
        """Opens one; refusals are 404 and 409."""
        head, base = body["head"], body["base"]
        said = f"pull request already exists for these targets [id: 7, issue_id: 9, head_branch: {head}]"

        def missing(branch: str) -> Refusal:
            return Refusal(404, {"message": f"could not find '{branch}' to be a commit"})

        self.require_open(head, base, missing, Refusal(409, {"message": said}))
        return self.pull(self.state.open_pull(head, base, body["title"], body.get("body") or ""))

    def reviews(self, number: str) -> list[dict[str, Any]]:
        """A review has the number of its comments, which are asked for one review at a time."""
        told = super().reviews(number)
        lines = len(self.talk(number, "line"))
        return told + ([{"id": 1, "user": self.who("anna"), "body": "", "comments_count": lines}] if lines else [])

    def line_comments(self, number: str, _review: str, **_: Any) -> list[dict[str, Any]]:
        """All of them stand below the one review that has any."""
        return self.talk(number, "line")

    def issues(self, asked: Asked) -> list[dict[str, Any]]:
        """By another word for who it is assigned to. A label that the repository does not have is left out."""
        known = {label for each in self.state.listed for label in each.labels}
        asked = asked if asked.get("labels", "") in known else {**asked, "labels": ""}
        return super().issues({**asked, "assignee": asked.get("assigned_by", "")})

    def statuses(self, sha: str) -> list[dict[str, Any]]:
        """All that were said, and the state is called `status`."""
        found = [one for one in self.state.checks if one["commit"] == sha]
        return [
            {"id": one["id"], "context": one["name"], "status": one["state"], "description": one["says"]}
            for one in found
        ]
