# Sourced by the scripts of asterisk/ and servers/; not a program of its own.
#
# Everything that is unpacked from Debian's packages is built against the C library
# that came with it, which may be another one than the machine's. So each program is
# started through that library's own loader. LD_LIBRARY_PATH stays unset on purpose: it
# would be inherited by whatever the program starts and break the machine's own programs.

die() {
	printf '%s: %s\n' "$(basename -- "$0")" "$*" >&2
	exit 1
}

# Sets `loader`, `libdir` and `libpath` for the tree in $1; the further arguments are
# folders below `libdir` in which some package keeps libraries of its own. The names
# differ between architectures (ld-linux-x86-64.so.2, ld-linux-aarch64.so.1), so they
# are looked up in the unpacked C library instead of being spelled out.
find_loader() {
	local tree=$1 candidate folder
	shift
	loader='' libdir='' libpath=''
	for candidate in "$tree"/{usr/,}lib/*/ld-linux*.so.*; do
		if [ -e "$candidate" ]; then
			loader=$candidate
			libdir=${candidate%/*}
			# Up to Debian 12 some packages still have their libraries in /lib.
			libdir=$tree/usr/lib/${libdir##*/}
			libpath=$libdir:$tree/lib/${libdir##*/}
			for folder in "$@"; do
				libpath=$libpath:$libdir/$folder
			done
			return 0
		fi
	done
	return 1
}
