#!/usr/bin/env bash
# CronSim 2.8: the "next" time of a daily line lies before the moment from which one asks.
#
# When clocks go back, an hour of the wall clock comes twice. Whoever asks in its second pass (fold=1), before the line's
# minute, for the next time of a line with a fixed hour is given the first pass's time, which is already over: asked at
# 01:06 UTC, "30 2 * * *" answers 00:30 UTC of the same day. Lines whose hour is `*` are right.
# Seen: cronsim 2.8, Python 3.11, Europe/Berlin on 2026-10-25. Fails once that has changed.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --disable-pip-version-check cronsim==2.8 tzdata==2025.2
"$folder/venv/bin/python" - <<'PYTHON'
from datetime import UTC, datetime
from zoneinfo import ZoneInfo

from cronsim import CronSim

asked = datetime(2026, 10, 25, 1, 6, tzinfo=UTC).astimezone(ZoneInfo("Europe/Berlin"))
daily = next(CronSim("30 2 * * *", asked)).astimezone(UTC)
hourly = next(CronSim("30 * * * *", asked)).astimezone(UTC)
print(f"asked at {asked:%H:%M %Z} (fold={asked.fold}) = {asked.astimezone(UTC):%H:%M} UTC")
print(f"30 2 * * *: {daily:%H:%M} UTC, {'before' if daily < asked else 'after'} the question")
print(f"30 * * * *: {hourly:%H:%M} UTC, {'before' if hourly < asked else 'after'} the question")
assert asked.fold == 1
assert daily == datetime(2026, 10, 25, 0, 30, tzinfo=UTC), "the surprise is gone"
assert hourly == datetime(2026, 10, 25, 1, 30, tzinfo=UTC)
PYTHON
