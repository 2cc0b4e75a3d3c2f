#!/usr/bin/env bash
#
# The long versions of the tests that break things. Takes about three quarters
# of an hour on two cores; every count can be set in the environment:
#
#   PROVE_SEEDS=1..1000            seeds of the simulation
#   PROVE_BROKEN=1..60             seeds in which each rule that is broken on purpose
#                                  must be caught (cargo xtask broken)
#   PROVE_SIM_KILLS=100            SIGKILLs of Trunkline over the simulated Asterisk
#   PROVE_SIM_PEOPLE=2000          on a campaign over so many people,
#   PROVE_SIM_ASTERISK_KILLS=5     at so many of which the Asterisk is killed too
#   PROVE_REAL_KILLS=20, PROVE_REAL_PEOPLE=400, PROVE_REAL_ASTERISK_KILLS=4
#                                  the same over the real Asterisk
#   PROVE_ROLE_KILLS=30            SIGKILLs of roles that are processes of their own, and
#   PROVE_ROLE_PEOPLE=600          of the broker between them, on a campaign over so many people
#   PROVE_ROLE_FAULTS=14           faults of the lines between these roles and the broker: cut,
#   PROVE_ROLE_FAULT_S=30          frozen, half open, slow; each so long, seconds (a heartbeat
#   PROVE_ROLE_FAULT_PEOPLE=600    is 10), on a campaign over so many people
#   PROVE_FAULT_S=60               length of each long fault, seconds
#   PROVE_FAULT_PEOPLE=400         on a campaign over so many people
#   PROVE_BROKER_CUTS=300          cuts of the connection to RabbitMQ while 64 ask
#   PROVE_BROKER_RESTARTS=20       restarts of RabbitMQ, every other by SIGKILL
#   PROVE_SEED=…                   seed of the moments of the kills and cuts
#
# Goes on after a failure; the closing summary has what each part said, and the
# exit code is that of the worst.
set -uo pipefail
cd "$(dirname -- "${BASH_SOURCE[0]}")/.."

export PROVE_SEEDS=${PROVE_SEEDS:-1..1000} PROVE_BROKEN=${PROVE_BROKEN:-1..60}
export PROVE_SIM_KILLS=${PROVE_SIM_KILLS:-100} PROVE_SIM_PEOPLE=${PROVE_SIM_PEOPLE:-2000}
export PROVE_SIM_ASTERISK_KILLS=${PROVE_SIM_ASTERISK_KILLS:-5}
export PROVE_REAL_KILLS=${PROVE_REAL_KILLS:-20} PROVE_REAL_PEOPLE=${PROVE_REAL_PEOPLE:-400}
export PROVE_REAL_ASTERISK_KILLS=${PROVE_REAL_ASTERISK_KILLS:-4}
export PROVE_ROLE_KILLS=${PROVE_ROLE_KILLS:-30} PROVE_ROLE_PEOPLE=${PROVE_ROLE_PEOPLE:-600}
export PROVE_ROLE_FAULTS=${PROVE_ROLE_FAULTS:-14} PROVE_ROLE_FAULT_S=${PROVE_ROLE_FAULT_S:-30}
export PROVE_ROLE_FAULT_PEOPLE=${PROVE_ROLE_FAULT_PEOPLE:-600}
export PROVE_FAULT_S=${PROVE_FAULT_S:-60} PROVE_FAULT_PEOPLE=${PROVE_FAULT_PEOPLE:-400}
export PROVE_BROKER_CUTS=${PROVE_BROKER_CUTS:-300} PROVE_BROKER_RESTARTS=${PROVE_BROKER_RESTARTS:-20}
export PROVE_SEED=${PROVE_SEED:-$(date +%Y%m%d)}

folder=target/prove
mkdir -p "$folder"
failed=()
parts=()

# One part: its output is shown and kept in a file of its name.
part() {
	local name=$1
	shift
	printf '\n== %s (%ss)\n' "$name" "$SECONDS"
	parts+=("$name")
	if ! "$@" 2>&1 | tee "$folder/$name.log"; then
		failed+=("$name")
		printf '== %s FAILED\n' "$name"
	fi
}

# Tests of one name, one at a time, with what they print.
tests() { cargo test --release --package trunkline-e2e --test e2e -- --nocapture --test-threads 1 "$@"; }

printf '== the programs, release build\n'
cargo build --release --package trunkline-server --package trunkline-asterisk-sim --package trunkline-bench || exit 1

part simulation cargo xtask sim --seeds "$PROVE_SEEDS"
part broken-rules cargo xtask broken --seeds "$PROVE_BROKEN"
part kills-simulated tests campaign_on_the_simulated_asterisk_survives_kills
part kills-real tests campaign_on_the_real_asterisk_survives_kills
part kills-roles tests campaign_over_processes_and_a_broker_survives_kills_of_each
part lines-roles tests campaign_over_processes_survives_lines_that_fail_in_every_way
part long-faults tests long_faults::
part broker cargo test --release --package trunkline-bus-rabbitmq --test broker -- --nocapture --test-threads 1
part load ./target/release/bench real_asterisk_cpu_ratio

printf '\n== summary (%ss)\n' "$SECONDS"
for name in "${parts[@]}"; do
	printf '%s:\n' "$name"
	case $name in
	simulation) tail -n 8 "$folder/$name.log" ;;
	broken-rules) grep -E '^(\||broken: (the|every|not)|Error)' "$folder/$name.log" ;;
	load) grep -E '^(figure|real_)' "$folder/$name.log" ;;
	broker) grep -oE '(prove|unproved): .*|^test result:.*|panicked at.*|^Error:.*' "$folder/$name.log" ;;
	*) grep -E '^prove: |^test result:|panicked at|^Error:' "$folder/$name.log" ;;
	esac | sed 's/^/  /'
done
if ((${#failed[@]} > 0)); then
	printf '\nfailed: %s\n' "${failed[*]}"
	exit 1
fi
printf '\nproved: %s\n' "${parts[*]}"
