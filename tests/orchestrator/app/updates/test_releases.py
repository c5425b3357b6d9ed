"""Which releases count: signed tags that say what they are, by those whose word counts, and nothing else."""

from __future__ import annotations

import io
import subprocess
import tarfile
from pathlib import Path

import pytest

from orchestrator.app.updates import releases
from orchestrator.app.updates.releases import ReleaseSource
from orchestrator.core.errors import NotFound, Refused
from orchestrator.core.release_tag import version_key
from sync.git import Git
from sync.signatures import Key, make_key


class Upstream:
    """The program's repository, with its releaser's key."""

    def __init__(self, folder: Path) -> None:
        self.folder, self.keys = folder / "upstream", folder / "keys"
        self.folder.mkdir()
        self.git = Git(self.folder)
        self.git.run("init", "--quiet", "-b", "main", ".")
        self.releaser = make_key(self.keys / "releaser", "releaser")
        self.stranger = make_key(self.keys / "stranger", "stranger")

    def commit(self, text: str) -> str:
        (self.folder / "program.py").write_text(text)
        self.git.run("add", "--all")
        self.git.run("-c", "user.name=R", "-c", "user.email=r@example.org", "commit", "--quiet", "-m", text)
        return self.git.text("rev-parse", "HEAD")

    def tag(self, name: str, *, key: Key | None = None, inside: str = "", target: str = "HEAD") -> None:
        """A tag; signed by `key`, and called `inside` within, where those are given."""
        oid = self.git.text("rev-parse", target)
        kind = self.git.text("cat-file", "-t", oid)
        body = f"object {oid}\ntype {kind}\ntag {inside or name}\ntagger R <r@example.org> 1700000000 +0000\n\n{name}\n"
        signed = body + (key.sign(body.encode()) if key else "")
        made = self.git.run("hash-object", "-t", "tag", "-w", "--stdin", stdin=signed.encode()).decode().strip()
        self.git.run("update-ref", f"refs/tags/{name}", made)


@pytest.fixture(scope="module")
def upstream(tmp_path_factory: pytest.TempPathFactory) -> Upstream:
    made = Upstream(tmp_path_factory.mktemp("releases"))
    made.commit("one")
    made.tag("v1.0.0", key=made.releaser)
    made.commit("two")
    made.tag("v1.2.0", key=made.releaser)
    made.tag("v1.10.0", key=made.releaser)
    made.tag("v2.0.0", key=made.stranger)
    made.tag("v3.0.0")
    made.tag("v4.0.0", key=made.releaser, inside="v1.0.0")
    made.tag("v5.0.0", key=made.releaser, target="HEAD^{tree}")
    made.git.run("tag", "v6.0.0")
    made.tag("v7.0.0-rc1", key=made.releaser)
    made.tag("v01.0.0", key=made.releaser)
    return made


def source(upstream: Upstream, folder: Path, *keys: Key) -> ReleaseSource:
    signers = "".join(f"releases@example.org {key.public}\n" for key in keys or (upstream.releaser,))
    return ReleaseSource(url=str(upstream.folder), folder=folder / "source.git", signers=signers)


def test_signed_releases_are_found_newest_first_by_number(upstream: Upstream, tmp_path: Path) -> None:
    found = source(upstream, tmp_path)
    found.fetch()
    assert [each.tag for each in found.releases()] == ["v1.10.0", "v1.2.0", "v1.0.0"]
    assert {each.signer for each in found.releases()} == {"releases@example.org"}


def test_each_that_does_not_count_says_why(upstream: Upstream, tmp_path: Path) -> None:
    found = source(upstream, tmp_path)
    found.fetch()
    found.releases()
    assert found.refused == {
        "v2.0.0": "nobody signed it whose word counts here",
        "v3.0.0": "it is not signed with SSH",
        "v4.0.0": "its signature is for something else",
        "v5.0.0": "its signature is for something else",
        "v6.0.0": "it is no signed tag",
    }


def test_one_that_does_not_count_is_not_had_by_its_name_either(upstream: Upstream, tmp_path: Path) -> None:
    found = source(upstream, tmp_path)
    found.fetch()
    assert found.release("v1.2.0").tag == "v1.2.0"
    with pytest.raises(Refused, match=r"v2\.0\.0 is not installed: nobody signed it"):
        found.release("v2.0.0")
    with pytest.raises(NotFound, match=r"has no release v9\.9\.9"):
        found.release("v9.9.9")


@pytest.mark.parametrize("name", ["main", "v1.0", "v1.0.0-rc1", "--upload-pack=x", "../v1.0.0", "v1.0.0\n", "v٣.0.0"])
def test_only_a_release_s_name_is_asked_for(upstream: Upstream, tmp_path: Path, name: str) -> None:
    with pytest.raises(Refused, match="no release"):
        source(upstream, tmp_path).release(name)


def test_a_signer_who_is_taken_out_counts_no_more(upstream: Upstream, tmp_path: Path) -> None:
    found = source(upstream, tmp_path, upstream.stranger)
    found.fetch()
    assert [each.tag for each in found.releases()] == ["v2.0.0"]


def test_a_signature_over_other_words_does_not_count(upstream: Upstream, tmp_path: Path) -> None:
    raw = upstream.git.run("cat-file", "tag", "v1.2.0").replace(b"\n\nv1.2.0\n", b"\n\nv1.2.0 and more\n")
    oid = upstream.git.run("hash-object", "-t", "tag", "-w", "--stdin", stdin=raw).decode().strip()
    upstream.git.run("update-ref", "refs/tags/v8.0.0", oid)
    try:
        found = source(upstream, tmp_path)
        found.fetch()
        assert "v8.0.0" not in [each.tag for each in found.releases()]
        assert found.refused["v8.0.0"] == "its signature is for something else"
    finally:
        upstream.git.run("update-ref", "-d", "refs/tags/v8.0.0")


def test_a_tag_that_moved_at_the_source_counts_no_more(tmp_path: Path) -> None:
    """Neither what it was first nor what it is now: nobody knows which of them is meant."""
    own = Upstream(tmp_path)
    own.commit("one")
    own.tag("v1.0.0", key=own.releaser)
    found = source(own, tmp_path)
    found.fetch()
    own.commit("another one")
    own.tag("v1.0.0", key=own.releaser)
    own.tag("v1.1.0", key=own.releaser)
    found.fetch()
    assert [each.tag for each in found.releases()] == ["v1.1.0"]
    with pytest.raises(Refused, match=r"v1\.0\.0 is not installed: it names something else at the source"):
        found.release("v1.0.0")
    assert found.release("v1.1.0").tag == "v1.1.0", "one tag that moved keeps no other away"


def test_an_export_holds_the_files_of_that_very_commit(upstream: Upstream, tmp_path: Path) -> None:
    found = source(upstream, tmp_path)
    found.fetch()
    found.export(found.release("v1.0.0"), tmp_path / "out")
    assert (tmp_path / "out/program.py").read_text() == "one"


def test_an_export_is_bounded(upstream: Upstream, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    found = source(upstream, tmp_path)
    found.fetch()
    release = found.release("v1.0.0")
    monkeypatch.setattr(releases, "MAX_FILES", 0)
    with pytest.raises(Refused, match="more than 0 files"):
        found.export(release, tmp_path / "out")
    monkeypatch.setattr(releases, "MAX_BYTES", 10)
    with pytest.raises(Refused, match="MiB of files"):
        found.export(release, tmp_path / "out")
    assert not (tmp_path / "out/program.py").exists()


def test_a_link_out_of_the_folder_is_not_unpacked(tmp_path: Path) -> None:
    own = Upstream(tmp_path)
    (own.folder / "away").symlink_to("/etc/hostname")
    own.commit("one")
    own.tag("v1.0.0", key=own.releaser)
    found = source(own, tmp_path)
    found.fetch()
    with pytest.raises(Refused, match=r"v1\.0\.0 has 'away', which is no file or folder of a program"):
        found.export(found.release("v1.0.0"), tmp_path / "out")
    assert not (tmp_path / "out/away").is_symlink()


@pytest.mark.parametrize(
    ("name", "kind"),
    [
        ("/etc/passwd", tarfile.REGTYPE),
        ("a/../../b", tarfile.REGTYPE),
        ("..", tarfile.DIRTYPE),
        ("hard", tarfile.LNKTYPE),
        ("pipe", tarfile.FIFOTYPE),
        ("device", tarfile.CHRTYPE),
    ],
)
def test_nothing_but_files_and_folders_below_it_is_unpacked(tmp_path: Path, name: str, kind: bytes) -> None:
    """Whatever a tree of git's may be made to hold; what came before it stays the release's own."""
    packed, folder = io.BytesIO(), tmp_path / "out"
    with tarfile.open(fileobj=packed, mode="w") as archive:
        for entry in (tarfile.TarInfo("good/program.py"), tarfile.TarInfo(name)):
            entry.mode, entry.linkname = 0o4755, "/etc/hostname"
            entry.type = kind if entry.name == name else tarfile.REGTYPE
            archive.addfile(entry)
    packed.seek(0)
    with tarfile.open(fileobj=packed) as archive, pytest.raises(Refused, match="no file or folder of a program"):
        releases._unpack(archive, archive.getmembers(), folder, "v1.0.0")
    assert [path for path in tmp_path.rglob("*") if path.is_file()] == [folder / "good/program.py"]
    assert (folder / "good/program.py").stat().st_mode & 0o7777 == 0o755


def test_a_source_that_is_away_is_said(tmp_path: Path) -> None:
    found = ReleaseSource(url=str(tmp_path / "nowhere"), folder=tmp_path / "source.git", signers="")
    with pytest.raises(Exception, match="nowhere"):
        found.fetch()


def test_git_itself_signs_tags_that_count(tmp_path: Path) -> None:
    """What `git tag -s` writes, not only what these tests do."""
    own = Upstream(tmp_path)
    own.commit("one")
    signing = ["-c", "gpg.format=ssh", "-c", f"user.signingKey={own.keys / 'releaser'}"]
    who = ["-c", "user.name=R", "-c", "user.email=r@example.org"]
    subprocess.run(["git", *signing, *who, "tag", "-s", "-m", "one", "v1.0.0"], cwd=own.folder, check=True)
    found = source(own, tmp_path)
    found.fetch()
    assert [each.tag for each in found.releases()] == ["v1.0.0"]


def test_versions_are_compared_as_numbers() -> None:
    assert version_key("v1.10.0") > version_key("v1.9.9")
