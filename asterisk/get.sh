#!/usr/bin/env bash
#
# Puts an Asterisk (22 or newer), SIPp and espeak-ng into a folder, for the demo
# and the tests. Nothing is installed: Debian's packages are unpacked into
# .asterisk/root of this checkout (or $TRUNKLINE_ASTERISK_DIR/root) and started
# with the C library that comes with them. No root needed; to undo, delete the folder.
#
# Why Debian's unstable suite: no stable release has Asterisk. Why a private apt
# state: `apt-get` then checks every package against the suite's signed index, just
# as it does for the machine, without the machine's package lists being touched.
#
#   .asterisk/root       the unpacked packages
#   .asterisk/cache      the packages themselves, so that a run without network can redo the folder
#   .asterisk/manifest   package, version, sha256 of everything unpacked
#   .asterisk/ready      written last; says what `root` was made from
set -euo pipefail
umask 022
export LC_ALL=C

# shellcheck source=asterisk/lib.sh
. "$(dirname -- "${BASH_SOURCE[0]}")/lib.sh"

suite=sid

# Asterisk and the libraries of exactly the modules in etc/modules.conf. The whole
# dependency closure would be five times the size, for modules that are not loaded.
asterisk_packages='asterisk asterisk-core-sounds-en-gsm asterisk-modules libbsd0 libc6 libcap2
	libcrypt1 libedit2 libgcc-s1 libgsm1 libjansson4 libmd0 libnspr4 libnss3 libsqlite3-0 libsrtp2-1
	libssl3t64 libstdc++6 libsystemd0 libtinfo6 liburiparser1 libuuid1 libxml2-16 libxslt1.1 libzstd1
	zlib1g'
# Sounds over http: res_curl and res_http_media_cache.
http_packages='libcurl4t64 libbrotli1 libcom-err2 libdb5.3t64 libgssapi-krb5-2 libidn2-0 libk5crypto3
	libkeyutils1 libkrb5-3 libkrb5support0 libldap2 libnghttp2-14 libnghttp3-9 libngtcp2-16
	libngtcp2-crypto-ossl0 libpsl5t64 libsasl2-2 libssh2-1t64 libunistring5'
opus_packages='libopus0'
sipp_packages='sip-tester libdbus-1-3 libgsl28 libgslcblas0 libncursesw6 libpcap0.8t64 libpugixml1v5
	libsctp1'
# espeak-ng only ever writes files here, but it is linked to the sound servers' libraries.
espeak_packages='espeak-ng espeak-ng-data libespeak-ng1 libpcaudio0 libsonic0 libasound2t64
	libasyncns0 libflac14 libmp3lame0 libmpg123-0t64 libogg0 libpulse0 libsndfile1 libvorbis0a
	libvorbisenc2 libx11-6 libx11-xcb1 libxau6 libxcb1 libxdmcp6'
# The closure is computed from these when the lists above no longer fit.
wanted='asterisk asterisk-modules asterisk-core-sounds-en-gsm sip-tester espeak-ng'
packages=$(echo $asterisk_packages $http_packages $opus_packages $sipp_packages $espeak_packages)

cache=$asterisk_dir/cache
apt=$asterisk_dir/apt
manifest=$asterisk_dir/manifest
ready=$asterisk_dir/ready

say() { printf '%s\n' "$*"; }

own_asterisk='Trunkline works with any Asterisk 22 or newer: start it with "trunkline serve --asterisk http://HOST:8088" and see docs/asterisk-setup.md.'

# --- is everything there already? ------------------------------------------------

# Changes whenever the lists or the manifest change, so that an older folder is redone.
fingerprint() { { printf '%s\n' "$suite" "$packages"; cat "$manifest"; } | sha256sum | cut -d' ' -f1; }

is_ready() {
	[ -f "$ready" ] && [ -f "$manifest" ] && [ "$(cat "$ready")" = "$(fingerprint)" ] &&
		[ -x "$root/usr/sbin/asterisk" ] && [ -x "$root/usr/bin/sipp" ] && [ -x "$root/usr/bin/espeak-ng" ]
}

say_there() {
	say "Asterisk $(awk '$1 == "asterisk" { print $2 }' "$manifest"), SIPp and espeak-ng are already there: $root"
}

if is_ready; then
	say_there
	exit 0
fi

# --- can this machine do it? -----------------------------------------------------

for tool in apt-get apt-cache apt-config dpkg dpkg-deb sha256sum flock; do
	command -v "$tool" >/dev/null ||
		die "this machine has no $tool; the Asterisk for demo and tests can be fetched on Debian 12 or 13 only. $own_asterisk"
done

keyring=''
for candidate in /usr/share/keyrings/debian-archive-keyring.gpg /usr/share/keyrings/debian-archive-keyring.pgp; do
	if [ -r "$candidate" ]; then
		keyring=$candidate
		break
	fi
done
[ -n "$keyring" ] ||
	die "Debian's archive keyring (package debian-archive-keyring) is not on this machine, so packages could not be checked. $own_asterisk"

mkdir -p "$cache" "$apt/lists/partial" "$apt/archives/partial"
# One run at a time; a second one waits and then finds everything done.
exec 9>"$asterisk_dir/lock"
flock 9
if is_ready; then
	say_there
	exit 0
fi

# --- a private apt ---------------------------------------------------------------

# How this machine reaches its mirror (proxy, certificates, retries) is kept; every
# other setting, above all hooks and pins of the machine, is left out. The file may
# hold a proxy's password, so it is ours alone and does not outlive this run.
machine_sources=$(apt-get update --print-uris 2>/dev/null || true)
machine_indextargets=$(apt-get indextargets --format '$(SITE)' 2>/dev/null || true)
(
	umask 077
	apt-config dump | grep -iE '^Acquire::(https?|ftp|Retries|ForceIPv[46]|Queue-Mode|Max-Age|Changelogs)\b' || true
	cat <<-CONF
		Dir::Etc::main "/dev/null";
		Dir::Etc::Parts "/dev/null";
		Dir::Etc::preferences "/dev/null";
		Dir::Etc::preferencesparts "/dev/null";
		Dir::Etc::sourceparts "/dev/null";
		Dir::Etc::sourcelist "$apt/sources.list";
		Dir::State "$apt";
		Dir::State::lists "$apt/lists";
		Dir::State::status "$apt/status";
		Dir::State::extended_states "$apt/extended_states";
		Dir::Cache "$apt";
		Dir::Cache::archives "$apt/archives";
		APT::Sandbox::User "";
		APT::Install-Recommends "false";
		Acquire::Languages "none";
		Acquire::PDiffs "false";
		// A mirror's unstable is often a day or more behind what its index promises.
		Acquire::Check-Valid-Until "false";
		Acquire::Check-Date "false";
	CONF
) >"$apt/apt.conf.new"
mv "$apt/apt.conf.new" "$apt/apt.conf"
trap 'rm -f "$apt/apt.conf"' EXIT
# An empty status: nothing counts as installed, so the closure is complete.
: >"$apt/status"
export APT_CONFIG=$apt/apt.conf

# The mirrors this machine uses, Debian's own suites first. indextargets knows only
# what was fetched once; --print-uris also answers when `apt-get update` never ran.
mirrors() {
	{
		printf '%s\n' "$machine_indextargets"
		printf '%s\n' "$machine_sources" | sed -n "s|^'\(.*\)/dists/[^']*/\(In\)\{0,1\}Release' .*|\1|p"
	} | awk 'NF && !seen[$0]++ { if ($0 ~ /debian\/*$/) print "1 " $0; else if ($0 !~ /security/) print "2 " $0 }' |
		sort -s -k1,1 | cut -d' ' -f2-
}

# Fetches the suite's index from the first of the machine's mirrors that has it. A
# mirror of something else fails here: its index is missing or not signed by Debian.
fetch_index() {
	local mirror
	architecture=$(dpkg --print-architecture)
	while read -r mirror; do
		printf 'deb [arch=%s signed-by=%s] %s %s main\n' "$architecture" "$keyring" "$mirror" "$suite" >"$apt/sources.list"
		if apt-get -q -o APT::Update::Error-Mode=any update >"$apt/update.log" 2>&1 &&
			apt-cache show asterisk >/dev/null 2>&1; then
			return 0
		fi
	done < <(mirrors)
	return 1
}

# --- which files -----------------------------------------------------------------

# Writes `plan`: file name, sha256, package, version. apt says what it would fetch
# (URI, name, size, hash of the signed index); nothing is downloaded here.
plan_for() {
	local names=$1
	# apt leaves out what the current directory has already, so the directory is an empty one.
	# shellcheck disable=SC2086 # a list of names
	(cd "$apt/archives/partial" && apt-get -q download --print-uris $names 2>"$apt/plan.log") |
		awk '$4 ~ /^SHA256:/ && $2 ~ /\.deb$/ {
			split($2, part, "_") # package_version_architecture.deb, the epoch colon as %3a
			gsub(/%3a/, ":", part[2])
			print $2, substr($4, 8), part[1], part[2]
		}' | sort >"$apt/plan.new"
	# One line for each name, or the plan does not cover the list.
	[ "$(wc -l <"$apt/plan.new")" -ge "$(echo $names | wc -w)" ]
}

closure() {
	# shellcheck disable=SC2086
	apt-get -q install -s $wanted 2>/dev/null | awk '/^Inst / { print $2 }' | sed 's/:.*//' | sort -u
}

cached() { # file sha256
	[ -f "$cache/$1" ] && [ "$(sha256sum <"$cache/$1" | cut -d' ' -f1)" = "$2" ]
}

# Downloads what the cache lacks or has only in part.
fetch() {
	local file sum package version missing=()
	while read -r file sum package version; do
		cached "$file" "$sum" && continue
		rm -f "$cache/$file"
		missing+=("$package=$version")
	done <"$apt/plan.new"
	if [ ${#missing[@]} -gt 0 ]; then
		say "Fetching ${#missing[@]} packages."
		(cd "$cache" && apt-get -q download "${missing[@]}" >"$apt/download.log" 2>&1) || {
			tail -n 5 "$apt/download.log" >&2
			die 'a download failed; run this again, what has arrived is kept'
		}
	fi
	while read -r file sum package version; do
		cached "$file" "$sum" || die "$file does not have the checksum that Debian's signed index names; run this again"
	done <"$apt/plan.new"
}

# --- unpacking -------------------------------------------------------------------

unpack() {
	local new=$asterisk_dir/root.new file
	rm -rf "$new"
	mkdir -p "$new"
	say "Unpacking $(wc -l <"$apt/plan.new") packages."
	while read -r file _; do
		dpkg-deb -x "$cache/$file" "$new"
	done <"$apt/plan.new"
	# Packages' install scripts do not run; this link is the one thing of theirs that
	# Asterisk needs: the default language `en` has no folder of its own.
	local sounds=$new/usr/share/asterisk/sounds
	if [ ! -e "$sounds/en" ] && [ -d "$sounds/en_US_f_Allison" ]; then
		ln -s en_US_f_Allison "$sounds/en"
	fi
}

# Does what was unpacked hang together? Every program and every module of
# etc/modules.conf must find all its libraries inside the tree.
complete() {
	local new=$1 problems=$apt/problems file
	find_loader "$new" || return 1
	: >"$problems"
	while read -r file; do
		if [ ! -e "$file" ]; then
			echo "$file is missing" >>"$problems"
			continue
		fi
		"$loader" --inhibit-cache --library-path "$libpath" --list "$file" 2>&1 |
			awk -v name="${file##*/}" -v tree="$new/" '
				/not found|error while loading/ || (/=> \// && !index($0, "=> " tree)) { print name ": " $0 }
			' >>"$problems"
	done < <(
		printf '%s\n' "$new"/usr/{sbin/asterisk,bin/sipp,bin/espeak-ng}
		sed -n "s|^load *= *\([a-z0-9_]*\.so\).*|$libdir/asterisk/modules/\1|p" "$checkout/asterisk/etc/modules.conf"
	)
	[ ! -s "$problems" ]
}

say "Asterisk, SIPp and espeak-ng go into $asterisk_dir; nothing is installed on the machine."
if fetch_index; then
	say "Read the signed package index of Debian $suite from this machine's own mirror."
	if ! plan_for "$packages"; then
		say 'Some listed packages have other names today; taking everything that Asterisk, SIPp and espeak-ng depend on.'
		plan_for "$(closure)" || die "the packages cannot be resolved (see $apt/plan.log). $own_asterisk"
	fi
	fetch
elif [ -s "$apt/plan" ]; then
	# No network, or the mirror is away: an earlier run's packages are as good.
	cp "$apt/plan" "$apt/plan.new"
	while read -r file sum _; do
		cached "$file" "$sum" || die "no mirror answers and $file is not in the cache. Last words of apt: $(tail -n 1 "$apt/update.log")"
	done <"$apt/plan.new"
	say 'No mirror answers; using the packages of an earlier run.'
else
	[ -s "$apt/update.log" ] && tail -n 3 "$apt/update.log" >&2
	die "none of the package mirrors of this machine has Debian $suite (is this Debian 12 or 13, with a network?). $own_asterisk"
fi

unpack
if ! complete "$asterisk_dir/root.new"; then
	say 'The listed packages do not fit together today; taking everything that they depend on.'
	if ! plan_for "$(closure)"; then
		die "the packages cannot be resolved (see $apt/plan.log). $own_asterisk"
	fi
	fetch
	unpack
	complete "$asterisk_dir/root.new" || die "the unpacked Asterisk lacks parts, see $apt/problems. $own_asterisk"
fi

# The stamp goes first and comes back last: whatever interrupts this, a half-made
# folder is never taken for a whole one.
rm -f "$ready"
rm -rf "$root"
mv "$asterisk_dir/root.new" "$root"
mv "$apt/plan.new" "$apt/plan"
awk '{ print $3, $4, $2 }' "$apt/plan" >"$manifest.new"
mv "$manifest.new" "$manifest"
fingerprint >"$ready.new"
mv "$ready.new" "$ready"
# apt's index and its own caches are 100 MB; they are read again only when the lists
# above change.
rm -rf "$apt/lists" "$apt/archives" "$apt"/*.bin
say "Done: Asterisk $(awk '$1 == "asterisk" { print $2 }' "$manifest"), $(wc -l <"$manifest") packages, versions and checksums in $manifest."
