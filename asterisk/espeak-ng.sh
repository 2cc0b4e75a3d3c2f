#!/usr/bin/env bash
# Runs the espeak-ng that get.sh fetched: asterisk/espeak-ng.sh -w hello.wav 'Hello.'
set -euo pipefail
# shellcheck source=asterisk/lib.sh
. "$(dirname -- "${BASH_SOURCE[0]}")/lib.sh"

if find_loader "$root"; then
	export ESPEAK_DATA_PATH=$libdir/espeak-ng-data
fi
in_root usr/bin/espeak-ng "$@"
