#!/usr/bin/env bash
# git 2.39.5: a push notes refs that the remote's negative refspec leaves out; a fetch does not.
#
# A remote with `fetch = +refs/open/*:refs/seen/*` and `fetch = ^refs/open/private/*` maps nothing below private/. A fetch
# heeds that. A push to it updates the tracking refs of what it pushed by the same mapping, and there the negative line is
# not looked at: refs/seen/private/b appears, and is what a lease without a value expects, until somebody deletes it.
# Whoever keeps busy refs out of a clone this way has them after each push of his own.
# Seen: git 1:2.39.5-0+deb12u3 (Debian 12). Fails once that has changed.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
apt-get download -qq git=1:2.39.5-0+deb12u3 >/dev/null
dpkg -x git_*.deb root
export GIT_EXEC_PATH="$folder/root/usr/lib/git-core" GIT_CONFIG_NOSYSTEM=1 HOME="$folder" GIT_TEMPLATE_DIR=
git="$folder/root/usr/bin/git"
"$git" --version
"$git" init --quiet --bare server.git
"$git" init --quiet clone
cd clone
"$git" -c user.name=a -c user.email=a@example.org commit --quiet --allow-empty -m first
"$git" remote add origin ../server.git
"$git" config remote.origin.fetch '+refs/open/*:refs/seen/*'
"$git" config --add remote.origin.fetch '^refs/open/private/*'
"$git" push --quiet origin HEAD:refs/open/public/a HEAD:refs/open/private/b
pushed=$("$git" for-each-ref --format='%(refname)' refs/seen)
"$git" update-ref -d refs/seen/private/b
"$git" fetch --quiet origin
fetched=$("$git" for-each-ref --format='%(refname)' refs/seen)
printf 'after a push:\n%s\nafter a fetch:\n%s\n' "$pushed" "$fetched"
[ "$pushed" = "$(printf 'refs/seen/private/b\nrefs/seen/public/a')" ] || { echo "the surprise is gone"; exit 1; }
[ "$fetched" = refs/seen/public/a ] || { echo "a fetch notes it as well now"; exit 1; }
