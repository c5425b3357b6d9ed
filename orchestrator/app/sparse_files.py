"""Which files of a large ledger does a person's clone leave out of its folder, and how are they got back?

Git writes every file of the branch into the folder, and looks at each of them again for every `git status`: of years
of finished missions these are millions. What is finished, the memos and the old journal are left out then. They are in
the clone all the same: `shiftbook mission show` and `git show` read them, `git sparse-checkout disable` writes them.
"""

from __future__ import annotations

from itertools import islice

from missions.archive_path import ARCHIVE_FOLDER, MEMO_FOLDER
from missions.attachments import attachment
from missions.template_fields import TEMPLATES_FOLDER
from orchestrator.ledger.conflicts import CONFLICTS_FOLDER
from sync.git import Git

MAX_WRITTEN_FILES = 20_000
"""Finished missions' files up to which a clone has all files: git looks through so many in a tenth of a second."""
LEFT_OUT = frozenset({ARCHIVE_FOLDER.partition("/")[0], MEMO_FOLDER, "log"})
"""Folders at the top that are not written whole."""
WRITTEN = (attachment.FOLDER, TEMPLATES_FOLDER, "missions/patches", CONFLICTS_FOLDER, "knowledge", "projects")
"""Folders that are written though there may be nothing in them yet: others fill them later, and so do people."""
SAYS = "left {} out of the folder, because there are years of them: `git sparse-checkout disable` brings the files"


def leave_out_finished(git: Git, folders: frozenset[str] = LEFT_OUT) -> list[str]:
    """Tells a clone without any files yet which it is to have. Returns what was done, in words; nothing in a ledger
    whose finished missions are few."""
    listed = git.lines("ls-tree", "-r", "--name-only", "HEAD", "--", ARCHIVE_FOLDER)
    if not any(True for _ in islice(listed, MAX_WRITTEN_FILES, None)):
        return []
    del listed  # which ends the command
    open_missions = ARCHIVE_FOLDER.partition("/")[0]
    whole = [name for name in _folders(git, "HEAD") if name not in folders]
    whole += [name for name in _folders(git, "HEAD", f"{open_missions}/") if name != ARCHIVE_FOLDER]
    git.run("sparse-checkout", "init", "--cone", "--sparse-index")  # to git before 2.35 these are no options of `set`
    # Of a folder above one that is named, git has the files and no other folder: so it is for the open missions.
    git.run("sparse-checkout", "set", "--", *sorted({*whole, *WRITTEN}))
    return [SAYS.format("finished missions, memos and the older journal")]


def _folders(git: Git, *where: str) -> list[str]:
    return [name for name in git.text("ls-tree", "-d", "--name-only", "-z", *where).split("\0") if name]
