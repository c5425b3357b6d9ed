"""Words on a delivery: what will an approval do with a branch, and what mends a push that was not taken?"""

from __future__ import annotations

import re
import shlex

from handoff.secrets.excerpts import redacted_excerpt
from missions.mission import Mission
from orchestrator.execution.workspace.served_repository import local_path
from orchestrator.ledger.config.fleet_toml import ProjectPart

UNANSWERED = re.compile(
    r"(?i)could not resolve|connection (?:refused|reset|timed out|closed)|timed out|no answer within"
    r"|hung up unexpectedly|no route to host|network is unreachable|failed to connect"
    r"|early EOF|unexpected disconnect|returned error: 5\d\d"
)
NO_ACCESS = r"(?i)permission (?:to \S+ )?denied|error: 403\b|authentication failed|could not read user|publickey"
NO_OPTIONS = "does not support push options"
"""What git says before it hangs up at a server that takes none."""
MAX_SAID_CHARS = 200
"""Characters of git's own words where nothing is known of them."""


def delivery_plan(mission: Mission, part: ProjectPart | None, how: str) -> str:
    """What an approval of this result does, in one line. `how` goes before what the project says."""
    wanted = how or (part.on_approval if part else "nothing")
    if part is None or not mission.branch:
        return f"accepts the result of {mission.name}; there is no branch to merge"
    what = f"{mission.branch} ({(mission.commit or '')[:10]})"
    if wanted == "merge" and part.merge_queue:
        return (
            f"puts {what} into the merge queue of {mission.about}: a node merges it into {part.branch} of {part.url}"
            f" when `{part.test}` passes with it and what is before it"
        )
    if wanted == "merge":
        return f"merges {what} into {part.branch} of {part.url} (`git merge --no-ff`) and pushes that"
    if wanted == "push":
        return f"pushes {what} as approved/{mission.name} to {part.url}"
    if wanted == "pull_request":
        if part.forge_by == "git":
            stays = "what people and CI say there does not come back"
            return f"has headquarters push {what} to {part.url} for a pull request on {part.forge}; {stays}"
        there = f"brings it to {mission.pull_request}" if mission.pull_request else "opens a pull request of it"
        return f"pushes {what} as approved/{mission.name} to {part.url}, and headquarters {there} on {part.forge}"
    return f"accepts {what} and leaves it where it is; to merge it: `{merge_line(part.url, mission.branch)}`"


def merge_line(url: str, branch: str) -> str:
    """The command with which a person merges a branch of a project's server."""
    place = local_path(url)
    if place and (place / ".git").exists():
        return f"git -C {shlex.quote(str(place))} merge {branch}"
    return f"git pull --no-rebase {shlex.quote(url)} {branch}"


def merge_later(mission: Mission, part: ProjectPart | None) -> str:
    """What merges a branch that an approval left where it is, in one line; empty where there is none.

    A work tree on this machine, whose branch is mostly checked out there, would not take a merge that is pushed.
    """
    if part is None or not mission.branch:
        return ""
    place = local_path(part.url)
    here = place is not None and (place / ".git").exists()
    line = merge_line(part.url, mission.branch) if here else f"shiftbook mission approve {mission.name} --merge"
    return f"`{line}` merges it, now or later"


def push_refusal(said: str, *, url: str, target: str, branch: str, mission: str) -> str:
    """Why the project's server did not take a push, in one line with what mends it."""
    again = f"`shiftbook mission approve {mission} --merge`"
    merge, place = merge_line(url, branch), shlex.quote(url)
    if "refusing to update checked out branch" in said or "denyCurrentBranch" in said:
        lenient = f"`git -C {place} config receive.denyCurrentBranch updateInstead`"
        return f"{target} is checked out in {url}: merge there with `{merge}`, or allow it with {lenient} and {again}"
    if NO_OPTIONS in said:
        lenient = "`receive.advertisePushOptions`"
        return f'{url} takes no push options: let whoever runs it set {lenient}, or say forge_by = "api"'
    if re.search(r"has (?:unstaged|staged) changes|Could not update working tree|untracked working tree", said):
        return f"{url} has changes that are not committed: commit or stash them there, then {again}"
    if re.search(r"(?i)protected branch|GH006|not allowed to push code to protected", said):
        return f"{target} is protected on the server: open a pull request from {branch}, or approve with `--push`"
    if re.search(NO_ACCESS, said):
        return f"this machine may not push to {url}: try `git push --dry-run {place}`, mend its access, then {again}"
    if re.search(r"hook declined", said):
        return f"a hook of the server declined it: {_server_words(said)}; mend that, then {again}"
    return f"{_server_words(said)}; to merge it yourself: `{merge}`"


def is_unanswered(said: str) -> bool:
    """Whether a push ended without the server's word on it: its line broke, or it has trouble of its own."""
    return UNANSWERED.search(said) is not None and "[remote rejected]" not in said and NO_OPTIONS not in said


def _server_words(said: str) -> str:
    """What the server said, without git's own frame."""
    lines = [line.strip() for line in re.sub(r"(?<=://)[^/@\s]*@", "", said).splitlines()]
    spoken = [line.removeprefix("remote:").strip() for line in lines if line.startswith("remote:")]
    told = [line.removeprefix("error:").strip() for line in spoken if line] or [line for line in lines if line]
    return redacted_excerpt(" ".join(told), MAX_SAID_CHARS) or "no reason was given"
