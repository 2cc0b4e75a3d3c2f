//! What is heard: tones in stretches of time. Sounds that are played are tones
//! here, and so are voices; silence lies between them.

use std::f64::consts::TAU;

/// The tone of everything that is played.
pub(crate) const PLAYED: u32 = 440;

/// The tone of speech.
const SPOKEN: u32 = 300;
/// Letters that are spoken of a text.
const LONGEST_TEXT: i64 = 10_000;

/// Samples a second.
const RATE: u32 = 8_000;
/// Of 32767: about -15 dBFS each.
const AMPLITUDE: f64 = 8_000.0;

/// A tone between two times, microseconds since 1970.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Span {
    pub(crate) from: i64,
    pub(crate) to: i64,
    pub(crate) hertz: u32,
}

impl Span {
    /// One that has begun and goes on.
    pub(crate) fn open(from: i64, hertz: u32) -> Self {
        Self {
            from,
            to: i64::MAX,
            hertz,
        }
    }

    /// What of it lies between two times.
    pub(crate) fn within(self, from: i64, to: i64) -> Option<Self> {
        let (from, to) = (self.from.max(from), self.to.min(to));
        (from < to).then_some(Self { from, to, ..self })
    }
}

/// How the far end of a call sounds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) enum Voice {
    #[default]
    Silent,
    /// Sends back what it hears.
    Echo,
    /// A tone, from the answer on.
    Tone(u32),
}

/// A WAV file with these tones: 8 kHz, one channel, 16 bits. Times begin with 0.
pub(crate) fn wav(microseconds: i64, spans: &[Span]) -> Vec<u8> {
    let count = usize::try_from(samples(microseconds)).unwrap_or(0);
    let mut sum = vec![0.0; count];
    for span in spans {
        let from = usize::try_from(samples(span.from)).unwrap_or(0).min(count);
        let to = usize::try_from(samples(span.to)).unwrap_or(0).min(count);
        let mut turns = 0;
        for sample in &mut sum[from.min(to)..to] {
            *sample += AMPLITUDE * (TAU * f64::from(turns) / f64::from(RATE)).sin();
            turns = (turns + span.hertz) % RATE;
        }
    }
    let length = u32::try_from(count * 2).unwrap_or(u32::MAX - 36);
    let mut file = Vec::with_capacity(44 + count * 2);
    file.extend_from_slice(b"RIFF");
    file.extend_from_slice(&(length + 36).to_le_bytes());
    file.extend_from_slice(b"WAVEfmt ");
    file.extend_from_slice(&16_u32.to_le_bytes());
    for half in [1_u16, 1] {
        file.extend_from_slice(&half.to_le_bytes());
    }
    for word in [RATE, RATE * 2] {
        file.extend_from_slice(&word.to_le_bytes());
    }
    for half in [2_u16, 16] {
        file.extend_from_slice(&half.to_le_bytes());
    }
    file.extend_from_slice(b"data");
    file.extend_from_slice(&length.to_le_bytes());
    for sample in sum {
        #[expect(clippy::cast_possible_truncation, reason = "saturates")]
        file.extend_from_slice(&(sample as i16).to_le_bytes());
    }
    file
}

/// A text as a WAV file: a tone for as long as somebody would take to say it.
#[must_use]
pub fn spoken(text: &str) -> Vec<u8> {
    let letters = i64::try_from(text.trim().chars().count()).unwrap_or(0);
    // Fifteen letters a second, and a breath.
    let microseconds = 200_000 + letters.min(LONGEST_TEXT) * 66_667;
    let tone = Span {
        from: 100_000,
        to: microseconds - 100_000,
        hertz: SPOKEN,
    };
    wav(microseconds, &[tone])
}

fn samples(microseconds: i64) -> i64 {
    microseconds.max(0) / (1_000_000 / i64::from(RATE))
}

/// How long Asterisk plays a WAV file; none when it would not: it takes one
/// channel with 16 bits at 8 kHz.
pub(crate) fn milliseconds(file: &[u8]) -> Option<u64> {
    if file.get(..4)? != b"RIFF" || file.get(8..12)? != b"WAVE" {
        return None;
    }
    let half = |at: usize| Some(u16::from_le_bytes(file.get(at..at + 2)?.try_into().ok()?));
    let word = |at: usize| Some(u32::from_le_bytes(file.get(at..at + 4)?.try_into().ok()?));
    let mut at = 12;
    let mut playable = false;
    loop {
        let length = word(at + 4)?;
        match file.get(at..at + 4)? {
            b"fmt " => {
                let kind = (half(at + 8)?, half(at + 10)?, half(at + 22)?);
                playable = kind == (1, 1, 16) && word(at + 12)? == RATE;
            }
            b"data" if playable => {
                let there = file.len() - (at + 8);
                let bytes = u64::from(length).min(u64::try_from(there).ok()?);
                return Some(bytes / 16);
            }
            b"data" => return None,
            _ => {}
        }
        let length = usize::try_from(length).ok()?;
        // Chunks begin at even places.
        at = at.checked_add(8)?.checked_add(length + length % 2)?;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_is_as_long_as_it_says_and_has_its_tones() {
        let span = Span {
            from: 500_000,
            to: 1_000_000,
            hertz: 1_000,
        };
        let file = wav(1_500_000, &[span]);
        assert_eq!(milliseconds(&file), Some(1_500));
        let loud = |from: usize| {
            let samples = &file[44 + from * 2..44 + from * 2 + 16];
            samples.iter().any(|&byte| byte != 0)
        };
        assert!(!loud(0) && loud(4_000) && loud(7_900) && !loud(8_000));
    }

    #[test]
    fn a_longer_text_takes_longer() {
        assert_eq!(milliseconds(&spoken("")), Some(200));
        assert_eq!(milliseconds(&spoken(&"a".repeat(30))), Some(2_200));
    }

    #[test]
    fn what_asterisk_would_not_play_has_no_length() {
        let good = wav(1_000_000, &[]);
        let with = |at: usize, value: u8| {
            let mut file = good.clone();
            file[at] = value;
            file
        };
        let (stereo, bits, rate) = (with(22, 2), with(34, 8), with(25, 0x3e));
        for file in [
            &stereo,
            &bits,
            &rate,
            &b"<html>".to_vec(),
            &good[..30].to_vec(),
        ] {
            assert_eq!(milliseconds(file), None);
        }
    }

    #[test]
    fn a_span_is_cut_to_what_is_recorded() {
        let span = Span::open(10, 1);
        let cut = |from, to| span.within(from, to).map(|span| (span.from, span.to));
        assert_eq!(cut(0, 20), Some((10, 20)));
        assert_eq!(cut(15, 20), Some((15, 20)));
        assert_eq!(cut(0, 10), None);
    }
}
