"""IDs of stream entries as commands take them."""

from __future__ import annotations

from typing import Final, TypeAlias

from rubellite._core import Arguments, parse_stream_id
from rubellite.errors import INTERVAL_END, INTERVAL_START, STREAM_ID

#: Milliseconds and number.
StreamId: TypeAlias = tuple[int, int]

_SEQ_MAX: Final = 2**64 - 1
ID_MIN: Final[StreamId] = (0, 0)
ID_MAX: Final[StreamId] = (_SEQ_MAX, _SEQ_MAX)


def stream_id(text: bytes, missing_seq: int = 0) -> StreamId:
    """The ID that `text` is; without number it gets `missing_seq`.

    Errors: STREAM_ID.
    """
    found = parse_stream_id(text, missing_seq)
    if found is None:
        raise STREAM_ID
    return found


def stream_ids(words: Arguments) -> list[StreamId]:
    """All of them.

    Errors: STREAM_ID.
    """
    return [stream_id(word) for word in words]


def interval_start(text: bytes) -> StreamId:
    """The first ID of an interval: `-`, an ID or, without itself, `(` and an ID.

    Errors: STREAM_ID, INTERVAL_START.
    """
    if text == b"-":
        return ID_MIN
    if text == b"+":
        return ID_MAX
    if text[:1] != b"(":
        return stream_id(text)
    ms, seq = stream_id(text[1:])
    if (ms, seq) == ID_MAX:
        raise INTERVAL_START
    return (ms, seq + 1) if seq < _SEQ_MAX else (ms + 1, 0)


def interval_end(text: bytes) -> StreamId:
    """The last ID of an interval: `+`, an ID or, without itself, `(` and an ID.

    Errors: STREAM_ID, INTERVAL_END.
    """
    if text == b"+":
        return ID_MAX
    if text == b"-":
        return ID_MIN
    if text[:1] != b"(":
        return stream_id(text, _SEQ_MAX)
    ms, seq = stream_id(text[1:], _SEQ_MAX)
    if (ms, seq) == ID_MIN:
        raise INTERVAL_END
    return (ms, seq - 1) if seq else (ms - 1, _SEQ_MAX)
