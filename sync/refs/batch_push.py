"""How are many new refs pushed at a cost that grows with their number alone?

`git push` compares the name of each ref that it is told with those of all refs on both sides, and each expectation with
those of the remote: a hundred new ones beside a thousand that stand took it 200 ms of processor time, 20 this way. A
pattern is looked up instead. It means whatever lies below it: so the push goes out from a repository that has the new
refs and no others, with this clone's objects. An expectation without names means, for one that knows nothing of the
remote, that none of them is there yet.
"""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Sequence
from pathlib import Path

from sync.git import Git
from sync.refs.packed_refs import many_new
from sync.remote import RefUpdate

_BELOW = "refs/shiftbook/"


def is_batch(updates: Sequence[RefUpdate]) -> bool:
    """Whether all of these are new refs, and many."""
    new = many_new(updates)
    return bool(new) and all(ref.startswith(_BELOW) for ref in new)


def push_new_refs(
    git: Git, words: Sequence[str], url: str, updates: Sequence[RefUpdate], *, timeout: float
) -> tuple[int, bytes, str]:
    """Pushes them with `words`, each only if it does not exist. Exit code, output, errors; raises GitTimeout."""
    with tempfile.TemporaryDirectory(prefix="shiftbook-") as folder:
        _make_repository(Path(folder), git.folder / "config", updates)
        objects = {"GIT_OBJECT_DIRECTORY": str((git.folder / "objects").absolute())}
        sender = Git(Path(folder), env={**git.env, **objects})
        asked = [*words, "--force-with-lease", "--", url, f"{_BELOW}*:{_BELOW}*"]
        return sender.call(*asked, timeout=timeout, codes=range(256))


def _make_repository(folder: Path, config: Path, updates: Sequence[RefUpdate]) -> None:
    """What makes a folder a repository (gitrepository-layout(5)), with these refs in one file."""
    (folder / "objects").mkdir()
    (folder / "refs").mkdir()
    (folder / "HEAD").write_text("ref: refs/heads/main\n", encoding="ascii")
    shutil.copyfile(config, folder / "config")
    lines = sorted(f"{update.ref} {update.new}" for update in updates)
    refs = "".join("{1} {0}\n".format(*line.split(" ")) for line in lines)
    (folder / "packed-refs").write_text(f"# pack-refs with: peeled fully-peeled \n{refs}", encoding="utf-8")
