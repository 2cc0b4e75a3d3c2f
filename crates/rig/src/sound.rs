//! What a WAV file sounds like: whether there is one, how long it is, how loud,
//! and which tone it holds.

use std::f64::consts::TAU;

use anyhow::{Context, Result, ensure};

/// A WAV file of one channel with 16 bits a sample.
#[derive(Debug, Clone)]
pub struct Sound {
    rate: u32,
    samples: Vec<i16>,
}

impl Sound {
    /// Reads a file.
    ///
    /// # Errors
    ///
    /// When it is no WAV file, is cut off, or is of another kind.
    pub fn parse(file: &[u8]) -> Result<Self> {
        ensure!(
            file.get(..4) == Some(b"RIFF") && file.get(8..12) == Some(b"WAVE"),
            "this is no WAV file"
        );
        let (mut rate, mut at) = (None, 12);
        loop {
            let name = file.get(at..at + 4).context("it has no sound in it")?;
            let length = usize::try_from(number(file, at + 4)?)?;
            let chunk = file
                .get(at + 8..)
                .and_then(|rest| rest.get(..length))
                .context("it is cut off")?;
            match name {
                b"fmt " => rate = Some(format(chunk)?),
                b"data" => {
                    let rate = rate.context("its sound comes before its format")?;
                    let samples = chunk.chunks_exact(2);
                    let samples = samples
                        .map(|pair| i16::from_le_bytes([pair[0], pair[1]]))
                        .collect();
                    return Ok(Self { rate, samples });
                }
                _ => {}
            }
            // Chunks begin at even places.
            at += 8 + length + length % 2;
        }
    }

    /// How long it lasts.
    #[must_use]
    pub fn seconds(&self) -> f64 {
        count(self.samples.len()) / f64::from(self.rate)
    }

    /// The mean power in decibels below the loudest there is; minus infinity when
    /// every sample is zero, or there is none.
    #[must_use]
    pub fn loudness(&self) -> f64 {
        let squares = self.samples.iter().map(|&sample| f64::from(sample).powi(2));
        let power = squares.sum::<f64>() / count(self.samples.len().max(1));
        10.0 * (power / f64::from(i16::MAX).powi(2)).log10()
    }

    /// How much of its power lies at a frequency, between 0 and 1.
    #[must_use]
    pub fn share_of(&self, hertz: u32) -> f64 {
        let step = TAU * f64::from(hertz) / f64::from(self.rate);
        let (mut sine, mut cosine, mut power) = (0.0, 0.0, 0.0);
        for (at, &sample) in self.samples.iter().enumerate() {
            let (sample, angle) = (f64::from(sample), step * count(at));
            sine += sample * angle.sin();
            cosine += sample * angle.cos();
            power += sample * sample;
        }
        if power == 0.0 {
            return 0.0;
        }
        2.0 * (sine.powi(2) + cosine.powi(2)) / (power * count(self.samples.len()))
    }
}

fn format(chunk: &[u8]) -> Result<u32> {
    let half = |at: usize| Some(u16::from_le_bytes([*chunk.get(at)?, *chunk.get(at + 1)?]));
    let kind = (half(0), half(2), half(14));
    ensure!(
        kind == (Some(1), Some(1), Some(16)),
        "its format, channels and bits are {kind:?}, not 1, 1 and 16"
    );
    let rate = number(chunk, 4)?;
    ensure!(rate > 0, "it has no samples in a second");
    Ok(rate)
}

fn number(bytes: &[u8], at: usize) -> Result<u32> {
    let bytes = bytes.get(at..at + 4).context("it is cut off")?;
    Ok(u32::from_le_bytes(bytes.try_into()?))
}

#[expect(clippy::cast_precision_loss, reason = "no sound is that long")]
fn count(samples: usize) -> f64 {
    samples as f64
}

#[cfg(test)]
mod tests {
    use super::*;

    fn wav(samples: &[i16]) -> Vec<u8> {
        let length = u32::try_from(samples.len() * 2).unwrap();
        let mut file = b"RIFF\0\0\0\0WAVEfmt \x10\0\0\0\x01\0\x01\0".to_vec();
        file.extend(8_000_u32.to_le_bytes());
        file.extend(16_000_u32.to_le_bytes());
        file.extend(b"\x02\0\x10\0LIST\x03\0\0\0abc\0data");
        file.extend(length.to_le_bytes());
        file.extend(samples.iter().flat_map(|sample| sample.to_le_bytes()));
        file
    }

    fn tone(hertz: f64) -> Vec<i16> {
        (0..8_000)
            .map(|at| (10_000.0 * (TAU * hertz * f64::from(at) / 8_000.0).sin()) as i16)
            .collect()
    }

    #[test]
    fn a_tone_is_heard() {
        let sound = Sound::parse(&wav(&tone(500.0))).unwrap();
        assert!((sound.seconds() - 1.0).abs() < 1e-9);
        assert!(
            (sound.loudness() + 13.3).abs() < 0.1,
            "{}",
            sound.loudness()
        );
        assert!(sound.share_of(500) > 0.99);
        assert!(sound.share_of(600) < 0.01);
    }

    #[test]
    fn silence_is_silence() {
        for samples in [vec![0; 800], vec![]] {
            let sound = Sound::parse(&wav(&samples)).unwrap();
            assert_eq!(sound.loudness(), f64::NEG_INFINITY);
            assert!(sound.share_of(500).abs() < f64::EPSILON);
        }
    }

    #[test]
    fn what_is_no_wav_file_is_refused() {
        let good = wav(&[1, 2, 3]);
        let mut stereo = good.clone();
        stereo[22] = 2;
        for file in [
            &b"{}"[..],
            &good[..good.len() - 1],
            &good[..40],
            &stereo,
            &[],
        ] {
            assert!(Sound::parse(file).is_err());
        }
    }
}
