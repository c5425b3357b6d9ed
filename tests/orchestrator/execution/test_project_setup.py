"""Is a project set up once for each state of its lock files, and can its tests use what that left, but harm nothing?"""

from __future__ import annotations

import os
import re
import threading
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import pytest

from missions.mission import Mission
from orchestrator.adapters.agents.command import CommandAgent
from orchestrator.adapters.sandbox.bubblewrap import Bubblewrap
from orchestrator.core.errors import WrongSetting
from orchestrator.core.ports.agent import AgentJob, DevServiceSpec, Outcome, Project
from orchestrator.execution.project_setup import LOCK_FILES, ProjectSetups, registry_access, setup_key
from orchestrator.execution.workspace.clone import Workspaces
from orchestrator.execution.workspace.run_tools import machine_tools
from tests.orchestrator.repositories import Server
from tests.waiting import PATIENCE

VENV = """\
mkdir -p .venv/bin pkg.egg-info && touch .venv/made && echo x >> count.log
printf '#!/bin/sh\\ncat "%s/src/value"\\n' "$PWD" > .venv/bin/value && chmod +x .venv/bin/value
"""
"""What a virtual environment with an editable install comes to: a program that names its tree by an absolute path."""


@dataclass
class Bench:
    """A node that runs command lines on one project with a set-up."""

    server: Server
    sandbox: Bubblewrap
    tmp: Path
    said: list[str] = field(default_factory=list)
    number: int = 0
    user: Path | None = None
    environ: Mapping[str, str] = field(default_factory=dict)

    @property
    def home(self) -> Path:
        """The home folder of the node's user."""
        home = self.user or self.tmp / "home"
        home.mkdir(exist_ok=True)
        return home

    def run(self, line: str, stop: threading.Event | None = None, **fields: object) -> Outcome:
        """One attempt."""
        self.number += 1
        folder = self.tmp / f"job-{self.number}"
        folder.mkdir()
        self.folder = folder
        project = Project(name="shop", url=str(self.server.folder), **fields)  # type: ignore[arg-type]
        mission = Mission(
            name="fix", title="Fix", body="do", agent="command", run=line, project="shop", timeout_seconds=60
        )
        spaces = Workspaces(cache=self.tmp / "cache")
        setups = ProjectSetups(
            sandbox=self.sandbox,
            workspaces=spaces,
            private=self.tmp / ".shiftbook",
            home=self.home,
            environ=self.environ,
        )
        agent = CommandAgent(sandbox=self.sandbox, workspaces=spaces, node="desk", setups=setups)
        job = AgentJob(
            mission=mission, attempt=self.number, project=project, context="", folder=folder, say=self.said.append
        )
        return agent.run(job, stop or threading.Event())


@pytest.fixture
def bench(server: Server, bubblewrap: Bubblewrap, tmp_path: Path) -> Bench:
    """A bench whose project has a lock file and a source that its set-up leads to."""
    server.push({"uv.lock": "1\n", "src/value": "of main\n", ".gitignore": ".venv/\n"})
    return Bench(server=server, sandbox=bubblewrap, tmp=tmp_path)


def test_set_up_once_and_shared(bench: Bench) -> None:
    """The set-up's programs are on PATH and read the run's own tree, not the one that they were made in; nothing can
    be changed in them, and nothing of them is in the diff. A second run makes nothing; another lock file does."""
    line = "echo mine > src/value; value; ls .venv; touch .venv/bad || echo kept; touch pkg.egg-info; git status -s"
    outcome = bench.run(line, setup=VENV, test="value | grep mine")
    assert (outcome.ok, outcome.error, outcome.tested) == (True, "", True)
    assert "mine\nbin\nmade\n" in outcome.output
    assert "kept\n" in outcome.output
    assert " M src/value" in outcome.output
    assert [path for path in outcome.files if path != "pkg.egg-info"] == ["src/value"]
    assert sum("the project's setup" in line for line in bench.said) == 1
    assert bench.run("value", setup=VENV).output.startswith("of main")
    assert sum("the project's setup" in line for line in bench.said) == 1
    bench.server.push({"uv.lock": "2\n"})
    changed = bench.run("echo 3 > uv.lock", setup=VENV)
    assert "uv.lock was changed: this was tested with the set-up of the default branch" in changed.notes[-1]
    assert sum("the project's setup" in line for line in bench.said) == 2


def test_a_failed_set_up_is_told_and_made_again(bench: Bench) -> None:
    """With its line, its exit code and the end of what it printed; it is not taken for a set-up the next time."""
    for _ in range(2):
        outcome = bench.run("true", setup="echo no such package; exit 7")
        assert not outcome.ok
        assert "the set-up of shop ended with exit code 7" in outcome.error
        assert "no such package" in outcome.error
    assert sum("the project's setup" in line for line in bench.said) == 2


def test_no_link_leads_a_view_elsewhere(bench: Bench, tmp_path: Path) -> None:
    """A tree whose folder became a link gets nothing shown through it, and nothing is made where the link leads."""
    (tmp_path / "outside").mkdir()
    setup = "mkdir -p src/deps && echo x > src/deps/x"
    line = f"mv src old && ln -s {tmp_path}/outside src"
    outcome = bench.run(line, setup=setup, test="true")
    assert outcome.tested
    assert list((tmp_path / "outside").iterdir()) == []


def test_tools_are_shown_and_not_written(bench: Bench) -> None:
    """A tool's folder is on PATH, under its own path, read-only."""
    bin_ = bench.home / ".pyenv" / "shims"
    bin_.mkdir(parents=True)
    (bin_ / "tool").write_text("#!/bin/sh\necho root $PYENV_ROOT\n")
    (bin_ / "tool").chmod(0o755)
    outcome = bench.run(f"tool; touch {bin_}/bad || echo kept", tools=("~/.pyenv", "~/.absent"))
    assert f"root {bench.home}/.pyenv\n" in outcome.output
    assert "kept\n" in outcome.output


def test_secret_files_are_for_tests_only(bench: Bench) -> None:
    """The agent's run does not see it, the project's tests do, and its value is struck out of what they print."""
    word = "-".join(("made", "up", "value"))
    (bench.home / "test.env").write_text(f"KEY={word}\n")
    line = "cat .env.test; echo more >> README.md"
    outcome = bench.run(line, test="cat .env.test; grep -q KEY= .env.test", test_files=((".env.test", "~/test.env"),))
    assert outcome.tested
    assert word not in outcome.output
    assert word not in "\n".join(bench.said)
    assert "[from a file for tests]" in outcome.output
    assert outcome.files == ("README.md",)
    (bench.home / "test.env").unlink()
    missing = bench.run(line, test="true", test_files=((".env.test", "~/test.env"),))
    assert "projects.shop.test_files: ~/test.env is not on this node" in missing.error


def test_what_tests_leave_is_evidence_without_the_secrets_that_they_were_shown(bench: Bench) -> None:
    """Files that the project's `evidence` names, of the tests' run alone; values are struck out as XML writes them."""
    word = "made<up>value"
    (bench.home / "test.env").write_text(f"KEY={word}\n")
    report = "<testsuite><testcase name='made&lt;up&gt;value'><failure/></testcase></testsuite>"
    test = f'mkdir -p out; cat .env.test > out/run.log; echo "{report}" > out/junit.xml; ln -s ../.env.test out/a'
    outcome = bench.run(
        "mkdir out; echo forged > out/agent.log; echo more >> README.md",
        test=test,
        test_files=((".env.test", "~/test.env"),),
        evidence=("out/**", "README.md"),
    )
    assert outcome.tested
    texts = {one.path: one.data.decode() for one in outcome.evidence.files}
    assert texts["out/run.log"] == "[from a file for tests]\n"
    assert "[from a file for tests]" in texts["out/junit.xml"]
    assert [case.name for report in outcome.evidence.reports for case in report.failures] == ["[from a file for tests]"]
    assert "README.md" not in texts, "it was there before the tests"
    assert [one.path for one in outcome.evidence.left_out] == ["out/a"]


def test_what_names_a_set_up() -> None:
    """Its line, its tools and the contents of files that say what is needed; the project's other files do not."""
    project = Project(name="shop", url="/srv/shop", setup="uv sync")
    keys = {
        setup_key(project, [("uv.lock", "1")]),
        setup_key(project, [("uv.lock", "2")]),
        setup_key(project, [("uv.lock", "1"), ("a/package.json", "1")]),
        setup_key(replace(project, setup="npm ci"), [("uv.lock", "1")]),
        setup_key(replace(project, tools=("~/.pyenv",)), [("uv.lock", "1")]),
    }
    assert len(keys) == 5
    assert setup_key(project, [("b", "1"), ("a", "2")]) == setup_key(project, [("a", "2"), ("b", "1")])
    told = "uv.lock poetry.lock yarn.lock package-lock.json pnpm-lock.yaml pyproject.toml requirements-dev.txt"
    more = "dev-requirements.txt go.sum Cargo.toml .python-version"
    assert all(LOCK_FILES.fullmatch(name) for name in (*told.split(), *more.split()))
    assert not any(LOCK_FILES.fullmatch(name) for name in ("app.py", "README.md", "block.json", "tsconfig.json"))


def test_the_way_to_registries_is_the_users_own(tmp_path: Path) -> None:
    """Their variables and settings, and the files that those name; nothing else of the environment, no whole home."""
    (tmp_path / "ca.pem").touch()
    (tmp_path / "wheels").mkdir()
    (tmp_path / ".config/pip").mkdir(parents=True)
    (tmp_path / ".config/pip/pip.conf").write_text(f"[global]\nfind-links = {tmp_path}/wheels\ncert={tmp_path}\n")
    environ = {
        "PIP_CERT": f"{tmp_path}/ca.pem",
        "UV_CACHE_DIR": "/elsewhere",
        "AWS_SECRET": "x",
        "HTTPS_PROXY": "http://proxy.invalid:1",
    }
    words, shown = registry_access(environ, tmp_path)
    assert words.keys() == {"PIP_CERT", "HTTPS_PROXY"}
    assert {path for path in shown if path.is_relative_to(tmp_path)} == {tmp_path / "ca.pem", tmp_path / "wheels"}


def test_a_tools_programs_are_found(tmp_path: Path) -> None:
    """By `bin` and `shims`, the newest Node of nvm, a folder of programs, or a single program with what it links to."""
    private = tmp_path / ".shiftbook"
    for name in (".nvm/versions/node/v9.9.9/bin", ".nvm/versions/node/v20.1.0/bin", "go/bin", ".cargo/bin", "lib/uv"):
        (tmp_path / name).mkdir(parents=True)
    for name in ("go/bin/x", "lib/uv/uv"):
        (tmp_path / name).touch(mode=0o755)
    (tmp_path / "local").mkdir()
    (tmp_path / "local/uv").symlink_to("../lib/uv/uv")

    def path(name: str) -> list[str]:
        found = machine_tools([name], home=tmp_path, private=private)
        return [os.path.relpath(each, tmp_path) for each in found.path]

    assert path("~/.nvm") == [".nvm/versions/node/v20.1.0/bin"]
    assert path("~/go/bin") == ["go/bin"]
    assert path("~/.cargo") == [".cargo/bin"]
    assert path("~/local/uv") == ["local"]
    assert path("~/absent") == []
    linked = machine_tools(["~/local/uv"], home=tmp_path, private=private).readable
    assert linked == (tmp_path / "local/uv", (tmp_path / "lib/uv/uv").resolve())


@pytest.mark.parametrize("name", ["~/x/..", "HOME", "~/.ssh/keys", "~/.shiftbook", "~/link"])
def test_no_tool_shows_keys(tmp_path: Path, name: str) -> None:
    """A home, its parents, the node's own folder and ssh's are refused, by link, too."""
    for folder in ("x", ".ssh/keys", ".shiftbook"):
        (tmp_path / folder).mkdir(parents=True)
    (tmp_path / "link").symlink_to(tmp_path / ".ssh")
    with pytest.raises(WrongSetting, match="name the tool's own folder"):
        machine_tools([name.replace("HOME", str(tmp_path.parent))], home=tmp_path, private=tmp_path / ".shiftbook")


PYTHON_PROJECT = {
    "pyproject.toml": """\
[build-system]
requires = ["setuptools>=61"]
build-backend = "setuptools.build_meta"
[project]
name = "parcel"
version = "1"
[project.optional-dependencies]
test = ["pytest"]
[tool.setuptools.packages.find]
where = ["src"]
""",
    "src/parcel/__init__.py": "PRICE = 499\n",
    "tests/test_price.py": "import parcel\n\ndef test_price():\n    assert parcel.PRICE == 500\n",
    ".gitignore": ".venv/\n",
}
NODE_PROJECT = {
    "package.json": """\
{"name": "parcel", "version": "1.0.0", "scripts": {"test": "node test.js"}, "dependencies": {"is-number": "^7.0.0"}}
""",
    "src/price.js": "module.exports = 499;\n",
    "test.js": "const p = require('./src/price.js'); if (!require('is-number')(p) || p !== 500) process.exit(1)",
    ".gitignore": "node_modules/\n",
}
REAL = {
    "pip": (PYTHON_PROJECT, "python3 -m venv .venv && .venv/bin/pip install -q -e '.[test]'", "python -m pytest -q"),
    "uv": (
        PYTHON_PROJECT,
        "python3 -m venv ~/uv && ~/uv/bin/pip install -q uv && ~/uv/bin/uv sync -q --extra test --no-python-downloads"
        " && mkdir -p ~/.local/bin && ln -sf ~/uv/bin/uv ~/.local/bin/uv",
        "uv run pytest -q",
    ),
    "npm": (NODE_PROJECT, "npm install --no-audit --no-fund --silent", "npm test"),
}

UNREACHED = r"(?i)the set-up of shop.*(resol|connect|network|ENOTFOUND|EAI_AGAIN|timed? ?out|no matching distribution)"
"""How a set-up ends where no package registry is reached."""


@pytest.mark.nightly
@pytest.mark.parametrize("name", REAL)
def test_a_real_project(server: Server, bubblewrap: Bubblewrap, tmp_path: Path, name: str) -> None:
    """Its dependencies come from the registry as the user's own client reaches it; its tests run without a network, on
    what was changed: 499 fails, 500 passes."""
    project, setup, test = REAL[name]
    server.push(project)
    bench = Bench(server=server, sandbox=bubblewrap, tmp=tmp_path, user=Path.home(), environ=os.environ)
    fields: dict[str, Any] = {"setup": setup, "test": test, "tools": ("~/.pyenv",)}
    code = "src/price.js" if name == "npm" else "src/parcel/__init__.py"
    first = bench.run(f"sed -i s/499/498/ {code}", **fields)
    if re.search(UNREACHED, first.error):
        pytest.skip(f"no registry is reached from here: {first.error}")
    assert first.tested is False, (first.error, first.output)
    second = bench.run(f"sed -i s/499/500/ {code}", **fields)
    assert second.tested, second.output


def test_services_see_what_the_set_up_left(bench: Bench) -> None:
    """Its programs are on their PATH, and lead to the run's own tree as they do in the tests."""
    service = DevServiceSpec(name="seen", command="value > seen; sleep 600", health="test -s seen", seconds=PATIENCE)
    outcome = bench.run("echo mine > src/value", setup=VENV, test="cat seen", services=(service,))
    assert (outcome.ok, outcome.error) == (True, "")
    assert "\nmine\n" in outcome.output


def test_another_root_has_another_set_up() -> None:
    """What was made with one system's libraries is not shown in another; without one, the name is as it was."""
    project = Project(name="shop", url="/srv/shop.git", setup="make")
    assert setup_key(project, []) == setup_key(project, [], "")
    assert len({setup_key(project, [], root) for root in ("", "/srv/a", "/srv/b")}) == 3
