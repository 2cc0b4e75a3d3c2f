//! From one rate to another, with a windowed sinc.
//!
//! Output sample `n` lies at `n · from / to` of the input. With both divided by
//! what they have in common there are `to` places between two input samples at
//! which an output sample can lie, and each has a filter of its own. The filter
//! cuts below half of the lower rate: what is above would come back as noise.

use std::f64::consts::PI;

/// Zeros of the sinc on each side, at the lower of the two rates.
const ZEROS: u32 = 32;
/// Where the filter cuts, of half of the lower rate.
const CUT: f64 = 0.9;

/// The samples at rate `to`.
#[must_use]
pub fn resample(samples: &[i16], from: u32, to: u32) -> Vec<i16> {
    if from == to || from == 0 || to == 0 {
        return samples.to_vec();
    }
    let common = gcd(from, to);
    let (step, places) = (u64::from(from / common), u64::from(to / common));
    let count = samples.len() as u64 * places / step;
    let mut filters: Vec<Option<Vec<f64>>> = vec![None; usize::try_from(places).unwrap_or(1)];
    let mut output = Vec::with_capacity(usize::try_from(count).unwrap_or(0));
    for n in 0..count {
        let (at, place) = (n * step / places, n * step % places);
        let (Ok(at), Ok(slot)) = (usize::try_from(at), usize::try_from(place)) else {
            break;
        };
        let filter = filters[slot].get_or_insert_with(|| {
            let offset = place as f64 / places as f64;
            filter(from, to, offset)
        });
        output.push(round(apply(samples, at, filter)));
    }
    output
}

/// The weights of the input samples around an output sample that lies `offset`
/// behind the middle one.
fn filter(from: u32, to: u32, offset: f64) -> Vec<f64> {
    let (from, to) = (f64::from(from), f64::from(to));
    let shrink = (to / from).min(1.0);
    let cut = CUT * shrink;
    let half = (f64::from(ZEROS) / shrink).ceil();
    let mut weights = Vec::new();
    let mut k = -half;
    while k <= half {
        let u = k - offset;
        let sinc = if u.abs() < 1e-12 {
            cut
        } else {
            (PI * cut * u).sin() / (PI * u)
        };
        weights.push(sinc * blackman(u / half));
        k += 1.0;
    }
    // So that a constant stays what it is.
    let sum: f64 = weights.iter().sum();
    weights.iter_mut().for_each(|weight| *weight /= sum);
    weights
}

/// The window, from -1 to 1.
fn blackman(x: f64) -> f64 {
    if x.abs() >= 1.0 {
        return 0.0;
    }
    0.42 + 0.5 * (PI * x).cos() + 0.08 * (2.0 * PI * x).cos()
}

fn apply(samples: &[i16], at: usize, filter: &[f64]) -> f64 {
    let half = filter.len() / 2;
    let mut sum = 0.0;
    for (k, weight) in filter.iter().enumerate() {
        // There is silence before the beginning and behind the end.
        let sample = (at + k).checked_sub(half).and_then(|at| samples.get(at));
        sum += weight * f64::from(sample.copied().unwrap_or(0));
    }
    sum
}

#[expect(
    clippy::cast_possible_truncation,
    reason = "it was brought into the range before"
)]
fn round(value: f64) -> i16 {
    value
        .round()
        .clamp(f64::from(i16::MIN), f64::from(i16::MAX)) as i16
}

fn gcd(a: u32, b: u32) -> u32 {
    if b == 0 { a } else { gcd(b, a % b) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::wav::Sound;

    /// One second of a tone.
    fn tone(rate: u32, hertz: f64) -> Vec<i16> {
        let step = 2.0 * PI * hertz / f64::from(rate);
        (0..rate)
            .map(|n| round(16_384.0 * (step * f64::from(n)).sin()))
            .collect()
    }

    /// How much of a tone is in the middle of a sound, 0 to 1.
    fn strength(samples: &[i16], rate: u32, hertz: f64) -> f64 {
        let middle = &samples[samples.len() / 4..samples.len() * 3 / 4];
        let step = 2.0 * PI * hertz / f64::from(rate);
        let (mut re, mut im) = (0.0, 0.0);
        for (n, sample) in middle.iter().enumerate() {
            let angle = step * n as f64;
            re += f64::from(*sample) * angle.cos();
            im += f64::from(*sample) * angle.sin();
        }
        2.0 * re.hypot(im) / middle.len() as f64 / 16_384.0
    }

    #[test]
    fn a_tone_stays_and_its_length_too() {
        for rate in [8_000, 11_025, 16_000, 22_050, 24_000, 44_100, 48_000, 6_000] {
            let out = resample(&tone(rate, 1_000.0), rate, 8_000);
            let length = i64::try_from(out.len()).unwrap();
            assert!((length - 8_000).abs() <= 1, "{rate}: {length}");
            let there = strength(&out, 8_000, 1_000.0);
            assert!((there - 1.0).abs() < 0.01, "{rate}: {there}");
        }
    }

    #[test]
    fn what_is_too_high_is_gone_and_does_not_come_back_lower() {
        for hertz in [4_200.0, 5_000.0, 7_000.0, 10_000.0] {
            let out = resample(&tone(22_050, hertz), 22_050, 8_000);
            let middle = out[1_000..7_000].to_vec();
            let left = Sound {
                rate: 8_000,
                samples: middle,
            };
            assert!(left.rms() < 0.001, "{hertz}: {}", left.rms());
        }
    }

    #[test]
    fn full_scale_and_nothing_are_borne() {
        let loud = resample(&[i16::MAX; 22_050], 22_050, 8_000);
        assert!(loud[2_000..6_000].iter().all(|it| *it >= i16::MAX - 1));
        assert!(resample(&[], 22_050, 8_000).is_empty());
        assert_eq!(resample(&[1, 2, 3], 8_000, 8_000), [1, 2, 3]);
    }
}
