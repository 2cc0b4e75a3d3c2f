#!/bin/sh
# Stands in for the programs that Erlang starts from its folder of programs (BINDIR):
# run.sh links it there under their names, and it becomes the one that it was called as,
# by the loader that came with it. Its environment is run.sh's.
exec "$TRUNKLINE_LOADER" --inhibit-cache --library-path "$TRUNKLINE_LIBPATH" "$TRUNKLINE_ERTS/${0##*/}" "$@"
