# Sourced by the scripts of this folder; not a program of its own.

# The folder of the checkout, whatever the current directory is.
checkout=$(cd -- "$(dirname -- "${BASH_SOURCE[0]}")/.." && pwd -P)

# shellcheck source=unpack/loader.sh
. "$checkout/unpack/loader.sh"

# Where get.sh puts things. A relative TRUNKLINE_ASTERISK_DIR means: relative to
# the caller's directory, so it is made absolute before anybody changes directory.
asterisk_dir=${TRUNKLINE_ASTERISK_DIR:-$checkout/.asterisk}
case $asterisk_dir in /*) ;; *) asterisk_dir=$PWD/$asterisk_dir ;; esac
root=$asterisk_dir/root

# libpulse (which espeak-ng is linked to) keeps one library in a folder of its own.
library_folders=(pulseaudio)

# Replaces the shell with a program of the tree: in_root usr/bin/sipp ARGUMENTS…
in_root() {
	local program=$1
	shift
	if ! find_loader "$root" "${library_folders[@]}" || [ ! -e "$root/$program" ]; then
		die "${program##*/} is not in $asterisk_dir yet: run asterisk/get.sh first"
	fi
	# Without --inhibit-cache a library missing from the tree would silently be
	# taken from the machine, where it has another version.
	exec "$loader" --inhibit-cache --library-path "$libpath" "$root/$program" "$@"
}
