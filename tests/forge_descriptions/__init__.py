"""The makers' published descriptions of the three forges' APIs, and what an exchange has to do with them.

GitHub's comes as a package (`.ci/descriptions`). No package has GitLab's and Forgejo's: beside this stand tables of the
names and types that we use, taken from the makers' files; `SHIFTBOOK_TEST_FORGE_DESCRIPTIONS` names a folder with
`github.json`, `gitlab.yaml` and `forgejo.json`, where somebody has the whole files.
"""
