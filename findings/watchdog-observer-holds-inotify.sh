#!/usr/bin/env bash
# watchdog 7.1.0: an Observer takes an inotify instance when it is made, not when it is started.
#
# In 6.0.0 a new Observer holds no descriptor until start(). In 7.1.0 making one opens three, an inotify instance among
# them, and dropping an Observer that was never started does not close them: only stop() does. inotify instances are
# counted for each user (fs.inotify.max_user_instances, often 128), so programs that make observers ahead of time, or
# drop one whose schedule() failed, use them up; and "inotify instance limit reached" now comes out of the constructor,
# where older code expects no OSError.
# Seen: watchdog 7.1.0 beside 6.0.0, Python 3.11, Linux. Fails once that has changed.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
look() {
  "$folder/venv/bin/pip" install --quiet --disable-pip-version-check "watchdog==$1"
  "$folder/venv/bin/python" - "$1" <<'PYTHON'
import gc
import os
import sys

from watchdog.observers import Observer


def inotify():
    places = (f"/proc/self/fd/{number}" for number in os.listdir("/proc/self/fd"))
    links = (os.readlink(place) for place in places if os.path.lexists(place))
    return sum("inotify" in link for link in links)


before = inotify()
observer = Observer()
made = inotify() - before
del observer
gc.collect()
dropped = inotify() - before
observer = Observer()
observer.stop()
stopped = inotify() - before - dropped
print(f"watchdog {sys.argv[1]}: made {made}, dropped without a start {dropped}, stopped without a start {stopped}")
assert (made, dropped, stopped) == ((0, 0, 0) if sys.argv[1] == "6.0.0" else (1, 1, 0)), "this has changed"
PYTHON
}
look 6.0.0
look 7.1.0
