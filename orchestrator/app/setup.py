"""The setup of a ledger: how is one made, and how does a person or a machine join one?

Both steps may be repeated at any time: what is there already is left as it is.
"""

from __future__ import annotations

import shutil
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from orchestrator.app import ledger_templates
from orchestrator.app.clone_setup import configure_clone
from orchestrator.app.identity import ensure_keys, person_name
from orchestrator.app.machine_settings import add_settings
from orchestrator.app.mirror_seed import seed_mirror
from orchestrator.app.sparse_files import leave_out_finished
from orchestrator.core.environment import load_settings
from orchestrator.core.errors import NotFound, WrongSetting
from orchestrator.core.repository_address import holds_credential
from orchestrator.core.settings import Settings
from orchestrator.ledger import merge_driver
from orchestrator.ledger.trust.files import SIGNERS_PATH
from orchestrator.ledger.trust.pins import TrustPins
from orchestrator.policy.membership import admission_problem, admit_command, free_node_name
from sync import files
from sync.errors import GitError
from sync.git import Git
from sync.process.git_environment import bearer_environment
from sync.refs.growing_fetch import AS_PACK, bring
from sync.signatures import Key, Principal, read_signers

UNFINISHED_CLONE = ".shiftbook-join"
"""Where a clone is made inside its folder, until it is whole."""
INCOMPLETE = "shiftbook-incomplete"
"""A file in the Git folder of a clone whose files are not all there yet."""
FIRST_MESSAGE = "Shiftbook: the ledger's files"
CLONE_SECONDS = 1800.0
"""Seconds in which nothing comes, of a first clone: it brings years of work over a slow line. The files that it then
writes may take as long in all."""
GIT_NAMES = frozenset({"HEAD", "branches", "config", "config.lock", "description", "hooks", "info", "objects", "refs"})
"""What stands in a repository whose making was broken off."""


@dataclass(frozen=True, kw_only=True)
class LedgerSetup:
    """What init or join made. `done` lists what changed, in words; empty when everything was there already."""

    folder: Path
    remote: str
    branch: str
    person: str
    done: tuple[str, ...]
    mended: tuple[str, ...]
    """What was not any more as it had been set up, in words."""
    known: bool
    """Whether the person's key is listed, so that missions they push will run."""
    line: str
    """The person's line for `allowed_signers`."""
    node: str
    node_known: bool
    """Whether the node's key is listed, so that it may work."""
    admit: tuple[str, ...]
    """What an admin types to let in the keys that are not listed."""
    works_for: str
    """The ledger that this machine's node works for; it may be another one."""
    environment: Path
    """The file that says so."""


def init(folder: Path, settings: Settings, *, remote: str = "") -> LedgerSetup:
    """Makes a ledger in `folder`, or completes the one that is there. Raises WrongSetting and GitError.

    What is still to do is judged by what is committed: a run that was broken off may have left files behind.
    """
    folder = folder.absolute()
    done: list[str] = []
    _refuse_credential("--remote", remote)
    folder.mkdir(parents=True, exist_ok=True)
    git = Git(folder)
    if not _is_repository(folder / ".git"):
        git.run("init", "--quiet", "--initial-branch=main", ".")
        done.append(f"made the repository {folder}")
    branch = git.text("symbolic-ref", "--short", "HEAD")
    url = _remote(git, folder, remote, branch, done)
    git = Git(folder, env=bearer_environment(url, settings.git_token.get_secret_value()))
    person = person_name(git)
    mine, node = ensure_keys(settings, person)
    configured = configure_clone(git, folder, settings, person, branch)
    _merge_remote_branch(git, branch)
    wanted = _files_to_commit(git, folder, (person, mine), (settings.node, node))
    for path, text in wanted.items():
        if _text(folder / path) != text:
            (folder / path).parent.mkdir(parents=True, exist_ok=True)
            files.replace(folder / path, text.encode("utf-8", "surrogateescape"))
        done.append(f"wrote {path}")
    if wanted:
        git.run("add", "--", *wanted)
        git.run("commit", "--quiet", "-S", "-m", FIRST_MESSAGE, "--", *wanted)
    if _unpushed(git, branch):
        git.run("push", "--quiet", "--no-verify", "--set-upstream", "origin", branch)
        done.append(f"pushed {branch} to {url}")
    done += configured.done
    done += _write_environment_file(settings, _ledger_variables(url, branch), f"this machine's node works for {url}")
    TrustPins(path=settings.home / "pin.json", ledger=url).anchor(git.text("rev-parse", "HEAD"))
    return _setup_result(git, folder, url, branch, person, settings, done, configured.mended)


def join(url: str, folder: Path, settings: Settings) -> LedgerSetup:
    """Clones a ledger for a person, with signing set up. Raises NotFound when there is none, and GitError."""
    folder = folder.absolute()
    done: list[str] = []
    if not _is_repository(folder / ".git"):
        _refuse_credential("URL", url)
        shown = bearer_environment(url, settings.git_token.get_secret_value())
        _clone(url, folder, shown)
        done.append(f"cloned {url} into {folder}")
    git = Git(folder)
    done += _complete_clone(git, folder)
    if not _committed(git, "fleet.toml"):
        raise NotFound(f"{url} is not a ledger: it has no fleet.toml. Make one with `shiftbook init {folder}`")
    branch = git.text("symbolic-ref", "--short", "HEAD")
    origin = git.text("remote", "get-url", "origin", codes=(0, 2))
    if not origin:
        raise WrongSetting(
            "FOLDER", f"{folder} has no remote called origin: `git remote rename NAME origin`, then again"
        )
    _refuse_credential(f"the address of origin in {folder}", origin)
    person = person_name(git)
    ensure_keys(settings, person)
    configured = configure_clone(git, folder, settings, person, branch)
    done += configured.done
    works = f"this machine's node works for {origin}"
    done += _write_environment_file(settings, _ledger_variables(origin, branch), works)
    done += _share_objects(folder, settings, origin, branch)
    settings, renamed = _with_free_name(git, settings)
    done += renamed
    TrustPins(path=settings.home / "pin.json", ledger=origin).anchor(git.text("rev-parse", "HEAD"))
    return _setup_result(git, folder, origin, branch, person, settings, done, configured.mended)


def _clone(url: str, folder: Path, shown: Mapping[str, str]) -> None:
    """Clones into `folder`, which gets its `.git` when that is whole; the files come after it."""
    made, beside = not folder.exists(), folder / UNFINISHED_CLONE
    folder.mkdir(parents=True, exist_ok=True)
    foreign = [each.name for each in folder.iterdir() if each.name not in (UNFINISHED_CLONE, ".git")]
    if foreign:
        raise WrongSetting("FOLDER", f"{folder} is not empty ({foreign[0]}): name another one")
    try:
        _remove(beside)
        # The origin by its name, whatever clone.defaultRemoteName says.
        words = ("clone", "--no-checkout", "--origin=origin", "--", url, str(beside))
        bring(Git(folder, env=shown), *words, objects=beside / ".git" / "objects", silence=CLONE_SECONDS)
        (beside / ".git" / INCOMPLETE).touch()
        _remove(folder / ".git")  # what is no repository: a clone that was broken off
        files.move_into_place(beside / ".git", folder / ".git")
        _remove(beside)
    except BaseException:
        _remove(beside)
        if made and not any(folder.iterdir()):
            folder.rmdir()
        raise


def _complete_clone(git: Git, folder: Path) -> list[str]:
    """Brings a fresh clone's files, again if that was broken off. Returns which it left out, in words."""
    mark, left_out = folder / ".git" / INCOMPLETE, list[str]()
    if mark.exists():
        if git.text("rev-parse", "--verify", "--quiet", "HEAD", codes=(0, 1)):
            left_out = leave_out_finished(git)
            git.run("reset", "--quiet", "--hard", timeout=CLONE_SECONDS)
        mark.unlink()
    return left_out


def _share_objects(folder: Path, settings: Settings, url: str, branch: str) -> list[str]:
    """Gives this machine's node what the clone has brought, where it works for this ledger and has nothing of it."""
    works = load_settings(home=settings.home)
    if works.ledger != url or works.branch != branch:
        return []
    shared = seed_mirror(folder, settings.ledger_clone, branch)
    return ["its node has what was brought already"] if shared else []


def _remove(folder: Path) -> None:
    if folder.exists():
        shutil.rmtree(folder)


def _is_repository(git_dir: Path) -> bool:
    """Whether this very place is a whole repository, and not one whose making was broken off."""
    try:
        return git_dir.exists() and bool(Git(git_dir.parent).text(f"--git-dir={git_dir}", "rev-parse", "--git-dir"))
    except GitError:
        return False


def _committed(git: Git, path: str) -> str:
    """A file's text in the newest commit; empty where there is none."""
    code, out, _ = git.call("cat-file", "blob", f"HEAD:{path}", codes=(0, 128))
    return out.decode("utf-8", "replace") if code == 0 else ""


def _refuse_credential(what: str, url: str) -> None:
    """Raises WrongSetting for an address with a password or a token: it would get into `.git/config` and `.env`."""
    if holds_credential(url):
        raise WrongSetting(
            what,
            "it holds a password or a token: leave it out (`git remote set-url origin URL` where a clone has it),"
            " and set SHIFTBOOK_GIT_TOKEN or use git's credential helper",
        )


def _remote(git: Git, folder: Path, wanted: str, branch: str, done: list[str]) -> str:
    """The URL that the ledger is shared through: what was asked for, what is there, or a bare repository beside it."""
    here = git.text("remote", "get-url", "origin", codes=(0, 2))
    _refuse_credential(f"the address of origin in {folder}", here)
    if here and wanted and here != wanted:
        raise WrongSetting("--remote", f"this repository has the remote {here} already; change it with git, then again")
    if here:
        return here
    url = wanted or str(folder.with_name(folder.name + ".git"))
    if not wanted and not _is_repository(Path(url)):
        strange = {each.name for each in Path(url).iterdir()} - GIT_NAMES if Path(url).exists() else set()
        if strange:
            raise WrongSetting("FOLDER", f"{url} is there already and is no repository: name another folder")
        git.run("init", "--quiet", "--bare", f"--initial-branch={branch}", "--", url)
        done.append(f"made the shared repository {url}")
    git.run("remote", "add", "origin", url)
    return url


def _merge_remote_branch(git: Git, branch: str) -> None:
    """Takes in what the remote has already: a ledger that somebody else made there must not be forked."""
    try:
        bring(git, *AS_PACK, "fetch", "origin", objects=git.folder / ".git" / "objects", silence=CLONE_SECONDS)
    except GitError:
        return  # an empty or a new remote; the push will tell if it cannot be reached
    theirs = git.refs(f"refs/remotes/origin/{branch}")
    if theirs and not git.refs(f"refs/heads/{branch}"):
        git.run("checkout", "--quiet", "-B", branch, f"origin/{branch}")
    elif theirs and _is_unshared_start(git, branch):
        git.run("reset", "--quiet", "--keep", f"origin/{branch}")
    elif theirs:
        git.run("merge", "--quiet", "--ff-only", f"origin/{branch}", codes=(0, 1, 128))


def _is_unshared_start(git: Git, branch: str) -> bool:
    """Whether all that is here is the first commit of an init that could not reach the remote, which has a ledger."""
    if git.call("merge-base", "HEAD", f"origin/{branch}", codes=(0, 1, 128))[0] == 0:
        return False
    return git.text("log", "--format=%s", "HEAD").splitlines() == [FIRST_MESSAGE]


def _files_to_commit(git: Git, folder: Path, person: tuple[str, Key], node: tuple[str, Key]) -> dict[str, str]:
    """The ledger's files that are not committed or must be completed, with their text: what stands there, if any."""
    wanted = {
        path: _text(folder / path) or text
        for path, text in ledger_templates.ledger_files(folder.name).items()
        if not _committed(git, path)
    }
    if f"merge={merge_driver.DRIVER_NAME}" not in _committed(git, ".gitattributes"):
        wanted[".gitattributes"] = _with_attributes(_text(folder / ".gitattributes"))
    if not _committed(git, SIGNERS_PATH):  # later lines are added by `shiftbook fleet admit`, in the open
        wanted[SIGNERS_PATH] = _with_signers(_text(folder / SIGNERS_PATH) or ledger_templates.SIGNERS, person, node)
    return wanted


def _text(path: Path) -> str:
    return path.read_text(encoding="utf-8", errors="surrogateescape") if path.exists() else ""


def _with_attributes(there: str) -> str:
    if f"merge={merge_driver.DRIVER_NAME}" in there:
        return there
    return there + ("\n" if there and not there.endswith("\n") else "") + merge_driver.ATTRIBUTES


def _with_signers(there: str, person: tuple[str, Key], node: tuple[str, Key]) -> str:
    """The first lines of the ledger's signers; what a run that was broken off wrote is not written twice."""
    lines = [
        Principal(name=person[0], roles=frozenset({"admin", "author"}), key=person[1].public).line,
        Principal(name=node[0], roles=frozenset({"node"}), key=node[1].public).line,
    ]
    there += "\n" if there and not there.endswith("\n") else ""
    return there + "".join(line + "\n" for line in lines if line not in there.splitlines())


def _unpushed(git: Git, branch: str) -> bool:
    refs: Mapping[str, str] = git.refs(f"refs/heads/{branch}", f"refs/remotes/origin/{branch}")
    return refs.get(f"refs/heads/{branch}") != refs.get(f"refs/remotes/origin/{branch}")


def _ledger_variables(url: str, branch: str) -> dict[str, str]:
    return {"SHIFTBOOK_LEDGER": url} | ({"SHIFTBOOK_BRANCH": branch} if branch != "main" else {})


def _with_free_name(git: Git, settings: Settings) -> tuple[Settings, list[str]]:
    """The settings with a name that no other machine's node has; written down where this machine's own was taken."""
    listed = read_signers(_committed(git, SIGNERS_PATH)).values()
    nodes = {each.name: each.key for each in listed if "node" in each.roles}
    _, key = ensure_keys(settings, settings.node)
    if settings.node not in nodes or key.public in nodes.values():
        return settings, []
    free = free_node_name(settings.node, nodes)
    taken = f"another machine is the node {settings.node} already"
    if settings.node_id:
        return settings.renamed(free), [f"{taken}: set SHIFTBOOK_NODE_ID={free} where you named this one"]
    done = _write_environment_file(settings, {"SHIFTBOOK_NODE_ID": free}, f"{taken}, so this one is {free}")
    return settings.renamed(free), done


def _write_environment_file(settings: Settings, wanted: Mapping[str, str], says: str) -> list[str]:
    """Writes into the home folder's `.env` what it does not set already. Returns `says`, with the file, if it did."""
    return [f"{says} ({settings.home / '.env'})"] if add_settings(settings, wanted) else []


def _setup_result(
    git: Git,
    folder: Path,
    url: str,
    branch: str,
    person: str,
    settings: Settings,
    done: Sequence[str],
    mended: tuple[str, ...],
) -> LedgerSetup:
    mine, node = ensure_keys(settings, person)
    signers = read_signers(_committed(git, SIGNERS_PATH))
    listed = signers.get(mine.public)
    name = listed.name if listed else person
    known = listed is not None and bool(listed.roles & {"author", "admin"})
    problem = admission_problem(settings.node, node.public, signers.values())
    asked = [] if known else [admit_command(name, mine.public, "author")]
    return LedgerSetup(
        folder=folder,
        remote=url,
        branch=branch,
        person=name,
        done=tuple(done),
        mended=mended,
        known=known,
        line=Principal(name=name, roles=frozenset({"author"}), key=mine.public).line,
        node=settings.node,
        node_known=not problem,
        admit=(*asked, *([admit_command(settings.node, node.public, "node")] if problem else [])),
        works_for=load_settings(home=settings.home).ledger,
        environment=settings.home / ".env",
    )
