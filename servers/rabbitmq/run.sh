#!/usr/bin/env bash
#
# Starts a RabbitMQ of our own in the foreground, in a folder of its own:
#
#   servers/rabbitmq/run.sh --dir DIR [--port 5672] [--memory-mb 512] [--vhosts 0] [--temporary]
#
# The shell becomes the broker (exec), so the caller's process id is the broker's: end
# it with SIGTERM. It answers at amqp://guest:guest@127.0.0.1:PORT, nowhere else: it
# takes part in no cluster, registers with no epmd, and `rabbitmqctl` does not reach it.
# Several can run side by side with different folders and ports. Publishers are blocked
# when the broker takes more than --memory-mb.
#
# --vhosts N makes so many virtual hosts beside `/`, with the names 1 to N: whoever wants
# queues of his own takes one (amqp://guest:guest@127.0.0.1:PORT/1).
#
# --temporary is for callers who may be killed: the caller keeps the other end of a pipe
# that is the standard input, and when that ends the broker ends and DIR is removed. DIR
# must be empty but for the file that the output goes to.
#
# DELAY_PLUGIN=FILE.ez turns on the plugin rabbitmq_delayed_message_exchange from that
# file (it is not part of RabbitMQ; take the version for 3.10). MORE_CONF=LINES are added
# to its configuration.
#
#   DIR/rabbitmq.conf     the configuration, rendered anew at each start
#   DIR/log/rabbitmq.log  what it says
#   DIR/data              queues, messages, exchanges, accounts
set -euo pipefail

# shellcheck source=servers/lib.sh
. "$(dirname -- "${BASH_SOURCE[0]}")/../lib.sh"

usage() { sed -n '5p' "${BASH_SOURCE[0]}" | sed 's/^# *//' >&2; }

dir='' port=5672 memory_mb=512 vhosts=0 temporary=''
while [ $# -gt 0 ]; do
	case $1 in
	-h | --help) usage && exit 0 ;;
	--temporary) temporary=yes && shift && continue ;;
	--*) [ $# -ge 2 ] || die "$1 wants a value" ;;
	*) usage && die "what is $1?" ;;
	esac
	case $1 in
	--dir) dir=$2 ;;
	--port) port=$2 ;;
	--memory-mb) memory_mb=$2 ;;
	--vhosts) vhosts=$2 ;;
	*) usage && die "what is $1?" ;;
	esac
	shift 2
done

[ -n "$dir" ] || { usage && die '--dir is missing'; }
[[ $port =~ ^[0-9]{1,5}$ ]] && [ "$port" -ge 1 ] && [ "$port" -le 65535 ] || die "$port is not a port number"
[[ $memory_mb =~ ^[1-9][0-9]{1,6}$ ]] || die "--memory-mb wants a number of megabytes, not $memory_mb"
[[ $vhosts =~ ^(0|[1-9][0-9]{0,2})$ ]] || die "--vhosts wants a number up to 999, not $vhosts"

root=$servers_dir/rabbitmq/root
[ -f "$servers_dir/rabbitmq/ready" ] && find_loader "$root" ||
	die "RabbitMQ is not in $servers_dir/rabbitmq yet: run servers/get.sh rabbitmq first"
home=$(echo "$root"/usr/lib/rabbitmq/lib/rabbitmq_server-*)
erts=$(echo "$root"/usr/lib/erlang/erts-*)

mkdir -p "$dir"
dir=$(cd -- "$dir" && pwd -P)
if [ -n "$temporary" ]; then
	for file in "$dir"/* "$dir"/.[!.]*; do
		[ ! -e "$file" ] || [ "$file" -ef /dev/stdout ] || die "$dir is not empty: it would be removed with all that is in it"
	done
fi
# The folder's name ends up in Erlang's lists of folders and in the configuration.
case "$dir$root" in *[\;\|\&\\\"\'\ :%]*) die "the path $dir or $root has characters that RabbitMQ's settings cannot hold" ;; esac

# Erlang looks for its parts below this folder: its libraries and start files, links to
# the programs, and what stands in for `erl`. `modules` has every module once, and first:
# looking for 1,500 of them in ninety folders is half of the time that a start takes.
erlang=$dir/erlang
rm -rf "$erlang"
mkdir -p "$dir"/{log,data,plugins} "$erlang"/{bin,programs,modules}
ln -s "$root/usr/lib/erlang/lib" "$root/usr/lib/erlang/releases" "$erlang/"
ln -s "$root"/usr/lib/erlang/lib/*/ebin/*.beam "$home"/plugins/*/ebin/*.beam "$erlang/modules/"
ln -s "$root"/usr/lib/erlang/bin/*.boot "$erlang/bin/"
ln -s "$checkout/servers/rabbitmq/no-erl.sh" "$erlang/bin/erl"
for program in beam.smp erl_child_setup inet_gethost; do
	ln -s "$checkout/servers/rabbitmq/erts.sh" "$erlang/programs/$program"
done

conf=$(<"$checkout/servers/rabbitmq/rabbitmq.conf")
conf=${conf//@PORT@/"$port"}
conf=${conf//@MEMORY@/"$memory_mb"}
conf=${conf//@DIR@/"$dir"}
printf '%s\n' "$conf" "${MORE_CONF:-}" >"$dir/rabbitmq.conf"

# Where definitions are loaded the broker makes nothing by itself, so they have what it
# would have made too: the account and the virtual host `/`.
if [ "$vhosts" -gt 0 ]; then
	names=/ hosts='' permissions=''
	for ((vhost = 1; vhost <= vhosts; vhost++)); do names+=" $vhost"; done
	for name in $names; do
		hosts+=", {\"name\": \"$name\"}"
		permissions+=", {\"user\": \"guest\", \"vhost\": \"$name\", \"configure\": \".*\", \"write\": \".*\", \"read\": \".*\"}"
	done
	printf '{"users": [{"name": "guest", "password": "guest", "tags": "administrator"}], "vhosts": [%s], "permissions": [%s]}\n' \
		"${hosts#, }" "${permissions#, }" >"$dir/definitions.json"
	printf 'load_definitions = %s\n' "$dir/definitions.json" >>"$dir/rabbitmq.conf"
fi

# Which plugins: none, or the one that was asked for. RabbitMQ itself is among them: that
# is where it looks for the description of its configuration.
rm -f "$dir"/plugins/*
ln -s "$home"/plugins/rabbit-[0-9]* "$dir/plugins/"
plugin=''
if [ -n "${DELAY_PLUGIN:-}" ]; then
	[ -r "$DELAY_PLUGIN" ] || die "there is no file $DELAY_PLUGIN (DELAY_PLUGIN)"
	cp -- "$DELAY_PLUGIN" "$dir/plugins/"
	plugin=rabbitmq_delayed_message_exchange
fi
printf '[%s].\n' "$plugin" >"$dir/enabled_plugins"

# The secret that Erlangs of one account tell each other apart by. Nobody can connect
# to this one, but it makes a file in HOME when there is none, and HOME is ours.
if [ ! -s "$dir/.erlang.cookie" ]; then
	(umask 377 && head -c 24 /dev/urandom | od -An -v -tx1 | tr -d ' \n' >"$dir/.erlang.cookie")
fi

# What a developer has set for a RabbitMQ or an Erlang of his is not meant for this one.
for variable in ${!RABBITMQ_@} ${!ERL_@}; do
	unset "$variable"
done
export HOME=$dir
export RABBITMQ_HOME=$home RABBITMQ_CONF_ENV_FILE=$dir/no-such.conf
export RABBITMQ_NODENAME=rabbit@localhost RABBITMQ_CONFIG_FILE=$dir/rabbitmq.conf
export RABBITMQ_ADVANCED_CONFIG_FILE=$dir/no-such.config RABBITMQ_GENERATED_CONFIG_DIR=$dir/generated
export RABBITMQ_MNESIA_BASE=$dir/data RABBITMQ_LOG_BASE=$dir/log
export RABBITMQ_ENABLED_PLUGINS_FILE=$dir/enabled_plugins RABBITMQ_PLUGINS_DIR=$dir/plugins
# The one that Erlang would register with: nobody listens there.
export ERL_EPMD_PORT=1 ERL_EPMD_ADDRESS=127.0.0.1
export ERL_LIBS=$home/plugins ERL_MAX_PORTS=65536 ERL_CRASH_DUMP=$dir/log/erl_crash.dump
export ROOTDIR=$erlang BINDIR=$erlang/programs EMU=beam PROGNAME=erl
export TRUNKLINE_LOADER=$loader TRUNKLINE_LIBPATH=$libpath TRUNKLINE_ERTS=$erts/bin TZ=UTC
cd -- "$dir"

emulator=(
	# Two schedulers and few helpers are enough for a machine of two cores, and they
	# do not spin while they wait.
	+S 2:2 +SDcpu 1:1 +SDio 4 +A 1 +sbwt none +sbwtdcpu none +sbwtdio none
	# As `rabbitmq-server` has them.
	+W w +MBas ageffcbf +MHas ageffcbf +MBlmbcs 512 +MHlmbcs 512 +MMmcs 30 +P 1048576 +t 5000000
	# Ctrl-C ends it, where Erlang would show a menu.
	+Bd
)
system=(
	-pa "$erlang/modules" -noinput -s rabbit boot -boot start_sasl
	# Named from the start, and listening for no other node: RabbitMQ then leaves epmd
	# alone, which it would start otherwise. The port is never used.
	-sname rabbit@localhost -dist_listen false -start_epmd false -erl_epmd_port 1
	-kernel inet_dist_use_interface '{127,0,0,1}' -kernel prevent_overlapping_partitions false
	-syslog logger '[]' -syslog syslog_error_logger false
)

# Waits for the end of its input, kills the broker, which has nothing to save, and removes
# the folder. The shell that starts it becomes the broker: as long as that is the parent
# (proc(5)), the number is the broker's and nobody else's.
end_with_the_caller() {
	local broker=$$ fields
	broker_runs() { fields=$(</proc/self/stat) && read -r _ fields _ <<<"${fields##*) }" && [ "$fields" = "$broker" ]; }
	trap '' HUP INT QUIT TERM
	while read -r _; do :; done
	! broker_runs || kill -KILL "$broker" || :
	while broker_runs; do sleep 0.05; done
	cd / && rm -rf -- "$dir"
}
if [ -n "$temporary" ]; then
	end_with_the_caller <&0 &
	exec </dev/null
fi
exec "$loader" --inhibit-cache --library-path "$libpath" "$erts/bin/erlexec" "${emulator[@]}" "${system[@]}"
