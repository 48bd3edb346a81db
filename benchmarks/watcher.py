"""A client that sends PING every millisecond and remembers how long it waited.

    python -m benchmarks.watcher PORT

A process of its own, so the work of the client that causes a stall is not counted as
one. Says `ready` after its first PONGs; at the end of its input prints a JSON object.
"""

from __future__ import annotations

import gc
import json
import select
import sys
import time

from benchmarks.wire import Connection, encode

INTERVAL_S = 0.001
WARM_UP_PINGS = 10


def main(port: int) -> None:
    ping = encode("PING")
    waits_ms: list[float] = []
    with Connection(port) as connection:
        # Its own first steps are slow, and nobody's stall.
        for _ in range(WARM_UP_PINGS):
            connection.call_encoded(ping)
        print("ready", flush=True)
        gc.disable()
        # Waiting for the end of the input is also the pause between two PINGs.
        while not select.select([sys.stdin], [], [], INTERVAL_S)[0]:
            sent = time.perf_counter()
            connection.call_encoded(ping)
            waits_ms.append((time.perf_counter() - sent) * 1000)
    print(json.dumps({"pings": len(waits_ms), "max_ms": max(waits_ms, default=0.0)}))


if __name__ == "__main__":
    main(int(sys.argv[1]))
