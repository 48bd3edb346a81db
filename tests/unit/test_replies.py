"""Requests and replies as bytes, for clients of an engine in another process."""

from __future__ import annotations

from typing import Any

import pytest

from rubellite import errors
from rubellite._core import ReplyReader, encode_request, set_errors
from rubellite.errors import ReplyError

REPLIES: list[tuple[bytes, Any]] = [
    (b"+OK\r\n", b"OK"),
    (b":-12\r\n", -12),
    (b",1.5\r\n", 1.5),
    (b"(36893488147419103232\r\n", 36893488147419103232),
    (b"#t\r\n", True),
    (b"_\r\n", None),
    (b"$-1\r\n", None),
    (b"$6\r\na\r\nb\r\n\r\n", b"a\r\nb\r\n"),
    (b"=6\r\ntxt:ab\r\n", b"ab"),
    (b"*0\r\n", []),
    (b"*-1\r\n", None),
    (b"*2\r\n*2\r\n:1\r\n$1\r\nx\r\n*0\r\n", [[1, b"x"], []]),
    (b"%1\r\n+a\r\n~2\r\n#f\r\n_\r\n", {b"a": [False, None]}),
    (b">2\r\n+message\r\n+push\r\n:7\r\n", 7),
]


@pytest.mark.parametrize("pieces", [1, 3, 1000])
def test_replies_are_whole_however_they_arrive(pieces: int):
    reader = ReplyReader()
    arriving = b"".join(reply for reply, _ in REPLIES)
    found = []
    for start in range(0, len(arriving), pieces):
        reader.feed(arriving[start : start + pieces])
        while True:
            is_there, reply = reader.take()
            if not is_there:
                break
            found.append(reply)
    assert found == [reply for _, reply in REPLIES]


def test_text_is_decoded_where_that_is_wanted():
    reader = ReplyReader(decodes=True)
    reader.feed("$5\r\ngr\N{LATIN SMALL LETTER U WITH DIAERESIS}n\r\n".encode())
    assert reader.take() == (True, "gr\N{LATIN SMALL LETTER U WITH DIAERESIS}n")


def test_error_replies_are_raised_and_the_next_reply_is_there():
    set_errors(errors.TABLE, errors.ReplyError, errors.RawError)
    reader = ReplyReader()
    reader.feed(b"-WRONGTYPE no\r\n:1\r\n")
    with pytest.raises(ReplyError, match="WRONGTYPE no"):
        reader.take()
    assert reader.take() == (True, 1)


@pytest.mark.parametrize("bytes", [b"?\r\n", b"$x\r\n", b"\n", b"*1\r\n" * 200])
def test_what_is_no_reply_is_refused(bytes: bytes):
    reader = ReplyReader()
    reader.feed(bytes)
    with pytest.raises(ValueError, match="malformed"):
        reader.take()


def test_requests_are_what_clients_send():
    assert encode_request(("CONFIG GET", b"a", 1, 2.5)) == (
        b"*5\r\n$6\r\nCONFIG\r\n$3\r\nGET\r\n$1\r\na\r\n$1\r\n1\r\n$3\r\n2.5\r\n"
    )
    with pytest.raises(TypeError, match="bytes, str, int or float"):
        encode_request(("SET", None))
    assert encode_request(("X", None), lambda _value: b"none") == b"*2\r\n$1\r\nX\r\n$4\r\nnone\r\n"
