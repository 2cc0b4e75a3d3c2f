#!/usr/bin/env bash
#
# Every check, in the order in which they are cheap: format, lint, dependency
# direction, unit tests (the simulation's seeds among them), whole nodes, real
# Asterisk with a few kills and faults; tests/prove.sh has the long versions of
# those. Puts what it needs into the checkout (servers/get.sh, asterisk/get.sh);
# nothing else on the machine is touched. Ends with what could not be proved for want
# of something (DELAY_PLUGIN=FILE.ez names RabbitMQ's plugin for delayed messages) and
# the counts of all tests.
set -euo pipefail
cd "$(dirname -- "${BASH_SOURCE[0]}")/.."

log=$(mktemp)
trap 'rm -f "$log"' EXIT
started=$SECONDS

step() {
	printf '\n== %s (%ss)\n' "$1" "$((SECONDS - started))"
	shift
	"$@"
}

# The output is shown and kept: the closing counts are added up from it.
tests() { cargo test "$@" 2>&1 | tee -a "$log"; }

# The same for tests/it, whose bytes then go over a broker (tests/it/src/carrier.rs).
over_rabbitmq() {
	local -x TRUNKLINE_IT_CARRIER=rabbitmq
	tests "$@"
}

command -v cargo >/dev/null || {
	echo "Rust is missing: install it with rustup (stable, 1.95 or later)" >&2
	exit 1
}
for component in fmt clippy; do
	cargo "$component" --version >/dev/null 2>&1 || rustup component add "${component/fmt/rustfmt}"
done
command -v cc >/dev/null || {
	echo "a C compiler is missing (SQLite is built from source): apt-get install gcc" >&2
	exit 1
}

step 'format' cargo fmt --all --check
step 'lint' cargo clippy --workspace --all-targets --all-features --quiet -- -D warnings
step 'direction of dependencies' cargo xtask check-deps
step 'tests that the documents name' cargo xtask check-docs
step 'RabbitMQ' servers/get.sh
step 'unit tests' tests --workspace --all-features --exclude trunkline-it --exclude trunkline-e2e
step 'roles together' tests --package trunkline-it
step 'roles together, over RabbitMQ' over_rabbitmq --package trunkline-it
step 'Asterisk, SIPp and espeak-ng' asterisk/get.sh
step 'the programs' cargo build --package trunkline-server --package trunkline-asterisk-sim
step 'real Asterisk' tests --package trunkline-e2e

# What could not be proved here, as the tests say it.
grep -o 'unproved: .*' "$log" | sort -u | sed '1s/^/\n/' || true

# All counts in one line, as the test runner's own closing lines have them.
awk '/^test result:/ { passed += $4; failed += $6 }
	END { printf "\n%d passed, %d failed\n", passed, failed; exit failed > 0 || passed == 0 }' "$log"
