"""Does a line stand before each command that deletes what cannot be had back?"""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from handoff.answers.destructive import GuardedStream, destroys, guard_line, with_guarded_fields, with_guards
from missions import document
from missions.mission import Mission

DESTROYS = (
    "rm -rf build",
    "sudo rm -r *",
    "sudo rm -Rf /home/old_name",
    "rm --recursive x",
    "find . -name '*.pyc' -delete",
    "find / -exec rm {} +",
    "ls | xargs rm",
    "mkfs.ext4 /dev/sdb1",
    "dd if=/dev/zero of=/dev/sda bs=1M",
    "cat image > /dev/nvme0n1",
    "git push --force origin main",
    "git push -f",
    "git push --force-with-lease",
    "git push origin +main",
    "git push origin --delete old",
    "git -C repo reset --hard HEAD~3",
    "git clean -fdx",
    "git checkout -- .",
    "git branch -D topic",
    "git stash clear",
    "DROP TABLE users;",
    "drop database shop",
    "DELETE FROM orders;",
    "TRUNCATE TABLE orders",
    "redis-cli FLUSHALL",
    "chmod -R 777 /",
    "chown -R me /srv",
    "kubectl delete namespace shop",
    "helm uninstall shop",
    "docker system prune -af",
    "docker compose down -v",
    "terraform destroy",
    "aws s3 rm s3://bucket --recursive",
    "shutil.rmtree(path)",
    "rsync -a --delete a/ b/",
    "Remove-Item -Recurse C:\\temp",
    "rm \\\n  -rf /srv",
)
HARMLESS = (
    "git push origin main",
    "git status",
    "git reset HEAD file",
    "git checkout -b topic",
    "rm is a program that removes files",
    "the form of the argument",
    "kubectl get pods",
    "chmod +x run.sh",
    "docker ps",
    "DROP is a word of SQL",
    "add a test",
    "terraform plan",
    "Remove the old page from the book.",
)


@pytest.mark.parametrize("line", DESTROYS)
def test_what_destroys_is_seen(line: str) -> None:
    """In a sentence as on a line of its own, and the guard stands before it."""
    for text in (line, f"Run `{line}` now.", f"First:\n\n```sh\n$ {line}\n```\n"):
        assert destroys(text)
        shown = with_guards(text)
        guard = guard_line(destroys(text))
        assert guard in shown
        assert shown.index(guard) < shown.index(line.partition(" ")[0])
        assert shown.replace(f"{guard}\n", "") == text


@pytest.mark.parametrize("line", HARMLESS)
def test_what_does_not_is_left_alone(line: str) -> None:
    """A guard before everything would be read by nobody."""
    assert with_guards(line) == line


@given(
    st.lists(st.sampled_from([*DESTROYS, *HARMLESS, "\n", " ", "`", "text "]), max_size=8).map("".join),
    st.integers(1, 7),
)
def test_a_stream_loses_nothing_and_guards_as_much(text: str, size: int) -> None:
    """However a text is cut into pieces: all of it comes, and nothing that destroys without a guard before it."""
    stream = GuardedStream()
    shown = "".join(stream.take(text[at : at + size]) for at in range(0, len(text), size)) + stream.close()
    guards = [line for line in shown.splitlines() if "nothing of it was run" in line]
    assert bool(guards) is bool(destroys_any(text))
    left = shown
    for guard in guards:
        left = left.replace(f"\n{guard}\n", "", 1) if f"\n{guard}\n" in left else left.replace(f"{guard}\n", "", 1)
    assert "".join(left.split()) == "".join(text.split())


def destroys_any(text: str) -> bool:
    """Whether any of its lines does."""
    return with_guards(text) != text


def test_a_proposed_mission_stays_readable() -> None:
    """In the front matter the guard is a comment above the field, also of a command of several lines."""
    text = "---\ntitle: Tidy\nagent: command\nrun: |\n  cd build\n  rm -rf out\n---\nThen `git push --force`.\n"
    guarded = with_guarded_fields(text)
    assert guarded.index("# This deletes or overwrites files") < guarded.index("run: |")
    assert guarded.index("This deletes or overwrites commits") < guarded.index("Then `git push")
    read = document.read("missions/tidy.md", guarded.encode())
    assert isinstance(read, Mission)
    assert read.run == "cd build\nrm -rf out\n"
