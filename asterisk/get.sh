#!/usr/bin/env bash
#
# Puts an Asterisk (22 or newer), SIPp and espeak-ng into a folder, for the demo
# and the tests. Nothing is installed: Debian's packages are unpacked into
# .asterisk/root of this checkout (or $TRUNKLINE_ASTERISK_DIR/root) and started
# with the C library that comes with them. No root needed; to undo, delete the folder.
#
# Why Debian's unstable suite: no stable release has Asterisk. How it is done, and what
# else is in the folder: unpack/debian.sh.
set -euo pipefail
umask 022
export LC_ALL=C

# shellcheck source=asterisk/lib.sh
. "$(dirname -- "${BASH_SOURCE[0]}")/lib.sh"
# shellcheck source=unpack/debian.sh
. "$checkout/unpack/debian.sh"

title=Asterisk what='Asterisk, SIPp and espeak-ng' leading=asterisk suites=sid store=$asterisk_dir

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
wanted='asterisk asterisk-modules asterisk-core-sounds-en-gsm sip-tester espeak-ng'
packages=$(echo $asterisk_packages $http_packages $opus_packages $sipp_packages $espeak_packages)

otherwise='Trunkline works with any Asterisk 22 or newer: start it with "trunkline serve --asterisk http://HOST:8088" and see docs/asterisk-setup.md.'

# Every program, and every module of etc/modules.conf.
parts() {
	local modules
	printf '%s\n' "$1"/usr/{sbin/asterisk,bin/sipp,bin/espeak-ng}
	modules=$(printf '%s\n' "$1"/usr/lib/*/asterisk/modules)
	sed -n "s|^load *= *\([a-z0-9_]*\.so\).*|$modules/\1|p" "$checkout/asterisk/etc/modules.conf"
}

# This link is the one thing that Asterisk needs of the packages' install scripts: the
# default language `en` has no folder of its own.
finish() {
	local sounds=$1/usr/share/asterisk/sounds
	if [ ! -e "$sounds/en" ] && [ -d "$sounds/en_US_f_Allison" ]; then
		ln -s en_US_f_Allison "$sounds/en"
	fi
}

unpack_debian
