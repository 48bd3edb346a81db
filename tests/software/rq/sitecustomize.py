"""Leads Redis's usual port to the server that RUBELLITE_TEST_PORT names, in every process.

RQ's tests know no other port than 6379, where something else may listen.
"""

from __future__ import annotations

import os
import socket
from typing import Any

_PORT = int(os.environ["RUBELLITE_TEST_PORT"])
_resolve = socket.getaddrinfo


def _redirected(host: Any, port: Any, *rest: Any, **options: Any) -> Any:
    return _resolve(host, _PORT if port == 6379 else port, *rest, **options)


socket.getaddrinfo = _redirected
