"""Which words of a text are paths, and where do they lead?"""

import pytest

from handoff.paths import is_missing, link_targets, named_paths, resolve_path


@pytest.mark.parametrize(
    ("text", "paths"),
    [
        ("`src/a.py` and `./b.js:12`", ("src/a.py", "b.js")),
        ("see docs/use.md, then README_FIRST.md.", ("docs/use.md", "README_FIRST.md")),
        ("`src/*.py` `<x>/a.py` `~/a.py` `/etc/a.py` `pip install a.py` `a.b.c`", ()),
        ("https://x.io/a/b.py and git@x.io:a/b.py", ()),
        ("Node.js, React.js, e.g. this, 1.2.3, and/or", ()),
        ("[a](docs/use.md)", ()),
    ],
)
def test_only_what_clearly_is_a_path_counts(text: str, paths: tuple[str, ...]) -> None:
    """Code with an extension, and plain words with a folder or a tier's name."""
    assert named_paths(text) == paths


def test_links_are_given_without_anchors() -> None:
    """Addresses, anchors alone and code are no relative links."""
    text = "[a](x.md#y) ![b](<my pic.png>) [c](#d) [e](https://x.io) [f](word) `[g](h.md)` [i](../j.md?k)"
    assert list(link_targets(text)) == ["x.md", "my pic.png", "../j.md"]


def test_a_path_is_there_if_a_file_ends_so() -> None:
    """Documents name files from the root, from their own folder, or by their last parts."""
    files = {"src/app/main.py", "docs/use.md"}
    assert not is_missing("src/app/main.py", files)
    assert not is_missing("app/main.py", files)
    assert not is_missing("use.md", files, "docs")
    assert is_missing("pp/main.py", files)
    assert resolve_path("docs/a", "../b/./c.md") == "docs/b/c.md"
