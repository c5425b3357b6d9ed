"""Which words are made-up projects told in? A vocabulary of plain English that a small model knows, too."""

from __future__ import annotations

SETTINGS = (
    "Cache size",
    "Retry limit",
    "Batch size",
    "Upload timeout",
    "Worker count",
    "Page length",
    "Queue depth",
    "Backup interval",
)
"""Names of settings; each project has some of them, so that two projects know the same name with other values."""
PROJECTS = (
    "atlas",
    "birch",
    "cobalt",
    "delta",
    "ember",
    "fjord",
    "garnet",
    "harbor",
    "iris",
    "juniper",
    "krill",
    "lumen",
)
MODES = ("parallel", "serial", "cached", "fresh", "sharded", "staged")
"""Ways in which a build can be run."""
ERRORS = (
    "index locked by worker {number}",
    "checksum of part {number} differs",
    "no room for segment {number}",
    "stale manifest in slot {number}",
    "link {number} points nowhere",
)
REASONS = (
    "the load test of that day was too slow",
    "two customers ran into the limit",
    "the smaller machines ran out of memory",
    "the nightly report took twice as long",
    "support asked for it after an outage",
)
WORK = (
    "Renamed three classes in the import module",
    "Wrote a test for empty uploads",
    "Moved the static files to their own folder",
    "Cleaned up the admin page",
    "Made the error page readable on phones",
    "Took dead code out of the parser",
    "Documented the import format",
    "Split the scheduler into two modules",
    "Updated the two oldest dependencies",
    "Measured how long a cold start takes",
)
CHECKS = ("the import of large files", "the admin page on phones", "the nightly report", "the order of menu entries")
AGENTS = (("desktop", "builtin"), ("vps", "claude"), ("desktop", "codex"))
SEPARATORS = (("equals", "name = value"), ("colon", "name: value"))
"""The two ways in which a project may write its settings; its standing rule says which."""
