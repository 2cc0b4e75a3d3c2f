#!/usr/bin/env bash
# Asks a fresh Trunkline everything that its own description allows, and more:
# schemathesis over /openapi.json. Not a part of `make test`: it installs
# schemathesis from PyPI into target/schemathesis.
#
#   tests/schemathesis.sh [program [options of `schemathesis run`]]
#
# The program is target/debug/trunkline unless given. EXAMPLES and SEED change
# how much is asked, and what.
set -euo pipefail
cd "$(dirname "$0")/.."

program=${1:-target/debug/trunkline}
options=("${@:2}")
venv=target/schemathesis
if [ ! -x "$program" ]; then
	echo "schemathesis: $program is missing; run: cargo build -p trunkline-server" >&2
	exit 1
fi
if [ ! -x "$venv/bin/schemathesis" ]; then
	echo "schemathesis: installing it into $venv" >&2
	python3 -m venv "$venv"
	"$venv/bin/pip" -q install 'schemathesis>=4,<5'
fi

dir=$(mktemp -d)
pid=
finish() {
	if [ -n "$pid" ]; then
		kill "$pid" 2>/dev/null || true
		wait "$pid" 2>/dev/null || true
	fi
	rm -rf "$dir"
}
trap finish EXIT

# Nobody can be called: there is no Asterisk at port 9.
TRUNKLINE_DATA_DIR=$dir/data \
TRUNKLINE_GATEWAY__LISTEN=127.0.0.1:0 TRUNKLINE_METRICS__LISTEN=127.0.0.1:0 \
TRUNKLINE_GATEWAY__REQUESTS_PER_SECOND=0 \
	"$program" serve --asterisk http://127.0.0.1:9 >"$dir/out" 2>"$dir/log" &
pid=$!

token= address=
while [ -z "$token" ] || [ -z "$address" ]; do
	kill -0 "$pid" 2>/dev/null || { cat "$dir/log" >&2; exit 1; }
	token=$(grep -ho 'tl_[A-Za-z0-9_-]\{43\}' "$dir/out" "$dir/log" | head -1 || true)
	address=$(sed 's/\x1b\[[0-9;]*m//g' "$dir/log" | grep 'the HTTP API listens' | grep -o '127\.0\.0\.1:[0-9]*' | head -1 || true)
	read -rt 0.2 <> <(:) || true
done

# It leaves a folder where it runs.
venv=$PWD/$venv
hooks=$PWD/tests/schemathesis_hooks.py
cd "$dir"
# What must not be: a 500, or an answer that the description does not know.
SCHEMATHESIS_HOOKS=$hooks "$venv/bin/schemathesis" run "http://$address/openapi.json" \
	--header "Authorization: Bearer $token" \
	--checks not_a_server_error,status_code_conformance,content_type_conformance,response_schema_conformance \
	--exclude-path /v1/events --exclude-path-regex '^/v1/tokens/' \
	--max-examples "${EXAMPLES:-30}" --seed "${SEED:-1}" --workers 1 "${options[@]}"
