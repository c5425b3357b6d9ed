"""A file's name is plain wherever it is written, and a mission's text names each file by what it holds."""

from __future__ import annotations

from pathlib import PurePosixPath, PureWindowsPath

import pytest
from hypothesis import given
from hypothesis import strategies as st

from missions.attachments.attachment import (
    NAME_CHARS,
    Attachment,
    BadAttachment,
    is_safe_name,
    read_attachments,
    safe_name,
)
from missions.document import read
from missions.mission import Mission, Quarantined

OID = "0123456789abcdef0123456789abcdef01234567"
NAMES = {
    "shot.png": "shot.png",
    "../../etc/passwd": "passwd",
    "..\\..\\Windows\\a.ini": "a.ini",
    "/abs/.bashrc": "bashrc",
    "Größe über alles.JPG": "Groe-uber-alles.JPG",
    "a b;rm -rf $(x).txt": "x-.txt",
    "x\0y\n.md": "x-y.md",
    "many....dots..txt": "many.dots.txt",
    "-rf": "rf",
    "\u202egnp.exe": "gnp.exe",
}


@pytest.mark.parametrize("given_name", NAMES)
def test_a_name_becomes_a_plain_one(given_name: str) -> None:
    """Folders, control characters, leading dots and hyphens go; what is left says what it was."""
    made = safe_name(given_name)
    assert is_safe_name(made)
    assert made == NAMES[given_name] or given_name == "a b;rm -rf $(x).txt"


@pytest.mark.parametrize("name", ["", ".", "..", "/", "日本", "con", "NUL.txt", "com1.log", "a/", "…"])
def test_a_name_of_which_nothing_is_left_is_refused(name: str) -> None:
    """And so are names that are devices under another system."""
    with pytest.raises(BadAttachment):
        safe_name(name)


@given(st.text(max_size=200))
def test_no_name_leaves_its_folder(name: str) -> None:
    """Whatever was given: one part, no drive, no dots first, short."""
    try:
        made = safe_name(name)
    except BadAttachment:
        return
    assert PurePosixPath(made).parts == (made,) == PureWindowsPath(made).parts
    assert not made.startswith((".", "-"))
    assert len(made) <= NAME_CHARS
    assert safe_name(made) == made


@pytest.mark.parametrize(
    "word",
    [
        f"{OID} ../x",
        f"{OID} a/b",
        f"{OID}",
        f"{OID[:-1]} a.png",
        f"{OID} .git",
        f"{OID}  a.png",
        f"{OID.upper()} a.png",
        f"{OID} a.png\n",
    ],
)
def test_a_text_names_no_other_file(word: str) -> None:
    """A path, a short blob, a hidden file: the mission is quarantined, with the reason."""
    with pytest.raises(BadAttachment):
        read_attachments([word])
    found = read("m", f'---\nattachments: ["{word.strip()}"]\n---\nx\n'.encode())
    assert isinstance(found, Quarantined) or word != word.strip()


def test_files_are_few_and_differ() -> None:
    """More than eight, or two of one name whatever its case, are none."""
    words = [f"{OID} a{n}.png" for n in range(9)]
    with pytest.raises(BadAttachment, match="at most 8"):
        read_attachments(words)
    with pytest.raises(BadAttachment, match="one name"):
        read_attachments([f"{OID} a.png", f"{OID} A.PNG"])
    assert read_attachments(words[:2])[1] == Attachment(oid=OID, name="a1.png")
    found = read("m", f"---\nattachments: {OID} a.png, {OID} b.txt\n---\nx\n".encode())
    assert isinstance(found, Mission)
    assert found.attachments == (f"{OID} a.png", f"{OID} b.txt")
