"""How do Forgejo and GitLab make a pull request of a push? Hooks of a bare repository that stand in for theirs.

Written from the makers' documents: AGit's `refs/for/BRANCH` with a topic, where the same commit twice is refused, and
GitLab's push options, which are looked at only where the push moves a branch. Both show each pull request under a ref
with its number, and tell its address beside the push.
"""

from __future__ import annotations

import sys
from pathlib import Path

from tests.orchestrator.repositories import git

AGIT = """
import os, subprocess, sys

URL = "@URL@"


def read():
    size = int(sys.stdin.buffer.read(4), 16)
    return sys.stdin.buffer.read(size - 4).decode().rstrip("\\n") if size else None


def write(text):
    data = (text + "\\n").encode()
    sys.stdout.buffer.write(f"{len(data) + 4:04x}".encode() + data)


def end():
    sys.stdout.buffer.write(b"0000")
    sys.stdout.buffer.flush()


def git(*words, check=True):
    return subprocess.run(["git", *words], capture_output=True, text=True, check=check).stdout.strip()


def lines():
    found = []
    while (line := read()) is not None:
        found.append(line)
    return found


hello = lines()
write("version=1\\0push-options")
end()
commands = lines()
options = dict(line.partition("=")[::2] for line in lines()) if "push-options" in hello[0] else {}
if options.get("topic"):
    print("|".join(f"{name}={value}" for name, value in options.items()), file=open("pulls.log", "a"))
for command in commands:
    old, new, ref = command.split()
    topic = options.get("topic", "")
    if not topic:
        write(f"ng {ref} topic missing")
        continue
    known = git("config", "--get", f"agit.{topic}.number", check=False)
    number = known or str(len(git("for-each-ref", "--format=x", "refs/pull").split()) + 1)
    shown = f"refs/pull/{number}/head"
    was = git("rev-parse", "--verify", "--quiet", shown, check=False)
    if was == new:
        write(f"ng {ref} new commit is same with old commit")
        continue
    behind = was and subprocess.run(["git", "merge-base", "--is-ancestor", was, new]).returncode
    if behind and options.get("force-push") != "true":
        write(f"ng {ref} request `force-push` push option")
        continue
    git("update-ref", shown, new)
    git("config", f"agit.{topic}.number", number)
    if not os.path.exists("silent"):
        print(f"\\nVisit the existing pull request:\\n  {URL}/pulls/{number}\\n", file=sys.stderr)
    write(f"ok {ref}")
    write(f"option refname {shown}")
    write(f"option new-oid {new}")
end()
"""
GITLAB = """
import os, subprocess, sys

URL = "@URL@"


def git(*words, check=True):
    return subprocess.run(["git", *words], capture_output=True, text=True, check=check).stdout.strip()


options = [os.environ[f"GIT_PUSH_OPTION_{n}"] for n in range(int(os.environ.get("GIT_PUSH_OPTION_COUNT", "0")))]
print("|".join(options), file=open("pulls.log", "a"))
for line in sys.stdin:
    old, new, ref = line.split()
    branch = ref.removeprefix("refs/heads/")
    known = git("config", "--get", f"gitlab.{branch}.number", check=False)
    if not known and "merge_request.create" not in options:
        continue
    if os.path.exists("broken"):
        print("WARNINGS:\\nError encountered with push options", file=sys.stderr)
        continue
    number = known or str(len(git("for-each-ref", "--format=x", "refs/merge-requests").split()) + 1)
    git("config", f"gitlab.{branch}.number", number)
    git("update-ref", f"refs/merge-requests/{number}/head", new)
    if not os.path.exists("silent"):
        print(f"\\nView merge request for {branch}:\\n  {URL}/-/merge_requests/{number}\\n", file=sys.stderr)
"""
HOOKS = {"forgejo": ("proc-receive", AGIT), "gitlab": ("post-receive", GITLAB)}


def open_door(repository: Path, kind: str, url: str) -> None:
    """Has a bare repository make pull requests of pushes, as that kind of forge does; `url` is the project's page."""
    name, text = HOOKS[kind]
    hook = repository / "hooks" / name
    hook.parent.mkdir(exist_ok=True)
    hook.write_text(f"#!{sys.executable}\n{text.replace('@URL@', url)}")
    hook.chmod(0o755)
    git(repository, "config", "receive.advertisePushOptions", "true")
    if kind == "forgejo":
        git(repository, "config", "receive.procReceiveRefs", "refs/for")


def pulls(repository: Path) -> dict[str, str]:
    """What the forge shows: refs of pull requests, and their commits."""
    rows = git(repository, "for-each-ref", "--format=%(refname) %(objectname)", "refs/pull", "refs/merge-requests")
    return dict(row.split() for row in rows.splitlines())
