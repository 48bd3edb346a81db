//! Places on the Earth: geohashes, distances, areas.
//!
//!     place → two 26-bit fractions of its ranges → their bits interleaved: 52 bits
//!
//!     longitude  l l l l …        from -180 to 180
//!     latitude    a a a a …       from -85.05112878 to 85.05112878 (Web Mercator's)
//!
//! The 52 bits are an exact f64, the score of a member of a sorted set; who shares a
//! prefix of bits lies in one box, so a box is a range of scores. `area` says which boxes
//! to look into, `search` looks.

pub mod area;
pub mod search;

/// The radius that the real servers give the Earth, in meters.
pub const EARTH_RADIUS_M: f64 = 6_372_797.560856;
/// Bits of each coordinate in a score.
pub const STEPS: u32 = 26;
pub const LONGITUDE_MAX: f64 = 180.0;
pub const LATITUDE_MAX: f64 = 85.05112878;

/// The letters of geohash texts.
const LETTERS: &[u8; 32] = b"0123456789bcdefghjkmnpqrstuvwxyz";
/// The range of latitudes in geohash texts, as everybody else has it.
const TEXT_LATITUDE_MAX: f64 = 90.0;

/// A place in degrees.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Place {
    pub longitude: f64,
    pub latitude: f64,
}

/// Spreads the bits of a number: every other bit of the result.
fn spread(number: u32) -> u64 {
    let mut bits = u64::from(number);
    for (shift, mask) in [
        (16, 0x0000_ffff_0000_ffff_u64),
        (8, 0x00ff_00ff_00ff_00ff),
        (4, 0x0f0f_0f0f_0f0f_0f0f),
        (2, 0x3333_3333_3333_3333),
        (1, 0x5555_5555_5555_5555),
    ] {
        bits = (bits | (bits << shift)) & mask;
    }
    bits
}

/// Every other bit of a number, together: what `spread` spread.
fn gather(bits: u64) -> u32 {
    let mut bits = bits & 0x5555_5555_5555_5555;
    for (shift, mask) in [
        (1, 0x3333_3333_3333_3333_u64),
        (2, 0x0f0f_0f0f_0f0f_0f0f),
        (4, 0x00ff_00ff_00ff_00ff),
        (8, 0x0000_ffff_0000_ffff),
        (16, 0x0000_0000_ffff_ffff),
    ] {
        bits = (bits | (bits >> shift)) & mask;
    }
    bits as u32
}

/// A box of the grid: how far it is from the south-western corner, with so many bits.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Cell {
    pub x: u32,
    pub y: u32,
    pub steps: u32,
}

/// The edges of a box in degrees.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Bounds {
    pub west: f64,
    pub south: f64,
    pub east: f64,
    pub north: f64,
}

impl Cell {
    /// The box with so many steps around a place, in a world that ends at `latitude_max`.
    fn around(place: Place, steps: u32, latitude_max: f64) -> Cell {
        let whole = (1_u64 << steps) as f64;
        let x = (place.longitude + LONGITUDE_MAX) / (2.0 * LONGITUDE_MAX);
        let y = (place.latitude + latitude_max) / (2.0 * latitude_max);
        Cell {
            x: (x * whole) as u32,
            y: (y * whole) as u32,
            steps,
        }
    }

    pub fn bits(self) -> u64 {
        spread(self.y) | (spread(self.x) << 1)
    }

    pub fn bounds(self) -> Bounds {
        let whole = (1_u64 << self.steps) as f64;
        let at = |number: u64, max: f64| -max + (number as f64 / whole) * (2.0 * max);
        Bounds {
            west: at(self.x.into(), LONGITUDE_MAX),
            east: at(u64::from(self.x) + 1, LONGITUDE_MAX),
            south: at(self.y.into(), LATITUDE_MAX),
            north: at(u64::from(self.y) + 1, LATITUDE_MAX),
        }
    }

    /// The scores inside: from the first, up to but without the second.
    pub fn scores(self) -> (f64, f64) {
        let shift = 2 * (STEPS - self.steps);
        let bits = self.bits();
        let score = |bits: u64| bits.wrapping_shl(shift) as f64;
        (score(bits), score(bits.wrapping_add(1)))
    }

    /// The box so many to the east and to the north; the world is round both ways.
    fn moved(self, east: i32, north: i32) -> Cell {
        let mask = ((1_u64 << self.steps) - 1) as u32;
        let along = |at: u32, by: i32| match by {
            0 => at,
            by => at.wrapping_add_signed(by) & mask,
        };
        Cell {
            x: along(self.x, east),
            y: along(self.y, north),
            steps: self.steps,
        }
    }
}

impl Place {
    /// A place if the coordinates are in range.
    pub fn new(longitude: f64, latitude: f64) -> Option<Place> {
        let is_valid = longitude.abs() <= LONGITUDE_MAX && latitude.abs() <= LATITUDE_MAX;
        is_valid.then_some(Place {
            longitude,
            latitude,
        })
    }

    /// The bits of the score that stands for this place.
    pub fn bits(self) -> u64 {
        Cell::around(self, STEPS, LATITUDE_MAX).bits()
    }

    /// The place that a score stands for: the middle of its box.
    pub fn of_score(score: f64) -> Place {
        let bits = bits_of_score(score);
        let cell = Cell {
            x: gather(bits >> 1),
            y: gather(bits),
            steps: STEPS,
        };
        let bounds = cell.bounds();
        let middle = |low: f64, high: f64, max: f64| ((low + high) / 2.0).clamp(-max, max);
        Place {
            longitude: middle(bounds.west, bounds.east, LONGITUDE_MAX),
            latitude: middle(bounds.south, bounds.north, LATITUDE_MAX),
        }
    }

    /// The geohash text that everybody else would give this place: 10 letters of 5 bits,
    /// and a 0, for the 52 bits make no eleventh.
    pub fn geohash(self) -> [u8; 11] {
        let bits = Cell::around(self, STEPS, TEXT_LATITUDE_MAX).bits();
        let mut text = [LETTERS[0]; 11];
        for (at, letter) in text[..10].iter_mut().enumerate() {
            *letter = LETTERS[(bits >> (2 * STEPS as usize - 5 * (at + 1))) as usize & 31];
        }
        text
    }

    /// Meters between two places along a great circle (haversine).
    pub fn distance_m(self, other: Place) -> f64 {
        let (from, to) = (self.longitude.to_radians(), other.longitude.to_radians());
        let v = ((to - from) / 2.0).sin();
        if v == 0.0 {
            return self.latitude_distance_m(other);
        }
        let (from, to) = (self.latitude.to_radians(), other.latitude.to_radians());
        let u = ((to - from) / 2.0).sin();
        let a = u * u + from.cos() * to.cos() * v * v;
        2.0 * EARTH_RADIUS_M * a.sqrt().asin()
    }

    /// Meters between the latitudes of two places.
    pub fn latitude_distance_m(self, other: Place) -> f64 {
        EARTH_RADIUS_M * (other.latitude.to_radians() - self.latitude.to_radians()).abs()
    }
}

/// A score as bits. Those that stand for no place are read as the real servers read them.
fn bits_of_score(score: f64) -> u64 {
    if score < 0.0 {
        return (score as i64) as u64;
    }
    const TOO_GREAT: f64 = 18_446_744_073_709_551_616.0;
    if score >= TOO_GREAT { 0 } else { score as u64 }
}

/// A number with four decimals, as distances are told.
pub fn distance_text(distance: f64) -> String {
    format!("{distance:.4}")
}

/// A coordinate with up to 17 decimals, without zeros at the end.
pub fn coordinate_text(degrees: f64) -> String {
    let text = format!("{degrees:.17}");
    text.trim_end_matches('0').trim_end_matches('.').to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn places_are_what_valkey_makes_of_them() {
        let palermo = Place::new(13.361389, 38.115556).unwrap();
        assert_eq!(palermo.bits(), 3_479_099_956_230_698);
        let found = Place::of_score(palermo.bits() as f64);
        assert_eq!(coordinate_text(found.longitude), "13.36138933897018433");
        assert_eq!(coordinate_text(found.latitude), "38.11555639549629859");
        assert_eq!(&found.geohash(), b"sqc8b49rny0");
        let corner = Place::new(180.0, 85.05112878).unwrap();
        assert_eq!(corner.bits(), 13_510_798_882_111_488);
        assert_eq!(
            &Place::of_score(corner.bits() as f64).geohash(),
            b"bp05b5048p0"
        );
        let catania = Place::of_score(3_479_447_370_796_909.0);
        assert_eq!(distance_text(found.distance_m(catania)), "166274.1516");
    }

    #[test]
    fn scores_that_are_no_places_are_places_at_the_edge() {
        for score in [
            -5.0,
            1e17,
            f64::INFINITY,
            f64::NEG_INFINITY,
            1e300,
            -1e300,
            1.5,
        ] {
            let place = Place::of_score(score);
            assert!(
                Place::new(place.longitude, place.latitude).is_some(),
                "{score}"
            );
        }
        assert_eq!(coordinate_text(Place::of_score(-5.0).longitude), "180");
    }

    proptest! {
        #[test]
        fn a_place_comes_back_from_its_score(
            longitude in -180.0..180.0_f64,
            latitude in -85.05..85.05_f64,
        ) {
            let place = Place { longitude, latitude };
            let found = Place::of_score(place.bits() as f64);
            prop_assert!(place.distance_m(found) < 1.0);
            let distance = found.distance_m(place);
            prop_assert!((place.distance_m(found) - distance).abs() < 1e-6);
        }

        #[test]
        fn bits_are_spread_and_gathered(number in any::<u32>()) {
            prop_assert_eq!(gather(spread(number)), number);
            prop_assert_eq!(gather(spread(number) << 1), 0);
        }
    }
}
