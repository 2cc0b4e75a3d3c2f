#!/usr/bin/env bash
#
# Speaks a text into a file that Asterisk can play: 8 kHz, 16 bit, one channel.
#
#   asterisk/say.sh hello.wav 'Hello, this is a test.' [arguments of espeak-ng, e.g. -v de -s 150]
#
# Play it with `sound:/absolute/path/hello` (without .wav) or by its URL.
#
# espeak-ng speaks at 22050 Hz only, and Asterisk refuses a wav file of that rate. So
# it is resampled here, by nothing but od and awk.
set -euo pipefail

here=$(dirname -- "${BASH_SOURCE[0]}")
if [ $# -lt 2 ]; then
	echo "say.sh FILE.wav TEXT [arguments of espeak-ng]" >&2
	exit 2
fi
out=$1 text=$2
shift 2

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
# The text goes through a file: as an argument it could be taken for an option.
printf '%s\n' "$text" >"$work/text"
"$here/espeak-ng.sh" "$@" -f "$work/text" -w "$work/speech.wav"

rate=$(od -An -tu4 -j24 -N4 "$work/speech.wav" | tr -d ' ')
[ "$rate" = 22050 ] || {
	echo "say.sh: this voice speaks at $rate Hz, only 22050 can be converted" >&2
	exit 1
}

# 22050 / 8000 is 441 / 160: output sample n lies at 441 n / 160 of the input, so there
# are 160 positions between two input samples and a filter is made for each of them (a
# sinc under a Hann window). It cuts at 3600 Hz, because what is above 4000 Hz would
# come back as noise.
tail -c +45 "$work/speech.wav" | od -An -v -w2 -td2 | LC_ALL=C awk '
	{ x[NR - 1] = $1 }
	function u16(v) { printf "%c%c", v % 256, int(v / 256) % 256 }
	function u32(v) { u16(v % 65536); u16(int(v / 65536)) }
	END {
		pi = atan2(0, -1); half = 24; cut = 2 * 3600 / 22050
		for (phase = 0; phase < 160; phase++) {
			sum = 0
			for (k = -half; k <= half; k++) {
				u = k - phase / 160
				w = (u > -half && u < half) ? 0.5 + 0.5 * cos(pi * u / half) : 0
				h[phase, k] = w * (u == 0 ? cut : sin(pi * cut * u) / (pi * u))
				sum += h[phase, k]
			}
			for (k = -half; k <= half; k++) h[phase, k] /= sum
		}
		count = int(NR * 160 / 441)
		printf "RIFF"; u32(36 + 2 * count); printf "WAVEfmt "
		u32(16); u16(1); u16(1); u32(8000); u32(16000); u16(2); u16(16)
		printf "data"; u32(2 * count)
		for (n = 0; n < count; n++) {
			at = int(n * 441 / 160); phase = n * 441 - at * 160
			y = 0
			for (k = -half; k <= half; k++) y += x[at + k] * h[phase, k]
			y = int(y + (y < 0 ? -0.5 : 0.5))
			if (y > 32767) y = 32767
			if (y < -32768) y = -32768
			u16(y < 0 ? y + 65536 : y)
		}
	}' >"$work/out.wav"
mv -- "$work/out.wav" "$out"
