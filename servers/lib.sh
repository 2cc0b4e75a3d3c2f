# Sourced by the scripts of this folder; not a program of its own.

# The folder of the checkout, whatever the current directory is.
checkout=$(cd -- "$(dirname -- "${BASH_SOURCE[0]}")/.." && pwd -P)

# shellcheck source=unpack/loader.sh
. "$checkout/unpack/loader.sh"

# Where get.sh puts things, a folder for each server. A relative TRUNKLINE_SERVERS_DIR
# means: relative to the caller's directory, so it is made absolute before anybody
# changes directory.
servers_dir=${TRUNKLINE_SERVERS_DIR:-$checkout/.servers}
case $servers_dir in /*) ;; *) servers_dir=$PWD/$servers_dir ;; esac
