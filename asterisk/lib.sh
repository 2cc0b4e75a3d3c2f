# Sourced by the scripts of this folder; not a program of its own.
#
# Everything that get.sh unpacked is built against the C library that came with
# it, which is newer than the machine's. So each program is started through that
# library's own loader. LD_LIBRARY_PATH stays unset on purpose: it would be
# inherited by whatever Asterisk starts and break the machine's own programs.

# The folder of the checkout, whatever the current directory is.
checkout=$(cd -- "$(dirname -- "${BASH_SOURCE[0]}")/.." && pwd -P)

# Where get.sh puts things. A relative TRUNKLINE_ASTERISK_DIR means: relative to
# the caller's directory, so it is made absolute before anybody changes directory.
asterisk_dir=${TRUNKLINE_ASTERISK_DIR:-$checkout/.asterisk}
case $asterisk_dir in /*) ;; *) asterisk_dir=$PWD/$asterisk_dir ;; esac
root=$asterisk_dir/root

die() {
	printf '%s: %s\n' "$(basename -- "$0")" "$*" >&2
	exit 1
}

# Sets `loader` and `libpath` for the tree in $1. Their names differ between
# architectures (ld-linux-x86-64.so.2, ld-linux-aarch64.so.1), so they are looked
# up in the unpacked C library instead of being spelled out.
find_loader() {
	local tree=$1 candidate
	loader='' libdir='' libpath=''
	for candidate in "$tree"/usr/lib/*/ld-linux*.so.*; do
		if [ -e "$candidate" ]; then
			loader=$candidate
			libdir=${candidate%/*}
			# libpulse (which espeak-ng is linked to) keeps one library in a folder of its own.
			libpath=$libdir:$libdir/pulseaudio
			return 0
		fi
	done
	return 1
}

# Replaces the shell with a program of the tree: in_root usr/bin/sipp ARGUMENTS…
in_root() {
	local program=$1
	shift
	if ! find_loader "$root" || [ ! -e "$root/$program" ]; then
		die "${program##*/} is not in $asterisk_dir yet: run asterisk/get.sh first"
	fi
	# Without --inhibit-cache a library missing from the tree would silently be
	# taken from the machine, where it has another version.
	exec "$loader" --inhibit-cache --library-path "$libpath" "$root/$program" "$@"
}
