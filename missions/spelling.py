"""Which known word did somebody mean who spelled another one?"""

from __future__ import annotations

from collections.abc import Iterable


def did_you_mean(word: str, known: Iterable[str]) -> str:
    """“did you mean X?” for the known word that is spelled most alike; "" where none is near."""
    from difflib import get_close_matches  # here, because every list of missions loads this

    near = get_close_matches(str(word).strip().lower(), list(known), n=1, cutoff=0.6)
    return f"did you mean {near[0]}?" if near else ""


def instead_of(word: str, known: Iterable[str]) -> str:
    """What to write instead: the word that was meant, or all that there are."""
    words = list(known)
    return did_you_mean(word, words) or f"one of {', '.join(words)}"
