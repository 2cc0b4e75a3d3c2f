#!/usr/bin/env bash
#
# Starts an Asterisk of our own in the foreground, in a folder of its own:
#
#   asterisk/run.sh --dir DIR [--ari-port 8088] [--ami-port 5038] [--sip-port 5060]
#                   [--rtp-start 10000] [--rtp-end 14999] [--bind 127.0.0.1]
#                   [--entityid MAC] [--base-domain trunkline.localhost] [--ice no]
#                   [--memory-mb 4096]
#
# The shell becomes Asterisk (exec), so the caller's process id is Asterisk's: end it
# with SIGTERM. Several can run side by side with different folders and ports. It may
# take --memory-mb of address space, 0 for as much as it likes: one that was wedged has
# taken 22 GB, and the machine with it. One that gets no more memory ends, and who
# waits for it is told so.
#
#   DIR/ari-account   user:password of ARI, made once and kept (mode 600)
#   DIR/ami-account   the same for AMI, which listens on 127.0.0.1 whatever --bind says
#   DIR/etc           the configuration, rendered anew from asterisk/etc at each start
#   DIR/local         pjsip.conf and extensions.conf of your own, which are read as well
#   DIR/log           what Asterisk says; DIR/spool, DIR/var, DIR/cache, DIR/run: its data
set -euo pipefail

# shellcheck source=asterisk/lib.sh
. "$(dirname -- "${BASH_SOURCE[0]}")/lib.sh"

usage() { sed -n '3,8s/^# \{0,1\}//p' "${BASH_SOURCE[0]}" >&2; }

dir='' ari_port=8088 ami_port=5038 sip_port=5060 rtp_start=10000 rtp_end=14999 bind=127.0.0.1
entityid='' base_domain=trunkline.localhost ice=no memory_mb=4096
while [ $# -gt 0 ]; do
	case $1 in
	-h | --help) usage && exit 0 ;;
	--*) [ $# -ge 2 ] || die "$1 wants a value" ;;
	*) usage && die "what is $1?" ;;
	esac
	case $1 in
	--dir) dir=$2 ;;
	--ari-port) ari_port=$2 ;;
	--ami-port) ami_port=$2 ;;
	--sip-port) sip_port=$2 ;;
	--rtp-start) rtp_start=$2 ;;
	--rtp-end) rtp_end=$2 ;;
	--bind) bind=$2 ;;
	--entityid) entityid=$2 ;;
	--base-domain) base_domain=$2 ;;
	--ice) ice=$2 ;;
	--memory-mb) memory_mb=$2 ;;
	*) usage && die "what is $1?" ;;
	esac
	shift 2
done

[ -n "$dir" ] || { usage && die '--dir is missing'; }
for port in "$ari_port" "$ami_port" "$sip_port" "$rtp_start" "$rtp_end"; do
	[[ $port =~ ^[0-9]{1,5}$ ]] && [ "$port" -ge 1 ] && [ "$port" -le 65535 ] || die "$port is not a port number"
done
[ "$rtp_start" -lt "$rtp_end" ] || die "--rtp-start must be below --rtp-end"
[[ $bind =~ ^[0-9]{1,3}(\.[0-9]{1,3}){3}$ ]] || die "--bind wants an IPv4 address, not $bind"
[[ $base_domain =~ ^[A-Za-z0-9.-]+$ ]] || die "--base-domain wants a domain name, not $base_domain"
[[ $ice =~ ^(yes|no)$ ]] || die '--ice wants yes or no'
[[ $memory_mb =~ ^[0-9]{1,7}$ ]] || die "--memory-mb wants a number of megabytes, not $memory_mb"
find_loader "$root" "${library_folders[@]}" && [ -e "$root/usr/sbin/asterisk" ] ||
	die "Asterisk is not in $asterisk_dir yet: run asterisk/get.sh first"

mkdir -p "$dir"
dir=$(cd -- "$dir" && pwd -P)
# The folder's name ends up in Asterisk's configuration, where these have a meaning.
case "$dir$root" in *[\;\|\&\\\"]* | *$'\n'*) die "the path $dir or $root has characters that Asterisk's configuration cannot hold" ;; esac
# A path to a unix socket holds 107 characters; Asterisk would run, without a console.
if [ ${#dir} -gt 90 ]; then
	printf 'run.sh: the path of %s is long: the console (rasterisk) will not work\n' "$dir" >&2
fi

# The same folder and addresses give the same identity again, so that Trunkline knows
# this Asterisk after a restart. 02 marks the address as locally made.
if [ -z "$entityid" ]; then
	digest=$(printf '%s' "$dir $bind $sip_port" | sha256sum)
	entityid=02:${digest:0:2}:${digest:2:2}:${digest:4:2}:${digest:6:2}:${digest:8:2}
fi
[[ $entityid =~ ^[0-9A-Fa-f]{2}(:[0-9A-Fa-f]{2}){5}$ ]] || die "--entityid wants a MAC address, not $entityid"
systemname=asterisk-${entityid//:/}

mkdir -p "$dir"/{etc,var/keys,spool/recording,run,log,cache,moh}

# Sets `password` to that of the account in $1, which is made when it is not there.
account() {
	local user
	if [ ! -s "$1" ]; then
		(
			umask 077
			printf 'trunkline:%s\n' "$(head -c 24 /dev/urandom | od -An -v -tx1 | tr -d ' \n')" >"$1"
		)
	fi
	chmod 600 "$1"
	IFS=: read -r user password <"$1"
	[ "$user" = trunkline ] && [[ $password =~ ^[[:graph:]]+$ ]] ||
		die "$1 must be trunkline:<password>; delete it to get a new one"
}
account "$dir/ari-account"
ari_password=$password
account "$dir/ami-account"
ami_password=$password

# No sed and no command line for the password: other users could see it in `ps`.
render() {
	local text
	text=$(<"$1")
	text=${text//@ARI_PASSWORD@/"$ari_password"}
	text=${text//@ARI_PORT@/"$ari_port"}
	text=${text//@AMI_PASSWORD@/"$ami_password"}
	text=${text//@AMI_PORT@/"$ami_port"}
	text=${text//@SIP_PORT@/"$sip_port"}
	text=${text//@RTP_START@/"$rtp_start"}
	text=${text//@RTP_END@/"$rtp_end"}
	text=${text//@BIND@/"$bind"}
	text=${text//@ENTITYID@/"$entityid"}
	text=${text//@SYSTEMNAME@/"$systemname"}
	text=${text//@BASE_DOMAIN@/"$base_domain"}
	text=${text//@ICE@/"$ice"}
	text=${text//@LIBDIR@/"$libdir"}
	text=${text//@ROOT@/"$root"}
	text=${text//@DIR@/"$dir"}
	printf '%s\n' "$text"
}
for template in "$checkout"/asterisk/etc/*.conf; do
	rendered=$dir/etc/${template##*/}
	# All private, not only ari.conf: pjsip.conf may come to hold a trunk's password.
	(umask 077 && render "$template" >"$rendered.new")
	mv "$rendered.new" "$rendered"
done
# Asterisk reports each of these as an error when it is not there; empty means default.
for optional in acl ccss chan_websocket confbridge features pjproject pjsip_wizard udptl websocket_client; do
	[ -e "$dir/etc/$optional.conf" ] || : >"$dir/etc/$optional.conf"
done

# Music on hold: signed 16 bit at 8 kHz, two soft notes a second apart, then quiet.
if [ ! -s "$dir/moh/chime.sln" ]; then
	LC_ALL=C awk 'BEGIN {
		pi = atan2(0, -1)
		for (i = 0; i < 32000; i++) {
			note = int(i / 8000)
			t = (i % 8000) / 8000
			s = note < 2 ? int(3000 * exp(-4 * t) * sin(2 * pi * (note ? 523.25 : 659.25) * t)) : 0
			if (s < 0) s += 65536
			printf "%c%c", s % 256, int(s / 256)
		}
	}' >"$dir/moh/chime.sln.new"
	mv "$dir/moh/chime.sln.new" "$dir/moh/chime.sln"
fi

# What the reference does: time stamps of events are in UTC.
export TZ=UTC
# See astcachedir in asterisk.conf.
cd -- "$dir/cache"
# Address space, not memory in use: the only one of the two that the kernel bounds.
# Where less is allowed already, that stays.
if [ "$((10#$memory_mb))" -gt 0 ]; then
	ulimit -v "$((10#$memory_mb * 1024))" 2>/dev/null || :
fi
exec "$loader" --inhibit-cache --library-path "$libpath" \
	"$root/usr/sbin/asterisk" -C "$dir/etc/asterisk.conf" -f -g
