"""What does each role do? The table of roles, as far as this version goes."""

from __future__ import annotations

from enum import StrEnum


class Role(StrEnum):
    """A node's role. The word is what FACTORY_ROLE takes."""

    HEADQUARTERS = "HEADQUARTERS"
    LOCAL_WORKER = "LOCAL_WORKER"
    STANDALONE_NODE = "STANDALONE_NODE"

    @classmethod
    def read(cls, word: str) -> Role:
        """The role that a word names. An unknown word is LOCAL_WORKER, the least privileged."""
        return cls.__members__.get(word.strip().upper(), cls.LOCAL_WORKER)

    @property
    def label(self) -> str:
        """How people see it."""
        return {"HEADQUARTERS": "HQ", "LOCAL_WORKER": "worker", "STANDALONE_NODE": "standalone"}[self.value]
