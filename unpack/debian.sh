# Sourced by asterisk/get.sh and servers/get.sh; not a program of its own.
#
# Unpacks Debian's packages into a folder. Nothing is installed and no root needed; to
# undo, delete the folder. Why a private apt state: `apt-get` then checks every package
# against the suite's signed index, just as it does for the machine, without the
# machine's package lists being touched.
#
#   $store/root       the unpacked packages
#   $store/cache      the packages themselves, so that a run without network can redo the folder
#   $store/manifest   package, version, sha256 of everything unpacked
#   $store/ready      written last; says what `root` was made from
#
# `unpack_debian` does it all. Who sources this sets, before the call:
#
#   what       what comes, in words: "Asterisk, SIPp and espeak-ng"
#   title      the same, short: "Asterisk"; its version is that of the package $leading
#   leading    the package that a mirror must have
#   suites     releases of Debian, the preferred one first; the first that a mirror has is taken
#   packages   exactly the packages that are needed, each separated by one space
#   wanted     the closure is computed from these when `packages` no longer fits
#   otherwise  a sentence: what to do where this cannot work
#   store      the folder
#   library_folders  folders of libraries that find_loader is to know
#
# and the functions
#
#   parts TREE   prints each file that must be there; a program's or library's own
#                libraries must all be found in the tree
#   finish TREE  does what the packages' install scripts would have done

say() { printf '%s\n' "$*"; }

# Changes whenever the lists or the manifest change, so that an older folder is redone.
fingerprint() { { printf '%s\n' "$suites" "$packages"; cat "$manifest"; } | sha256sum | cut -d' ' -f1; }

is_ready() {
	[ -f "$ready" ] && [ -f "$manifest" ] && [ "$(cat "$ready")" = "$(fingerprint)" ] || return 1
	local file
	while read -r file; do
		[ -e "$file" ] || return 1
	done < <(parts "$root")
}

leading_version() { awk -v leading="$leading" '$1 == leading { print $2 }' "$manifest"; }

# --- can this machine do it? -----------------------------------------------------

check_machine() {
	local tool candidate
	for tool in apt-get apt-cache apt-config dpkg dpkg-deb sha256sum flock; do
		command -v "$tool" >/dev/null ||
			die "this machine has no $tool; $what for demo and tests can be fetched on Debian 12 or 13 only. $otherwise"
	done
	keyring=''
	for candidate in /usr/share/keyrings/debian-archive-keyring.gpg /usr/share/keyrings/debian-archive-keyring.pgp; do
		if [ -r "$candidate" ]; then
			keyring=$candidate
			break
		fi
	done
	[ -n "$keyring" ] ||
		die "Debian's archive keyring (package debian-archive-keyring) is not on this machine, so packages could not be checked. $otherwise"
}

# --- a private apt ---------------------------------------------------------------

# How this machine reaches its mirror (proxy, certificates, retries) is kept; every
# other setting, above all hooks and pins of the machine, is left out. The file may
# hold a proxy's password, so it is ours alone and does not outlive this run.
private_apt() {
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
}

# The mirrors this machine uses, Debian's own suites first. indextargets knows only
# what was fetched once; --print-uris also answers when `apt-get update` never ran.
mirrors() {
	{
		printf '%s\n' "$machine_indextargets"
		printf '%s\n' "$machine_sources" | sed -n "s|^'\(.*\)/dists/[^']*/\(In\)\{0,1\}Release' .*|\1|p"
	} | awk 'NF && !seen[$0]++ { if ($0 ~ /debian\/*$/) print "1 " $0; else if ($0 !~ /security/) print "2 " $0 }' |
		sort -s -k1,1 | cut -d' ' -f2-
}

# Fetches a suite's index from the first of the machine's mirrors that has it, and says
# in `suite` which one it is. A mirror of something else fails here: its index is
# missing or not signed by Debian.
fetch_index() {
	local mirror architecture
	architecture=$(dpkg --print-architecture)
	for suite in $suites; do
		while read -r mirror; do
			printf 'deb [arch=%s signed-by=%s] %s %s main\n' "$architecture" "$keyring" "$mirror" "$suite" >"$apt/sources.list"
			if apt-get -q -o APT::Update::Error-Mode=any update >"$apt/update.log" 2>&1 &&
				apt-cache show "$leading" >/dev/null 2>&1; then
				return 0
			fi
		done < <(mirrors)
	done
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

plan_closure() {
	plan_for "$(closure)" || die "the packages cannot be resolved (see $apt/plan.log). $otherwise"
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

# No network, or the mirror is away: an earlier run's packages are as good.
use_earlier() {
	local file sum
	if [ ! -s "$apt/plan" ]; then
		[ -s "$apt/update.log" ] && tail -n 3 "$apt/update.log" >&2
		die "none of the package mirrors of this machine has Debian ${suites// / or } (is this Debian 12 or 13, with a network?). $otherwise"
	fi
	cp "$apt/plan" "$apt/plan.new"
	while read -r file sum _; do
		cached "$file" "$sum" || die "no mirror answers and $file is not in the cache. Last words of apt: $(tail -n 1 "$apt/update.log")"
	done <"$apt/plan.new"
	say 'No mirror answers; using the packages of an earlier run.'
}

# --- unpacking -------------------------------------------------------------------

unpack() {
	local new=$store/root.new file
	rm -rf "$new"
	mkdir -p "$new"
	say "Unpacking $(wc -l <"$apt/plan.new") packages."
	while read -r file _; do
		dpkg-deb -x "$cache/$file" "$new"
	done <"$apt/plan.new"
	finish "$new"
}

# Does what was unpacked hang together? Each of the parts must be there, and find all its
# libraries inside the tree.
complete() {
	local new=$1 problems=$apt/problems file
	find_loader "$new" "${library_folders[@]}" || return 1
	: >"$problems"
	while read -r file; do
		if [ ! -e "$file" ]; then
			echo "$file is missing" >>"$problems"
			continue
		fi
		[ "$(head -c 4 "$file" | tail -c 3)" = ELF ] || continue
		"$loader" --inhibit-cache --library-path "$libpath" --list "$file" 2>&1 |
			awk -v name="${file##*/}" -v tree="$new/" '
				/not found|error while loading/ || (/=> \// && !index($0, "=> " tree)) { print name ": " $0 }
			' >>"$problems"
	done < <(parts "$new")
	[ ! -s "$problems" ]
}

# The stamp goes first and comes back last: whatever interrupts this, a half-made
# folder is never taken for a whole one.
take_over() {
	rm -f "$ready"
	rm -rf "$root"
	mv "$store/root.new" "$root"
	mv "$apt/plan.new" "$apt/plan"
	awk '{ print $3, $4, $2 }' "$apt/plan" >"$manifest.new"
	mv "$manifest.new" "$manifest"
	fingerprint >"$ready.new"
	mv "$ready.new" "$ready"
	# apt's index and its own caches are 100 MB; they are read again only when the
	# lists change.
	rm -rf "$apt/lists" "$apt/archives" "$apt"/*.bin
}

# --- all of it -------------------------------------------------------------------

say_there() { say "$title $(leading_version) is already there: $root"; }

bring() {
	say "$what: into $store; nothing is installed on the machine."
	if fetch_index; then
		say "Read the signed package index of Debian $suite from this machine's own mirror."
		if ! plan_for "$packages"; then
			say 'Some listed packages have other names today; taking everything that they depend on.'
			plan_closure
		fi
		fetch
	else
		use_earlier
	fi
	unpack
	if ! complete "$store/root.new"; then
		say 'The listed packages do not fit together today; taking everything that they depend on.'
		plan_closure
		fetch
		unpack
		complete "$store/root.new" || die "what was unpacked lacks parts, see $apt/problems. $otherwise"
	fi
}

unpack_debian() {
	root=$store/root cache=$store/cache apt=$store/apt manifest=$store/manifest ready=$store/ready
	if is_ready; then
		say_there
		return 0
	fi
	check_machine
	mkdir -p "$cache" "$apt/lists/partial" "$apt/archives/partial"
	# One run at a time; a second one waits and then finds everything done.
	exec 9>"$store/lock"
	flock 9
	if is_ready; then
		say_there
		return 0
	fi
	private_apt
	bring
	take_over
	say "Done: $title $(leading_version), $(wc -l <"$manifest") packages, versions and checksums in $manifest."
}
