//! Grisu2: the decimal digits of a double, as the servers find them.
//!
//! Loitsch, "Printing Floating-Point Numbers Quickly and Accurately with Integers" (2010).
//! The digits always read back as the same double, but about once in 600 values they are
//! not the shortest or not the closest ones (0.83119146292203 comes out as
//! 0.8311914629220301). Valkey and Redis 8 write exactly these, so a newer algorithm with
//! prettier digits would answer other bytes than they do.
//!
//! ```text
//! value × 10^k, k from a table with steps of 8, so that 32 to 60 bits are the fraction
//!
//!    lower ──── value ──── upper      every decimal number between reads back as value
//!                  └─ rest ─┘
//! ```
//!
//! Digits of `upper` are written until what is left of it fits into upper - lower; then
//! the last digit walks down as long as that gets closer to the value.

/// At most this many digits come out.
pub const DIGITS_MAX: usize = 17;

/// The decimal exponent of the first entry of `POWERS_OF_TEN` and the step between entries.
const POWER_FIRST: i32 = -348;
const POWER_STEP: i32 = 8;

const HIDDEN_BIT: u64 = 1 << 52;

/// A number without sign: fraction × 2^exponent.
#[derive(Clone, Copy)]
struct Scaled {
    fraction: u64,
    exponent: i32,
}

impl Scaled {
    fn normalized(self) -> Self {
        let shift = self.fraction.leading_zeros();
        Self {
            fraction: self.fraction << shift,
            exponent: self.exponent - shift as i32,
        }
    }

    /// The upper 64 bits of the product, rounded half up.
    fn times(self, other: Self) -> Self {
        let product = u128::from(self.fraction) * u128::from(other.fraction);
        Self {
            fraction: ((product + (1 << 63)) >> 64) as u64,
            exponent: self.exponent + other.exponent + 64,
        }
    }
}

/// Digits of a finite value above zero: value = digits × 10^exponent.
///
/// Returns how many digits were written and the exponent.
pub fn digits(value: f64, into: &mut [u8; DIGITS_MAX]) -> (usize, i32) {
    let exact = decompose(value);
    let upper = Scaled {
        fraction: exact.fraction * 2 + 1,
        exponent: exact.exponent - 1,
    }
    .normalized();
    // Below a power of two the neighbours are half as far apart.
    let narrow = i32::from(exact.fraction == HIDDEN_BIT);
    let lower_exponent = exact.exponent - 1 - narrow;
    let lower = Scaled {
        fraction: ((exact.fraction << (1 + narrow)) - 1) << (lower_exponent - upper.exponent),
        exponent: upper.exponent,
    };
    let (power, power_exponent) = power_for(upper.exponent);
    let mut upper = upper.times(power);
    let lower = lower.times(power);
    let exact = exact.normalized().times(power);
    // The products are off by at most one unit; stay inside.
    upper.fraction -= 1;
    let delta = upper.fraction - (lower.fraction + 1);
    let (count, places) = generate(exact.fraction, upper, delta, into);
    (count, places - power_exponent)
}

fn decompose(value: f64) -> Scaled {
    let bits = value.to_bits();
    let fraction = bits & (HIDDEN_BIT - 1);
    let biased = (bits >> 52 & 0x7ff) as i32;
    if biased == 0 {
        Scaled {
            fraction,
            exponent: -1074,
        }
    } else {
        Scaled {
            fraction: fraction | HIDDEN_BIT,
            exponent: biased - 1075,
        }
    }
}

/// The power of ten that brings `exponent` into -60..=-32, and its decimal exponent.
fn power_for(exponent: i32) -> (Scaled, i32) {
    // 78913 / 2^18 is log10(2), rounded so that the guess is never too high.
    let decimal = ((-61 - exponent) * 78913) >> 18;
    let mut index = ((decimal - POWER_FIRST) / POWER_STEP) as usize;
    while exponent + i32::from(POWERS_OF_TEN[index].1) + 64 < -60 {
        index += 1;
    }
    let (fraction, power_exponent) = POWERS_OF_TEN[index];
    let power = Scaled {
        fraction,
        exponent: i32::from(power_exponent),
    };
    (power, POWER_FIRST + POWER_STEP * index as i32)
}

/// Writes digits of `upper` until the rest is within `delta`.
///
/// Returns how many there are and the decimal place of the last one.
fn generate(exact: u64, upper: Scaled, delta: u64, into: &mut [u8; DIGITS_MAX]) -> (usize, i32) {
    let fraction_bits = -upper.exponent;
    let one = 1u64 << fraction_bits;
    let mut whole = upper.fraction >> fraction_bits;
    let mut part = upper.fraction & (one - 1);
    let (mut delta, mut above_exact) = (delta, upper.fraction - exact);
    let mut count = 0;
    // At least 3 bits are above the point, so there is a first digit.
    let mut place = whole.ilog10() as i32;
    let mut weight = 10u64.pow(place as u32);
    while place >= 0 {
        into[count] = b'0' + (whole / weight) as u8;
        count += 1;
        whole %= weight;
        let rest = (whole << fraction_bits) + part;
        if rest <= delta {
            approach(
                &mut into[count - 1],
                delta,
                rest,
                weight << fraction_bits,
                above_exact,
            );
            return (count, place);
        }
        weight /= 10;
        place -= 1;
    }
    loop {
        part *= 10;
        delta *= 10;
        above_exact *= 10;
        into[count] = b'0' + (part >> fraction_bits) as u8;
        count += 1;
        part &= one - 1;
        if part < delta {
            approach(&mut into[count - 1], delta, part, one, above_exact);
            return (count, place);
        }
        place -= 1;
    }
}

/// Lowers the last digit while that gets closer to the exact value.
fn approach(last: &mut u8, delta: u64, rest: u64, weight: u64, above_exact: u64) {
    let mut rest = rest;
    while rest < above_exact
        && delta - rest >= weight
        && (rest + weight < above_exact || above_exact - rest > rest + weight - above_exact)
    {
        *last -= 1;
        rest += weight;
    }
}

/// 10^(-348 + 8 i) as fraction × 2^exponent, the fraction rounded to 64 bits.
#[rustfmt::skip]
static POWERS_OF_TEN: [(u64, i16); 87] = [
    (0xfa8fd5a0081c0288, -1220), (0xbaaee17fa23ebf76, -1193), (0x8b16fb203055ac76, -1166),
    (0xcf42894a5dce35ea, -1140), (0x9a6bb0aa55653b2d, -1113), (0xe61acf033d1a45df, -1087),
    (0xab70fe17c79ac6ca, -1060), (0xff77b1fcbebcdc4f, -1034), (0xbe5691ef416bd60c, -1007),
    (0x8dd01fad907ffc3c, -980), (0xd3515c2831559a83, -954), (0x9d71ac8fada6c9b5, -927),
    (0xea9c227723ee8bcb, -901), (0xaecc49914078536d, -874), (0x823c12795db6ce57, -847),
    (0xc21094364dfb5637, -821), (0x9096ea6f3848984f, -794), (0xd77485cb25823ac7, -768),
    (0xa086cfcd97bf97f4, -741), (0xef340a98172aace5, -715), (0xb23867fb2a35b28e, -688),
    (0x84c8d4dfd2c63f3b, -661), (0xc5dd44271ad3cdba, -635), (0x936b9fcebb25c996, -608),
    (0xdbac6c247d62a584, -582), (0xa3ab66580d5fdaf6, -555), (0xf3e2f893dec3f126, -529),
    (0xb5b5ada8aaff80b8, -502), (0x87625f056c7c4a8b, -475), (0xc9bcff6034c13053, -449),
    (0x964e858c91ba2655, -422), (0xdff9772470297ebd, -396), (0xa6dfbd9fb8e5b88f, -369),
    (0xf8a95fcf88747d94, -343), (0xb94470938fa89bcf, -316), (0x8a08f0f8bf0f156b, -289),
    (0xcdb02555653131b6, -263), (0x993fe2c6d07b7fac, -236), (0xe45c10c42a2b3b06, -210),
    (0xaa242499697392d3, -183), (0xfd87b5f28300ca0e, -157), (0xbce5086492111aeb, -130),
    (0x8cbccc096f5088cc, -103), (0xd1b71758e219652c, -77), (0x9c40000000000000, -50),
    (0xe8d4a51000000000, -24), (0xad78ebc5ac620000, 3), (0x813f3978f8940984, 30),
    (0xc097ce7bc90715b3, 56), (0x8f7e32ce7bea5c70, 83), (0xd5d238a4abe98068, 109),
    (0x9f4f2726179a2245, 136), (0xed63a231d4c4fb27, 162), (0xb0de65388cc8ada8, 189),
    (0x83c7088e1aab65db, 216), (0xc45d1df942711d9a, 242), (0x924d692ca61be758, 269),
    (0xda01ee641a708dea, 295), (0xa26da3999aef774a, 322), (0xf209787bb47d6b85, 348),
    (0xb454e4a179dd1877, 375), (0x865b86925b9bc5c2, 402), (0xc83553c5c8965d3d, 428),
    (0x952ab45cfa97a0b3, 455), (0xde469fbd99a05fe3, 481), (0xa59bc234db398c25, 508),
    (0xf6c69a72a3989f5c, 534), (0xb7dcbf5354e9bece, 561), (0x88fcf317f22241e2, 588),
    (0xcc20ce9bd35c78a5, 614), (0x98165af37b2153df, 641), (0xe2a0b5dc971f303a, 667),
    (0xa8d9d1535ce3b396, 694), (0xfb9b7cd9a4a7443c, 720), (0xbb764c4ca7a44410, 747),
    (0x8bab8eefb6409c1a, 774), (0xd01fef10a657842c, 800), (0x9b10a4e5e9913129, 827),
    (0xe7109bfba19c0c9d, 853), (0xac2820d9623bf429, 880), (0x80444b5e7aa7cf85, 907),
    (0xbf21e44003acdd2d, 933), (0x8e679c2f5e44ff8f, 960), (0xd433179d9c8cb841, 986),
    (0x9e19db92b4e31ba9, 1013), (0xeb96bf6ebadf77d9, 1039), (0xaf87023b9bf0ee6b, 1066),
];

#[cfg(test)]
mod tests {
    use super::*;
    use num_bigint::BigUint;

    #[test]
    fn the_powers_of_ten_are_rounded_to_nearest() {
        for (index, &(fraction, exponent)) in POWERS_OF_TEN.iter().enumerate() {
            let decimal = POWER_FIRST + POWER_STEP * index as i32;
            // fraction × 2^exponent = 10^decimal, both sides multiplied until whole.
            let ten = BigUint::from(10u32).pow(decimal.unsigned_abs());
            let two = BigUint::from(1u32) << exponent.unsigned_abs();
            let (mut unit, mut wanted) = (BigUint::from(1u32), BigUint::from(1u32));
            if exponent > 0 {
                unit *= &two
            } else {
                wanted *= &two
            }
            if decimal > 0 {
                wanted *= &ten
            } else {
                unit *= &ten
            }
            let ours = &unit * fraction;
            let distance = if ours > wanted {
                ours - wanted
            } else {
                wanted - ours
            };
            assert!(distance * 2u32 <= unit, "10^{decimal}");
            assert_eq!(fraction >> 63, 1, "10^{decimal}");
        }
    }
}
