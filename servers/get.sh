#!/usr/bin/env bash
#
# Puts servers that tests and measurements need into folders of this checkout:
#
#   servers/get.sh              all of them
#   servers/get.sh rabbitmq     one, into .servers/rabbitmq (or $TRUNKLINE_SERVERS_DIR/rabbitmq)
#
# Nothing is installed and nothing is started: Debian's packages are unpacked, no root
# needed; to undo, delete the folder. How it is done, and what else is in the folder:
# unpack/debian.sh. `servers/NAME/run.sh` starts one.
#
# What a server consists of is in `servers/NAME/packages`, a word and its values a line:
#
#   title      its name
#   leading    the package that gives the version
#   suites     the releases of Debian to take it from. The machine's own comes after
#              them: it is what a mirror still has when those have gone
#   package    packages, exactly those that are needed (may stand several times)
#   part       a file that must be there, with all its libraries; may have a `*`
#   otherwise  what to do on a machine where this does not work
set -euo pipefail
umask 022
export LC_ALL=C

# shellcheck source=servers/lib.sh
. "$(dirname -- "${BASH_SOURCE[0]}")/lib.sh"
# shellcheck source=unpack/debian.sh
. "$checkout/unpack/debian.sh"

# The values of a word in $list, each in a line.
values() { awk -v word="$1" '$1 == word { $1 = ""; sub(/^ /, ""); print }' "$list"; }

# The name of the machine's own release, such as `bookworm`.
own_release() { sed -n 's/^VERSION_CODENAME=//p' /etc/os-release 2>/dev/null | tr -d '"'; }

parts() {
	local tree=$1 pattern
	while read -r pattern; do
		# A pattern that matches nothing stays as it is, and is then missing.
		printf '%s\n' "$tree"/$pattern
	done < <(values part)
}

# No install script of a package is missed.
finish() { :; }

get() {
	list=$checkout/servers/$1/packages
	[ -f "$list" ] || die "there is no server $1 here; there are: $(known)"
	library_folders=()
	store=$servers_dir/$1
	title=$(values title) what=$title leading=$(values leading) wanted=$leading
	suites=$(echo $({ values suites; own_release; } | tr ' ' '\n' | awk '!seen[$0]++'))
	packages=$(echo $(values package)) otherwise=$(values otherwise)
	unpack_debian
}

known() { (cd "$checkout/servers" && echo */packages | sed 's|/packages||g'); }

[ $# -gt 0 ] || set -- $(known)
for name in "$@"; do
	# A shell for each: apt's settings of one must not become those of the next.
	(get "$name")
done
