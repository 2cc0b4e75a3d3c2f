#!/usr/bin/env bash
# Runs the SIPp that get.sh fetched: asterisk/sipp.sh -sf asterisk/callees/callee.xml …
set -euo pipefail
# shellcheck source=asterisk/lib.sh
. "$(dirname -- "${BASH_SOURCE[0]}")/lib.sh"

# SIPp draws its screen with ncurses, which wants the description of some terminal.
export TERMINFO=$root/usr/share/terminfo TERM=${TERM:-dumb}
in_root usr/bin/sipp "$@"
