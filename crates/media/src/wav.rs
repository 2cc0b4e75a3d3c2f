//! WAV: 16-bit PCM with one or two channels.
//!
//! Engines that write to a pipe do not know the length when they write the header;
//! a length that is too large means "until the end".

use crate::resample::resample;

/// What Asterisk plays as `.wav`.
pub const ASTERISK_RATE: u32 = 8_000;

/// Rates that are believed.
const RATES: std::ops::RangeInclusive<u32> = 4_000..=192_000;
const PCM: u16 = 1;
/// The format is said further behind.
const EXTENSIBLE: u16 = 0xfffe;
const HEADER_BYTES: u32 = 44;

/// Why something is not a sound that can be used.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Error {
    #[error("it is not a WAV file")]
    NotWav,
    #[error("its format is {0}, and only PCM (1) can be read")]
    Format(u16),
    #[error("it has {0} bits a sample, and only 16 can be read")]
    Bits(u16),
    #[error("it has {0} channels, and only 1 or 2 can be read")]
    Channels(u16),
    #[error("its rate is {0} Hz, and only 4000 to 192000 can be read")]
    Rate(u32),
    #[error("there is no sound in it")]
    Empty,
}

/// A sound with one channel.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Sound {
    /// Samples a second.
    pub rate: u32,
    pub samples: Vec<i16>,
}

/// What a header says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Format {
    channels: u16,
    rate: u32,
}

impl Sound {
    /// Reads a WAV file; two channels become one.
    ///
    /// # Errors
    ///
    /// Says what it is instead.
    pub fn read(bytes: &[u8]) -> Result<Self, Error> {
        let (format, data) = chunks(bytes)?;
        let samples = data
            .chunks_exact(2)
            .map(|pair| i16::from_le_bytes([pair[0], pair[1]]));
        let samples: Vec<i16> = if format.channels == 2 {
            let both: Vec<i16> = samples.collect();
            both.chunks_exact(2).map(middle).collect()
        } else {
            samples.collect()
        };
        if samples.is_empty() {
            return Err(Error::Empty);
        }
        Ok(Self {
            rate: format.rate,
            samples,
        })
    }

    /// The same at Asterisk's rate.
    #[must_use]
    pub fn for_asterisk(&self) -> Self {
        Self {
            rate: ASTERISK_RATE,
            samples: resample(&self.samples, self.rate, ASTERISK_RATE),
        }
    }

    /// As a WAV file.
    #[must_use]
    pub fn write(&self) -> Vec<u8> {
        let data_bytes = u32::try_from(self.samples.len() * 2).unwrap_or(u32::MAX - HEADER_BYTES);
        let mut bytes = Vec::with_capacity(self.samples.len() * 2 + HEADER_BYTES as usize);
        bytes.extend_from_slice(b"RIFF");
        bytes.extend_from_slice(&data_bytes.saturating_add(HEADER_BYTES - 8).to_le_bytes());
        bytes.extend_from_slice(b"WAVEfmt ");
        bytes.extend_from_slice(&16_u32.to_le_bytes());
        bytes.extend_from_slice(&PCM.to_le_bytes());
        bytes.extend_from_slice(&1_u16.to_le_bytes());
        bytes.extend_from_slice(&self.rate.to_le_bytes());
        bytes.extend_from_slice(&self.rate.saturating_mul(2).to_le_bytes());
        bytes.extend_from_slice(&2_u16.to_le_bytes());
        bytes.extend_from_slice(&16_u16.to_le_bytes());
        bytes.extend_from_slice(b"data");
        bytes.extend_from_slice(&data_bytes.to_le_bytes());
        for sample in &self.samples {
            bytes.extend_from_slice(&sample.to_le_bytes());
        }
        bytes
    }

    /// The largest deviation from silence, 0 to 1.
    #[must_use]
    pub fn peak(&self) -> f64 {
        let largest = self.samples.iter().map(|it| it.unsigned_abs()).max();
        f64::from(largest.unwrap_or(0)) / 32_768.0
    }

    /// The root of the mean square, 0 to 1: how loud it is.
    #[must_use]
    pub fn rms(&self) -> f64 {
        let squares: f64 = self.samples.iter().map(|it| f64::from(*it).powi(2)).sum();
        (squares / self.samples.len().max(1) as f64).sqrt() / 32_768.0
    }

    /// How long it is.
    #[must_use]
    pub fn seconds(&self) -> f64 {
        self.samples.len() as f64 / f64::from(self.rate.max(1))
    }
}

fn middle(pair: &[i16]) -> i16 {
    let sum = i32::from(pair[0]) + i32::from(pair[1]);
    i16::try_from(sum / 2).unwrap_or_default()
}

/// The format and the samples' bytes.
fn chunks(bytes: &[u8]) -> Result<(Format, &[u8]), Error> {
    if bytes.get(..4) != Some(b"RIFF") || bytes.get(8..12) != Some(b"WAVE") {
        return Err(Error::NotWav);
    }
    let mut rest = &bytes[12..];
    let mut format = None;
    while let (Some(kind), Some(length)) = (rest.get(..4), u32_at(rest, 4)) {
        let body = &rest[8..];
        let length = usize::try_from(length).unwrap_or(usize::MAX);
        match (kind, format) {
            (b"fmt ", _) => format = Some(read_format(body)?),
            (b"data", Some(format)) => return Ok((format, &body[..length.min(body.len())])),
            _ => {}
        }
        // Chunks begin at even places.
        let next = length.saturating_add(length % 2);
        rest = body.get(next..).unwrap_or_default();
    }
    Err(Error::NotWav)
}

fn read_format(body: &[u8]) -> Result<Format, Error> {
    let short = |at| u16_at(body, at).ok_or(Error::NotWav);
    let mut kind = short(0)?;
    if kind == EXTENSIBLE {
        kind = short(24)?;
    }
    let (channels, bits) = (short(2)?, short(14)?);
    let rate = u32_at(body, 4).ok_or(Error::NotWav)?;
    if kind != PCM {
        return Err(Error::Format(kind));
    }
    if bits != 16 {
        return Err(Error::Bits(bits));
    }
    if !(1..=2).contains(&channels) {
        return Err(Error::Channels(channels));
    }
    if !RATES.contains(&rate) {
        return Err(Error::Rate(rate));
    }
    Ok(Format { channels, rate })
}

fn u16_at(bytes: &[u8], at: usize) -> Option<u16> {
    let pair = bytes.get(at..at + 2)?;
    Some(u16::from_le_bytes([pair[0], pair[1]]))
}

fn u32_at(bytes: &[u8], at: usize) -> Option<u32> {
    let four = bytes.get(at..at + 4)?;
    Some(u32::from_le_bytes([four[0], four[1], four[2], four[3]]))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sound(samples: &[i16]) -> Sound {
        Sound {
            rate: 22_050,
            samples: samples.to_vec(),
        }
    }

    /// The same file with other bytes at a place.
    fn with(at: usize, other: &[u8]) -> Vec<u8> {
        let mut bytes = sound(&[100, -200, 300, -400]).write();
        bytes[at..at + other.len()].copy_from_slice(other);
        bytes
    }

    #[test]
    fn what_is_written_is_read() {
        let sound = sound(&[0, 1, -1, i16::MAX, i16::MIN]);
        assert_eq!(Sound::read(&sound.write()), Ok(sound));
    }

    #[test]
    fn a_file_of_a_pipe_and_one_with_more_in_it_are_read() {
        let whole = vec![100, -200, 300, -400];
        for length in [u32::MAX, 0x7fff_f000] {
            let read = Sound::read(&with(40, &length.to_le_bytes())).unwrap();
            assert_eq!(read.samples, whole);
        }
        let mut more = sound(&whole).write();
        more.splice(36..36, *b"LIST\x03\0\0\0abc\0");
        assert_eq!(Sound::read(&more).unwrap().samples, whole);
        more.extend_from_slice(b"LIST\x04\0\0\0abcd");
        assert_eq!(Sound::read(&more).unwrap().samples, whole);
    }

    #[test]
    fn two_channels_become_one() {
        let read = Sound::read(&with(22, &2_u16.to_le_bytes())).unwrap();
        assert_eq!(read.samples, [-50, -50]);
    }

    #[test]
    fn what_is_no_sound_is_said() {
        let short = |value: u16| value.to_le_bytes();
        for (bytes, error) in [
            (Vec::new(), Error::NotWav),
            (b"<html>no speech today</html>".to_vec(), Error::NotWav),
            (b"RIFF\0\0\0\0WAVE".to_vec(), Error::NotWav),
            (
                b"RIFF\0\0\0\0WAVEfmt \xff\xff\xff\xff".to_vec(),
                Error::NotWav,
            ),
            (with(20, &short(7)), Error::Format(7)),
            (with(34, &short(8)), Error::Bits(8)),
            (with(22, &short(6)), Error::Channels(6)),
            (with(24, &100_u32.to_le_bytes()), Error::Rate(100)),
            (with(40, &0_u32.to_le_bytes()), Error::Empty),
        ] {
            assert_eq!(Sound::read(&bytes), Err(error));
        }
    }

    #[test]
    fn loudness_is_told_from_silence() {
        assert!(sound(&[0; 100]).rms() < f64::EPSILON);
        let loud = sound(&[16_384, -16_384]);
        assert!((loud.peak() - 0.5).abs() < 1e-9 && (loud.rms() - 0.5).abs() < 1e-9);
        assert!((sound(&[1; 22_050]).seconds() - 1.0).abs() < 1e-9);
    }
}
