"""A web browser that a hostile page led here is hung up on, and the log says so once."""

from __future__ import annotations

import re
import time

from tests import oracles
from tests.oracles import Server


def warnings_after_two_browsers(server: Server) -> list[str]:
    """What the log says, without time and port, and with our name."""
    for first in (b"POST / HTTP/1.1\r\nPING\r\n", b"Host: localhost\r\n"):
        with server.connect() as connection:
            connection.send_raw(first)
            assert connection.receive_raw(1.0) == (b"", True)
    deadline = time.monotonic() + 5
    while not (lines := re.findall(r"# (Possible SECURITY .*)", server.log())):
        assert time.monotonic() < deadline
    return [re.sub(r":\d+ ", ":port ", line.replace("Valkey", "Rubellite")) for line in lines]


def test_the_log_says_what_the_real_servers_say():
    said = []
    for name in ("ours", "valkey91"):
        server = oracles.start(name)
        try:
            said.append(warnings_after_two_browsers(server))
        finally:
            server.stop()
    assert said[0] == said[1]
    assert len(said[0]) == 1
