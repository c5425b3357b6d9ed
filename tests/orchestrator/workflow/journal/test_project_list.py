"""Tier 1 lists the projects that the fleet has, and says of none that it is not there."""

from __future__ import annotations

from datetime import UTC, datetime

from handoff.tiers import Tier, path_of
from orchestrator.app.ledger_templates import PORTFOLIO
from orchestrator.ledger.config.fleet_toml import ProjectPart
from orchestrator.workflow.journal.context import assemble_context, estimate_tokens
from orchestrator.workflow.journal.project_list import with_project_list
from tests.ledgers import Town

SHOP = {"shop": ProjectPart(url="/srv/shop.git", test="make test", aliases=["the store"])}
LINE = "- **shop**: branch main; tests `make test`; also called the store"
OLD = (
    "# Portfolio\n\n## Projects\n\nNone yet. Add one to `fleet.toml`, and its documents to\n`projects/`.\n\n"
    "## People\n\nAda.\n"
)


def test_a_new_page_lists_what_was_added() -> None:
    """Below what stands there; once, also where the list is made again."""
    page = with_project_list(PORTFOLIO, SHOP)
    assert page.startswith(PORTFOLIO.rstrip())
    assert page.endswith(f"\n\n{LINE}\n")
    assert with_project_list(page, SHOP) == page


def test_none_yet_is_taken_out_of_an_older_page() -> None:
    """And only that; without a project it is true and stays."""
    assert with_project_list(OLD, SHOP) == f"# Portfolio\n\n## Projects\n\n{LINE}\n\n## People\n\nAda.\n"
    assert with_project_list(OLD, {}) == OLD


def test_what_a_person_wrote_of_a_project_stays() -> None:
    """It is not listed again; the name within another word is no mention."""
    page = "# Portfolio\n\n## Projects\n\n- The shop sells cups.\n"
    assert with_project_list(page, SHOP) == page
    assert LINE in with_project_list(page.replace("shop", "workshop"), SHOP)


def test_a_page_without_the_section_gets_one() -> None:
    """Also an empty one."""
    assert with_project_list("# Portfolio\n\nMine.\n", SHOP) == f"# Portfolio\n\nMine.\n\n## Projects\n\n{LINE}\n"
    assert with_project_list("", SHOP) == f"## Projects\n\n{LINE}\n"


def test_a_fresh_instance_is_given_the_list() -> None:
    """Whatever it works on: the fleet of these tests has the project shop."""
    ada = Town({path_of(Tier.PORTFOLIO): PORTFOLIO}).peer("ada")
    now = datetime(2026, 11, 21, tzinfo=UTC)
    given = assemble_context(ada.ledger(), "", "", now=now, budget=4000, count=estimate_tokens)
    assert "- **shop**: branch main\n" in given.head
