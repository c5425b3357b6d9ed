"""In which encoding was this document saved, and what does it say?

Some editors on Windows save UTF-16. Git takes such a file for binary, so that nobody sees a change to it and no merge
works; it must be readable all the same, so that the check can say so.
"""

import codecs

_MARKS = (
    (codecs.BOM_UTF8, "utf-8-sig"),
    (codecs.BOM_UTF32_LE, "utf-32"),
    (codecs.BOM_UTF32_BE, "utf-32"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
)


def decode(raw: bytes) -> tuple[str, str]:
    """Text and encoding ("utf-8", "utf-8-sig", "utf-16", "utf-32" or, where nothing else fits, "windows-1252")."""
    named = next((encoding for mark, encoding in _MARKS if raw.startswith(mark)), "utf-8")
    for encoding in (named, "windows-1252"):
        try:
            return raw.decode(encoding), encoding
        except UnicodeDecodeError:
            continue
    return raw.decode("utf-8", "replace"), "unknown"


def readable_text(raw: bytes) -> str:
    """What a document says, to be read: line by line where editors and nodes wrote into it in two encodings."""
    text, encoding = decode(raw)
    if encoding not in ("windows-1252", "unknown"):
        return text
    return "".join(decode(line)[0] for line in raw.splitlines(keepends=True))


def lossless_text(raw: bytes) -> str:
    """A document's text to write into: encoded as UTF-8 with "surrogateescape" its bytes come back as they were.

    Only what has two or four bytes a letter becomes UTF-8: nothing that is written into it could be read.
    """
    text, encoding = decode(raw)
    return text if encoding in ("utf-16", "utf-32") else raw.decode("utf-8", "surrogateescape")
