#!/usr/bin/env bash
# SQLAlchemy 2.1: `sqlite:////srv/50%25/app.db` names another file than it did with 2.0, and so does any path with `%41`.
#
# Up to 2.0 the database of a URL is taken as it is written, so f"sqlite:///{path}" opens that path whatever is in it, as
# SQLAlchemy's own documentation of SQLite writes it. From 2.1 on it is percent-decoded: a folder that is called `a%20b`
# becomes `a b`. Nothing is said, and where that folder can be made, an empty database comes to be beside the one with the
# data. Whoever builds a URL from a path has to write `%` as `%25` (and `?` as `%3F`) with 2.1, and must not with 2.0;
# `URL.create(database=path)` is right with both.
# Seen: SQLAlchemy 2.1.9 against 2.0.51, Python 3.11. Fails once both open the same file.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
for version in 2.0.51 2.1.9; do
    python3 -m venv "$folder/$version"
    "$folder/$version/bin/pip" install --quiet --disable-pip-version-check "sqlalchemy==$version"
    mkdir -p "$folder/data-$version/a%20b" "$folder/data-$version/a b"
    "$folder/$version/bin/python" - "$folder/data-$version/a%20b/app.db" <<'PYTHON'
import sys

import sqlalchemy

path = sys.argv[1]
for url in (f"sqlite:///{path}", sqlalchemy.URL.create("sqlite", database=path)):
    engine = sqlalchemy.create_engine(url)
    with engine.begin() as connection:
        connection.exec_driver_sql("CREATE TABLE IF NOT EXISTS t (x)")
    print(f"{sqlalchemy.__version__}: {type(url).__name__} opened …{engine.url.database[-14:]}")
PYTHON
done
ls "$folder"/data-*/*/
test -f "$folder/data-2.0.51/a%20b/app.db" && test ! -f "$folder/data-2.0.51/a b/app.db"
test -f "$folder/data-2.1.9/a b/app.db" || { echo "the surprise is gone"; exit 1; }
