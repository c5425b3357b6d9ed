"""Which releases has the program's repository, and which of them are signed by somebody whose word counts here?

A release is an annotated tag `v1.2.3`, signed with SSH by a key in the file of release signers that this machine's
owner keeps. Neither the ledger nor whoever may push there has a say in which program runs.
"""

from __future__ import annotations

import re
import shutil
import tarfile
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath

from orchestrator.core.errors import NotFound, Refused
from orchestrator.core.release_tag import TAG, version_key
from sync.git import Git
from sync.refs.growing_fetch import bring
from sync.remote import Oid
from sync.signatures import Verifier

SIGNATURE = b"-----BEGIN SSH SIGNATURE-----"
FETCH_SILENCE_SECONDS = 600.0
MAX_TAG_BYTES = 64 * 1024
MAX_FILES, MAX_BYTES = 20_000, 256 * 1024 * 1024
"""What the source of one release may hold."""


@dataclass(frozen=True, kw_only=True)
class Release:
    """A release whose signature counts."""

    tag: str
    commit: Oid
    signer: str


@dataclass
class ReleaseSource:
    """The program's repository at `url`, as a bare clone in `folder`; `signers` is a text as `allowed_signers` is."""

    url: str
    folder: Path
    signers: str
    refused: dict[str, str] = field(default_factory=dict)
    """Tag → why it does not count."""
    _moved: set[str] = field(default_factory=set)

    def fetch(self) -> None:
        """Gets the tags. One that names something else than before counts no more, either way. Raises SyncError."""
        self.folder.mkdir(parents=True, exist_ok=True)
        git = Git(self.folder)
        if not (self.folder / "HEAD").is_file():
            git.run("init", "--bare", "--quiet", ".")
        wanted = "refs/tags/v*:refs/tags/v*"
        words = ("fetch", "--no-tags", "--no-write-fetch-head", "--", self.url, wanted)
        objects = self.folder / "objects"
        code, err = bring(git, *words, objects=objects, silence=FETCH_SILENCE_SECONDS, codes=(0, 1), ours=True)
        for line in err.splitlines() if code else ():
            moved = re.search(r"\[rejected\] +\S+ +-> (\S+)", line)
            if moved:
                self._moved.add(moved[1])

    def releases(self) -> list[Release]:
        """The releases that count, newest first."""
        git, verifier = Git(self.folder), Verifier(self.signers)
        found = []
        for ref, oid in git.refs("refs/tags/").items():
            tag = ref.removeprefix("refs/tags/")
            if tag in self._moved:
                self.refused[tag] = "it names something else at the source than when it was first seen"
            elif TAG.fullmatch(tag):
                release = self._verified(git, verifier, tag, oid)
                found += [release] if release else []
        return sorted(found, key=lambda each: version_key(each.tag), reverse=True)

    def release(self, tag: str) -> Release:
        """One release. Raises NotFound, and Refused with the reason where it does not count."""
        version_key(tag)
        for each in self.releases():
            if each.tag == tag:
                return each
        if tag in self.refused:
            raise Refused(f"{tag} is not installed: {self.refused[tag]}")
        raise NotFound(f"{self.url} has no release {tag}")

    def export(self, release: Release, folder: Path) -> None:
        """Writes a release's files into `folder`. Raises SyncError, Refused for more than a program has."""
        with tempfile.TemporaryFile() as packed:
            out, more = Git(self.folder).beginning("archive", "--format=tar", release.commit, roof=MAX_BYTES)
            if more:
                raise Refused(f"{release.tag} has more than {MAX_BYTES // 1024**2} MiB of files")
            packed.write(out)
            packed.seek(0)
            with tarfile.open(fileobj=packed) as archive:
                members = archive.getmembers()
                if len(members) > MAX_FILES:
                    raise Refused(f"{release.tag} has more than {MAX_FILES} files")
                _unpack(archive, members, folder, release.tag)

    def _verified(self, git: Git, verifier: Verifier, tag: str, oid: Oid) -> Release | None:
        """The release, if its tag says that it is this one and somebody signed it whose word counts."""
        if git.text("cat-file", "-t", oid) != "tag":
            self.refused[tag] = "it is no signed tag"
            return None
        raw, more = git.beginning("cat-file", "tag", oid, roof=MAX_TAG_BYTES)
        payload, marker, rest = raw.partition(SIGNATURE)
        head = dict(line.split(b" ", 1) for line in payload.partition(b"\n\n")[0].splitlines() if b" " in line)
        if more or not marker:
            self.refused[tag] = "it is not signed with SSH"
        elif head.get(b"tag") != tag.encode() or head.get(b"type") != b"commit":
            self.refused[tag] = "its signature is for something else"
        else:
            who = verifier.signer(payload, (marker + rest).decode("utf-8", "replace"))
            if who is not None:
                return Release(tag=tag, commit=head[b"object"].decode("ascii"), signer=who.name)
            self.refused[tag] = "nobody signed it whose word counts here"
        return None


def _unpack(archive: tarfile.TarFile, members: Sequence[tarfile.TarInfo], folder: Path, tag: str) -> None:
    """Writes folders and plain files, as a program has them. Raises Refused for anything else, and for a way out.

    tarfile's own filter for that came with Python 3.11.4 and 3.12; Debian 12 has 3.11.2.
    """
    for member in members:
        path = PurePosixPath(member.name)
        if path.is_absolute() or ".." in path.parts or not (member.isdir() or member.isfile()):
            raise Refused(f"{tag} has {member.name!r}, which is no file or folder of a program")
        target = folder / path
        if member.isdir():
            target.mkdir(parents=True, exist_ok=True)
            continue
        target.parent.mkdir(parents=True, exist_ok=True)
        content = archive.extractfile(member)
        assert content is not None  # it is a plain file
        with content, target.open("xb") as file:
            shutil.copyfileobj(content, file)
        target.chmod(0o755 if member.mode & 0o100 else 0o644)
