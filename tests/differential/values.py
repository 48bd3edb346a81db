"""What arguments are drawn from: for each kind of argument, ordinary values and awkward ones.

Two rules keep a run comparable. No deadline may pass while it runs: a relative time
is over at once or at least a thousand seconds away. And no single call may cost
much: nothing here makes a server allocate more than a few kilobytes.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from random import Random

Draw = Callable[[Random], bytes]

INT64_MAX = b"9223372036854775807"
INT64_MIN = b"-9223372036854775808"
PAST_INT64 = b"9223372036854775808"

# The first letter tells what a key holds unless commands changed it; m* start out missing.
# {m} is there so that some names carry a hash tag.
KEYS = tuple(b"s1 s2 s3 n1 n2 f1 h1 h2 l1 l2 t1 t2 z1 z2 x1 x2 g1 m1 m2 {m}3".split())

# Stand wherever they do not belong. Not among them: `*`, which makes XADD ask the clock.
GARBAGE = (
    *(b"", b"abc", b"-1", b"0", b"1.5", b"nan", b"inf", b"-inf", b" 1", b"1 ", b"+1", b"01"),
    *(b"0x10", b"1e3", b"\x00\xff", b"-0", b"NX", b"XX", b"GET", b"EX", b"COUNT"),
    *(INT64_MAX, PAST_INT64, INT64_MIN, b"18446744073709551616", b"(1", b"[a", b"-", b"+"),
    *(b"99999999999999999999999", b"--", b"\r\n", b"1,5"),
)


def one_of(*options: bytes) -> Draw:
    def draw(rng: Random) -> bytes:
        return options[int(rng.random() * len(options))]

    return draw


def words(text: str) -> Draw:
    return one_of(*text.encode().split())


def mixed(usual: Draw, unusual: Draw, unusual_share: float) -> Draw:
    def draw(rng: Random) -> bytes:
        return unusual(rng) if rng.random() < unusual_share else usual(rng)

    return draw


def keys_mostly(letters: str, share_of_others: float = 0.12) -> Draw:
    """Keys of the named types and missing ones; now and then any other."""
    own = [key for key in KEYS if chr(key[0]) in letters]
    missing = [key for key in KEYS if chr(key[0]) in "m{"]
    return mixed(one_of(*own * 3, *missing), one_of(*KEYS), share_of_others)


_bad_integer = one_of(b"abc", b"", b"1.5", PAST_INT64, b" 1", b"+1", b"01", b"1e3", b"-0")
_small = words("0 1 2 3 4 5 10 -1 -2 -3 -5 -10")
_integer = mixed(
    words("0 1 2 7 -1 -7 10 100 12345 -99999 2147483647 4294967296"),
    one_of(INT64_MAX, INT64_MIN, b"9223372036854775806", b"-9223372036854775807"),
    0.15,
)
_float = mixed(
    words("0 1 1.5 -2.25 3.0 0.1 0.2 1e3 5e-3 10.50 -0 100000 1e17 3.14159265358979"),
    words("1e308 -1e308 1.7e308 inf -inf nan +inf Infinity 1e-320 4.9e-324 .5 5. 0x1p3 1e400"),
    0.2,
)
_bad_float = one_of(b"abc", b"", b" 1.5", b"1.5 ", b"1,5", b"1.5.2", b"--1", b"\x00")
_texts = one_of(
    *(b"a", b"b", b"hello", b"Hello World", b"foobar", b"ohmytext", b"mynewtext", b""),
    *(b"\x00\x01\x02\xff", b"\xff\xf0\x00", "snowman ☃".encode(), b"a\r\nb", b"x" * 44),
    *(b"y" * 45, b"z" * 64, b"w" * 65, b"v" * 300, b"12", b"-5", b"3.5", b"10", b"007", b"1e5"),
    *(INT64_MAX, INT64_MIN, PAST_INT64, b"+5", b" 5"),
)
_ranges = mixed(_small, one_of(b"100", b"-100", b"6", b"-6", INT64_MAX, INT64_MIN), 0.2)

# A sparse HyperLogLog of some runs, whose count is not cached.
_HYPERLOGLOG = b"HYLL\1" + bytes(10) + b"\x80%b"

KINDS: Mapping[str, Draw] = {
    "key": keys_mostly("snf"),
    "anykey": one_of(*KEYS),
    "value": _texts,
    "integer": mixed(_integer, _bad_integer, 0.1),
    "float": mixed(_float, _bad_float, 0.08),
    "index": mixed(_ranges, _bad_integer, 0.06),
    "count": mixed(words("0 1 2 3 10 100 -1 -2 -10"), _bad_integer, 0.1),
    "offset": mixed(
        words("0 1 2 3 5 10 40 300 1000 -1"),
        one_of(b"536870912", b"4294967296", INT64_MAX, INT64_MIN, b"abc", b"", b"1.5"),
        0.15,
    ),
    # A bit's offset: the largest that is legal would allocate 512 MB.
    "bitoffset": mixed(
        words("0 1 2 7 8 9 15 31 63 64 100 1000"),
        one_of(b"4294967296", b"-1", INT64_MAX, b"abc", b"", b"1.5"),
        0.1,
    ),
    "hashoffset": mixed(
        words("0 1 4 7 8 31 64 100 #0 #1 #3"), words("-1 #-1 abc # 4294967296 #4294967296"), 0.1
    ),
    "bit": mixed(words("0 1"), words("2 -1 abc 01"), 0.08),
    "width": mixed(
        words("u1 u4 u8 u16 u31 u63 i1 i5 i8 i16 i32 i64"), words("u64 i65 u0 x8 8 i U8 i08"), 0.1
    ),
    "seconds": mixed(
        words("1000 5000 100000 1000000000"),
        words("0 -1 abc 1.5 9223372036854775 9223372036854776 9223372036854775807 -9999999999"),
        0.3,
    ),
    "milliseconds": mixed(
        words("1000000 5000000 100000000"),
        words("0 -1 abc 1.5 9223372036854775807 9223370000000000000 -9223372036854775808"),
        0.3,
    ),
    "unixseconds": mixed(
        words("4102444800 4102444801 9999999999"),
        words("0 1 -1 1000 abc 1.5 9223372036854775 9223372036854776 9223372036854775807"),
        0.3,
    ),
    "unixms": mixed(
        words("4102444800000 4102444800001 4102444800999 99999999999999"),
        words("0 1 -1 1000 abc 1.5 9223372036854775807 -9223372036854775808"),
        0.3,
    ),
    "db": mixed(words("1 2"), words("0 15 16 -1 abc 99999999999"), 0.3),
    "hyperloglog": one_of(
        *(_HYPERLOGLOG % runs for runs in (b"", b"\x7f\xff", b"\x7f\xff\x00")),
        *(_HYPERLOGLOG % runs for runs in (b"\x7f\xfd\x87\x90", b"\x3f" * 256, b"\x83" * 4096)),
        *(_HYPERLOGLOG % (b"\xff" * 3 + b"\x7f\xf3"), _HYPERLOGLOG.replace(b"\1", b"\2") % b""),
        *(b"HYLL" + bytes(12_300), b"HYLL" + bytes(12) + b"\x92\x24\x49" * 4096),
        *(b"HYLL" + bytes(12) + b"\xff" * 12_288, b"HYLL\1" + bytes(10), b"HYLL" + bytes(12)),
    ),
    "pattern": words("* s* ?1 [st]1 [^s]1 s[1-2] \\s1 nothing *1* [ [a s\\ ** h?llo"),
    "cursor": mixed(words("0"), words("1 5 abc -1 18446744073709551615 18446744073709551616"), 0.3),
    "type": words("string list set zset hash stream STRING nosuch"),
    "sortpattern": words("* s* h*->a nosort # n* *-> h1->* l?"),
    "field": words("a b c d e f1 f2 1 2 12345678901 long-field-name-xxxxxxxxxxxxxxxxxxx"),
    "member": mixed(words("a b c d e 1 2 3 4 5 -7 70000"), _texts, 0.1),
    "element": mixed(words("a b c d e 1 2 3"), _texts, 0.15),
    "score": mixed(
        words("0 1 2 3 -1 1.5 2.5 -3.25 100 1e5 3 3 17 1234567890123"),
        words("inf -inf +inf nan abc 1e400 1e308 1e-5 0.1 (1 .5 0x10"),
        0.15,
    ),
    "scorebound": mixed(
        words("-inf +inf inf 0 1 2 3 (1 (2 (3 1.5 -1 100"),
        words("abc ((1 ( nan (nan 1( (inf (-inf"),
        0.1,
    ),
    "lexbound": mixed(words("- + [a (a [b (b [c [e (e ["), words("a abc ( -- +a [-"), 0.12),
    "weight": mixed(words("1 2 0 -1 0.5 inf"), words("nan abc -inf 1e308"), 0.15),
    "id": mixed(
        words("1-1 1-2 2-1 2-2 3-1 5-0 1 2 5"),
        words("0-0 0 abc 1-x - + $ > (1-1 18446744073709551615-18446744073709551615 7-* 1-1-1"),
        0.15,
    ),
    "addid": mixed(
        words("1-1 1-2 2-1 2-2 3-1 5-0 6-* 7 8-* 9-1"), words("0-0 abc 1-x 0-1 5-5 -1 1-1-1"), 0.12
    ),
    "rangeid": mixed(words("- + 1-1 2 (1-1 (2-1 3-1 5"), words("abc (- ( 1-x (+ 0-0 $"), 0.1),
    "group": words("g1 g2 nogroup"),
    "consumer": words("alice bob carol"),
    "idle": words("0 0 100000000 -1 abc"),
    "longitude": mixed(words("13.361389 15.087269 2.349014 0 -120.5"), words("181 abc nan"), 0.08),
    "latitude": mixed(words("38.115556 37.502669 48.864716 0 -45.25"), words("86 abc inf"), 0.08),
    "radius": mixed(words("100 200 500.5 5000 1"), words("-1 abc 0 1e10 nan"), 0.12),
    "unit": mixed(words("m km ft mi KM"), words("cm abc"), 0.05),
}
