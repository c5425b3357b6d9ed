"""How does GitLab word what the stand-in keeps, and which refusals are its own?"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from tests.forge_stand_in.dialects import Asked, Dialect
from tests.forge_stand_in.state import BOT, NAME, OWNER, TOKEN, Pull, Refusal


class GitLabDialect(Dialect):
    """GitLab's API v4."""

    def __post_init__(self) -> None:
        place = f"/projects/{OWNER}%2F{NAME}"
        requests = f"{place}/merge_requests"
        self.add("GET", "/user", lambda **_: {"username": BOT})
        self.add("GET", place, lambda **_: self.project())
        self.add("GET", requests, lambda asked, **_: self.pulls(asked))
        self.add("POST", requests, lambda body, **_: self.open(body))
        self.add("GET", rf"{requests}/(\d+)", lambda n, **_: self.pull(self.state.pull(int(n))))
        self.add("PUT", rf"{requests}/(\d+)", lambda n, body, **_: self.put(n, body))
        self.add("GET", rf"{requests}/(\d+)/notes", lambda n, **_: self.notes(n))
        self.add("GET", rf"{place}/issues", lambda asked, **_: self.issues(asked))
        self.add("GET", rf"{place}/issues/(\d+)/notes", lambda n, **_: self.notes(n))
        self.add("POST", rf"{place}/issues/(\d+)/notes", lambda n, body, **_: self.post(n, body))
        self.add("PUT", rf"{place}/issues/\d+/notes/(\d+)", lambda i, body, **_: self.note(self.edit(i, body["body"])))
        self.add("GET", rf"{place}/repository/commits/([0-9a-f]+)/statuses", lambda sha, **_: self.statuses(sha))

    def may(self, headers: Mapping[str, str]) -> bool:
        return headers.get("PRIVATE-TOKEN") == TOKEN

    def paged(self, rows: list[dict[str, Any]], asked: Asked) -> list[dict[str, Any]]:
        """What the token may not see is left out of a page after it was counted."""
        return [each for each in super().paged(rows, asked) if not each.pop("hidden", False)]

    def page_headers(self) -> dict[str, str]:
        """By a header of its own."""
        return {} if self.goes_on is None else {"X-Next-Page": "2" if self.goes_on else ""}

    def project(self) -> dict[str, Any]:
        """What the token may do there."""
        level = 20 if "write" in self.state.lacks else 30
        may = {"project_access": {"access_level": level, "notification_level": 3}, "group_access": None}
        told = {"id": 7, "path_with_namespace": f"{OWNER}/{NAME}", "archived": self.state.archived}
        return told | {"permissions": may, "merge_requests_enabled": True}

    def pulls(self, asked: Asked) -> list[dict[str, Any]]:
        """The list."""
        found = [each for each in map(self.state.refresh, self.state.pulls) if each.head == asked["source_branch"]]
        return [self.pull(each) for each in reversed(found) if each.base == asked["target_branch"]]

    def pull(self, pull: Pull) -> dict[str, Any]:
        """One."""
        conflicts = pull.state == "open" and self.state.conflicts(pull)
        return {
            "id": pull.number + 5000,
            "iid": pull.number,
            "web_url": f"{self.url}/{OWNER}/{NAME}/-/merge_requests/{pull.number}",
            "state": "opened" if pull.state == "open" else pull.state,
            "title": pull.title,
            "description": pull.body,
            "source_branch": pull.head,
            "target_branch": pull.base,
            "source_project_id": (7 if pull.fork is None else pull.fork) or None,
            "target_project_id": 7,
            "sha": pull.commit,
            "merge_commit_sha": pull.merged_as or None,
            "squash_commit_sha": None,
            "has_conflicts": conflicts and not self.state.checking,
            "detailed_merge_status": "checking" if self.state.checking else "conflict" if conflicts else "mergeable",
        }

    def open(self, body: Any) -> dict[str, Any]:
        """Opens one."""
        head, base = body["source_branch"], body["target_branch"]
        said = [f"Another open merge request already exists for this source branch: !{len(self.state.pulls)}"]

        def missing(_branch: str) -> Refusal:
            return Refusal(422, {"message": {"source_branch": ["does not exist"]}})

        self.require_open(head, base, missing, Refusal(409, {"message": said}))
        return self.pull(self.state.open_pull(head, base, body["title"], body.get("description") or ""))

    def put(self, number: str, body: Any) -> dict[str, Any]:
        """Says something else."""
        return self.pull(self.update(self.state.pull(int(number)), body.get("title"), body.get("description")))

    def note(self, one: Mapping[str, Any]) -> dict[str, Any]:
        """One note."""
        place = {"new_path": one["path"], "new_line": one["line"]} if one["kind"] == "line" else None
        return {
            "id": one["id"],
            "author": (one["author"] and {"username": "project_7_bot_0a1b" if one["bot"] else one["author"]}) or None,
            "body": one["body"],
            **({"hidden": True} if one["kind"] == "hidden" else {}),
            "system": one["kind"] == "system",
            "created_at": one["created"],
            "updated_at": one["updated"],
            "position": place,
        }

    def notes(self, number: str) -> list[dict[str, Any]]:
        """All below one thing."""
        return [self.note(one) for one in self.find(number).talk]

    def post(self, number: str, body: Any) -> dict[str, Any]:
        """The bot writes."""
        return self.note(self.state.say(self.find(number), BOT, body["body"]))

    def issues(self, asked: Asked) -> list[dict[str, Any]]:
        """Issues alone."""
        return [
            {
                "id": each.number + 9000,
                "iid": each.number,
                "web_url": f"{self.url}/{OWNER}/{NAME}/-/issues/{each.number}",
                "title": each.title,
                "description": each.body or None,
                "author": (
                    each.author and {"username": "project_7_bot_0a1b" if each.author.endswith("[bot]") else each.author}
                )
                or None,
                "labels": list(each.labels),
                "assignees": [{"username": each.assignee}] if each.assignee else [],
                "updated_at": each.updated,
            }
            for each in self.wanted_issues(asked.get("labels", ""), asked.get("assignee_username", ""))
        ]

    def statuses(self, sha: str) -> list[dict[str, Any]]:
        """Jobs and what others said."""
        if "checks" in self.state.lacks:
            raise Refusal(403, {"message": "403 Forbidden"})
        words = {"failure": "failed", "pending": "running"}
        return [
            {
                "id": one["id"],
                "name": one["name"],
                "status": words.get(one["state"], one["state"]),
                "description": one["says"],
                "target_url": None,
                "allow_failure": False,
            }
            for one in self.state.checks
            if one["commit"] == sha
        ]
