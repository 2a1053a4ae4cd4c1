//! The decimals of the wire: groups of four digits, the place of the first, and how many stand behind the point.

use crate::value::Number;

/// A decimal taken apart.
struct Parts<'a> {
    groups: &'a [u8],
    weight: i32,
    negative: bool,
    places: usize,
}

/// What the sign says of a decimal that is no number.
const NAN: u16 = 0xC000;
const ENDLESS: u16 = 0xD000;
const ENDLESS_BELOW: u16 = 0xF000;

impl Parts<'_> {
    fn of(raw: &[u8]) -> Option<Result<Parts<'_>, &'static str>> {
        let word = |i: usize| Some(u16::from_be_bytes(raw.get(2 * i..2 * i + 2)?.try_into().ok()?));
        let (count, weight, sign, places) = (word(0)?, word(1)?, word(2)?, word(3)?);
        match sign {
            NAN => return Some(Err("NaN")),
            ENDLESS => return Some(Err("Infinity")),
            ENDLESS_BELOW => return Some(Err("-Infinity")),
            _ => {}
        }
        let groups = raw.get(8..8 + 2 * usize::from(count))?;
        let weight = i32::from(i16::from_be_bytes(weight.to_be_bytes()));
        Some(Ok(Parts { groups, weight, negative: sign != 0, places: usize::from(places) }))
    }

    fn groups(&self) -> impl Iterator<Item = u16> + '_ {
        self.groups.chunks_exact(2).map(|pair| u16::from_be_bytes([pair[0], pair[1]]))
    }
}

/// The number, if it is one that fits.
pub(in crate::store) fn number(raw: &[u8]) -> Option<Number> {
    let parts = Parts::of(raw)?.ok()?;
    let mut value: i128 = 0;
    let mut count = 0;
    for group in parts.groups() {
        value = value.checked_mul(10_000)?.checked_add(i128::from(group))?;
        count += 1;
    }
    let value = if parts.negative { -value } else { value };
    let shift = 4 * (parts.weight + 1 - count);
    let power = 10i128.checked_pow(shift.unsigned_abs())?;
    if shift >= 0 { value.checked_mul(power).map(Number::whole) } else { Number::ratio(value, power) }
}

/// As the server would write it.
pub(in crate::store) fn numeric_text(raw: &[u8]) -> String {
    let parts = match Parts::of(raw) {
        Some(Ok(parts)) => parts,
        Some(Err(word)) => return word.to_owned(),
        None => return "?".to_owned(),
    };
    let all: Vec<u16> = parts.groups().collect();
    let at = |place: i32| usize::try_from(parts.weight - place).ok().and_then(|i| all.get(i)).copied().unwrap_or(0);
    let mut whole: String = (0..=parts.weight.max(0)).rev().map(|place| format!("{:04}", at(place))).collect();
    let digits = whole.trim_start_matches('0').len().max(1);
    whole = whole.split_off(whole.len() - digits);
    let groups = i32::try_from(parts.places.div_ceil(4)).unwrap_or(0);
    let mut fraction: String = (1..=groups).map(|place| format!("{:04}", at(-place))).collect();
    fraction.truncate(parts.places);
    let sign = if parts.negative { "-" } else { "" };
    if fraction.is_empty() { format!("{sign}{whole}") } else { format!("{sign}{whole}.{fraction}") }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn wire(groups: &[u16], weight: i16, sign: u16, places: u16) -> Vec<u8> {
        let mut raw = Vec::new();
        for word in [groups.len() as u16, weight as u16, sign, places].iter().chain(groups) {
            raw.extend_from_slice(&word.to_be_bytes());
        }
        raw
    }

    #[test]
    fn decimals_keep_every_digit() {
        for (groups, weight, sign, places, text) in [
            (&[][..], 0, 0, 0, "0"),
            (&[][..], 0, 0, 2, "0.00"),
            (&[1234, 5000][..], 0, 0, 1, "1234.5"),
            (&[12, 3456, 7890, 1200][..], 2, 0x4000, 2, "-1234567890.12"),
            (&[1][..], -1, 0, 4, "0.0001"),
            (&[500][..], -2, 0, 6, "0.000005"),
            (&[7][..], 2, 0, 0, "700000000"),
        ] {
            let raw = wire(groups, weight, sign, places);
            assert_eq!(numeric_text(&raw), text);
            assert_eq!(number(&raw), Number::parse(text), "{text}");
        }
        let huge = wire(&[9999; 12], 11, 0, 0);
        assert_eq!(number(&huge), None);
        assert_eq!(numeric_text(&huge), "9999".repeat(12));
        for (sign, word) in [(NAN, "NaN"), (ENDLESS, "Infinity"), (ENDLESS_BELOW, "-Infinity")] {
            assert_eq!((number(&wire(&[], 0, sign, 0)), numeric_text(&wire(&[], 0, sign, 0))), (None, word.to_owned()));
        }
        assert_eq!((number(&[0, 1]), numeric_text(&[0, 1])), (None, "?".to_owned()));
    }
}
