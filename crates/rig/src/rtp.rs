//! RTP of one call, frame by frame: a tone or silence in u-law, and one digit as
//! a telephone event (RFC 3550, RFC 4733). Pure: no clock, no socket.

use std::f64::consts::TAU;

/// Samples of a frame of 20 ms at 8 kHz.
pub(crate) const FRAME: usize = 160;
/// The same as RTP's time stamps count.
const STEP: u32 = 160;
/// Payload types of the callees' SDP.
const PCMU: u8 = 0;
const EVENT: u8 = 101;
/// A digit is held for so many frames, and its end is told so many times
/// (RFC 4733 §2.5.1.4).
const HELD: u32 = 5;
const ENDS: usize = 3;
/// Of 32767: about -15 dBFS.
const AMPLITUDE: f64 = 8_000.0;

/// What one side of a call sends.
#[derive(Debug, Clone)]
pub(crate) struct Speech {
    /// Hertz; silence without.
    pub(crate) tone: Option<u32>,
    /// A digit, and before how many frames it comes.
    pub(crate) digit: Option<(u32, u8)>,
    ssrc: u32,
    sequence: u16,
    frame: u32,
}

impl Speech {
    pub(crate) fn new(tone: Option<u32>, digit: Option<(u32, u8)>, ssrc: u32) -> Self {
        Self {
            tone,
            digit,
            ssrc,
            sequence: 0,
            frame: 0,
        }
    }

    /// How many frames were sent.
    pub(crate) fn frames(&self) -> u32 {
        self.frame
    }

    /// The packets of the next frame: sound, or the digit in its place.
    pub(crate) fn next(&mut self) -> Vec<Vec<u8>> {
        let at = self.frame;
        self.frame += 1;
        match self.digit {
            Some((from, digit)) if (from..from + HELD).contains(&at) => {
                self.digit_packets(from, at - from, digit)
            }
            _ => {
                let sound = self.sound(at);
                vec![self.packet(PCMU, at == 0, at * STEP, &sound)]
            }
        }
    }

    /// All of one event carry the time of its begin; how long it has lasted grows.
    fn digit_packets(&mut self, from: u32, held: u32, digit: u8) -> Vec<Vec<u8>> {
        let lasted = u16::try_from((held + 1) * STEP).unwrap_or(u16::MAX);
        let last = held + 1 == HELD;
        // The volume of 10 below 0 dBm0, and the bit of the end.
        let [high, low] = lasted.to_be_bytes();
        let payload = [digit, if last { 0x8a } else { 0x0a }, high, low];
        let copies = if last { ENDS } else { 1 };
        (0..copies)
            .map(|_| self.packet(EVENT, held == 0, from * STEP, &payload))
            .collect()
    }

    fn packet(&mut self, payload_type: u8, marker: bool, time: u32, payload: &[u8]) -> Vec<u8> {
        let mut packet = Vec::with_capacity(12 + payload.len());
        packet.extend([0x80, payload_type | (u8::from(marker) << 7)]);
        packet.extend(self.sequence.to_be_bytes());
        packet.extend(time.to_be_bytes());
        packet.extend(self.ssrc.to_be_bytes());
        packet.extend(payload);
        self.sequence = self.sequence.wrapping_add(1);
        packet
    }

    fn sound(&self, frame: u32) -> [u8; FRAME] {
        let Some(tone) = self.tone else {
            return [ulaw(0); FRAME];
        };
        let first = u64::from(frame) * u64::from(STEP);
        let mut at = first;
        [(); FRAME].map(|()| {
            // Whole periods are left out, so that long calls stay exact.
            let turns = (at * u64::from(tone)) % 8_000;
            at += 1;
            let angle = TAU * f64::from(u32::try_from(turns).unwrap_or(0)) / 8_000.0;
            #[expect(clippy::cast_possible_truncation, reason = "within its amplitude")]
            let sample = (AMPLITUDE * angle.sin()) as i16;
            ulaw(sample)
        })
    }
}

/// G.711 u-law of a sample.
fn ulaw(sample: i16) -> u8 {
    const BIAS: i32 = 0x84;
    const MOST: i32 = 32_635;
    let sign = if sample < 0 { 0x80 } else { 0 };
    let size = i32::from(sample).abs().min(MOST) + BIAS;
    // The position of the highest bit above the eighth is the segment.
    let segment = (0..8).rev().find(|bit| size >> (bit + 7) != 0).unwrap_or(0);
    let step = (size >> (segment + 3)) & 0x0f;
    u8::try_from(!(sign | (segment << 4) | step) & 0xff).unwrap_or(0xff)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// ITU-T G.711, table 2a: the ends of the scale, zero, and a value of each sign.
    #[test]
    fn samples_become_ulaw() {
        let rows = [
            (0, 0xff),
            (32_767, 0x80),
            (-32_768, 0x00),
            (1_000, 0xce),
            (-1_000, 0x4e),
        ];
        for (sample, expected) in rows {
            assert_eq!(ulaw(sample), expected, "{sample}");
        }
    }

    #[test]
    fn a_digit_takes_the_place_of_five_frames_and_ends_three_times() {
        let mut speech = Speech::new(Some(500), Some((2, 7)), 1);
        let frames: Vec<_> = (0..8).map(|_| speech.next()).collect();
        let count: Vec<usize> = frames.iter().map(Vec::len).collect();
        assert_eq!(count, [1, 1, 1, 1, 1, 1, 3, 1]);
        let packets: Vec<_> = frames.concat();
        let sequence: Vec<u8> = packets.iter().map(|packet| packet[3]).collect();
        assert_eq!(sequence, [0, 1, 2, 3, 4, 5, 6, 7, 8, 9]);
        let types: Vec<u8> = packets.iter().map(|packet| packet[1]).collect();
        // The marker is on the first of the speech and of the event.
        let event = [0x80 | 101, 101, 101, 101, 101, 101, 101];
        assert_eq!(types[..2], [0x80, 0]);
        assert_eq!(types[2..9], event);
        let durations: Vec<u16> = packets[2..9]
            .iter()
            .map(|packet| u16::from_be_bytes([packet[14], packet[15]]))
            .collect();
        assert_eq!(durations, [160, 320, 480, 640, 800, 800, 800]);
        let ends: Vec<bool> = packets[2..9]
            .iter()
            .map(|packet| packet[13] & 0x80 != 0)
            .collect();
        assert_eq!(ends, [false, false, false, false, true, true, true]);
        assert!(packets[2..9].iter().all(|packet| packet[12] == 7));
        // One time stamp for the event; the sound goes on where it would be.
        assert!(
            packets[2..9]
                .iter()
                .all(|packet| packet[4..8] == packets[2][4..8])
        );
        assert_eq!(packets[9][4..8], (7 * 160_u32).to_be_bytes());
    }

    #[test]
    fn who_says_nothing_sends_silence() {
        let mut speech = Speech::new(None, None, 1);
        assert!(speech.next()[0][12..].iter().all(|&byte| byte == 0xff));
    }
}
