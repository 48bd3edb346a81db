"""What this is and which Redis it is like."""

from __future__ import annotations

__version__ = "0.1.0"
#: The level of Redis that clients are told, in INFO and HELLO.
REDIS_VERSION = "7.2.4"
