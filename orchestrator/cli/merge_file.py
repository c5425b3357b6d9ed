"""shiftbook merge-file: what does Git call to merge two versions of a ledger's file?"""

from __future__ import annotations

import sys
from datetime import UTC, datetime
from pathlib import Path

import click

from orchestrator.core.errors import WrongSetting


@click.command("merge-file")
@click.argument("base", type=click.Path(path_type=Path))
@click.argument("ours", type=click.Path(path_type=Path))
@click.argument("theirs", type=click.Path(path_type=Path))
@click.argument("path")
def merge_file(base: Path, ours: Path, theirs: Path, path: str) -> None:
    """Merges BASE, OURS and THEIRS of the ledger's file PATH into OURS. Git calls it: `shiftbook join` sees to that.

    Exit code 4: something could not be kept. It is in conflicts/ of the work tree, for the commit that ends the merge.
    """
    from orchestrator.ledger import merge_driver

    try:
        texts = [each.read_bytes() for each in (base, ours, theirs)]
    except OSError as error:
        raise WrongSetting(str(error.filename), f"it cannot be read: {error.strerror}") from error
    top = Path.cwd()
    sides = [merge_driver.find_side(top, path, data) for data in texts[1:]]
    done = merge_driver.merge_versions(path, texts[0], sides[0], sides[1], day=f"{datetime.now(UTC):%Y/%m/%d}")
    merge_driver.write_conflicts(top, done.disputes)
    ours.write_bytes(done.data)
    for one in done.disputes:
        click.echo(f"shiftbook: {path}: {one.says}; see {one.path}", err=True)
    if done.disputes:
        click.echo("shiftbook: look at it, `git add -A`, then go on (`git rebase --continue`, `git commit`)", err=True)
        sys.exit(merge_driver.EXIT_CONFLICTS)
