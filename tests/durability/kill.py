"""Kills a server again and again under load: python -m tests.durability.kill [--cycles N]

Clients raise pairs of counters in transactions and add to a list; the server is killed
(SIGKILL) at a random moment, often in a rewrite, and started again on the same files.

    always      every acknowledged write is there
    everysec    a write acknowledged more than a second and its fsync before is there
    both        no transaction is there by half, no list element twice or out of order

A killed process leaves to the system what it has written, so `everysec` loses
nothing here but what was not yet written. Prints how far it got; ends with an error at
the first loss.
"""

from __future__ import annotations

import argparse
import secrets
import threading
import time
from dataclasses import dataclass, field
from random import Random

from tests import oracles
from tests.oracles import Server
from tests.wire import Connection, WireError, encode

#: Transactions that a client sends before it waits for the answers.
BATCH = 10
CLIENTS = 3
#: With `everysec`: the second, and so long its fsync and a turn may take.
EVERYSEC_SECONDS_MAX = 2.0


@dataclass(slots=True)
class Promises:
    """What one client was told."""

    #: The counter's value, and when it was answered.
    answers: list[tuple[float, int]] = field(default_factory=list)

    def due(self, now: float, age_seconds_min: float) -> int:
        """The highest value that was answered at least so long ago."""
        return max((n for at, n in self.answers if now - at >= age_seconds_min), default=0)


@dataclass(slots=True)
class Result:
    """What a run found."""

    cycles: int = 0
    acknowledged: int = 0
    #: Writes that were there although nobody was told: allowed, and proof of hard kills.
    unannounced: int = 0
    lost_recently: int = 0


def _unit(client: int, number: int) -> bytes:
    """One transaction: a counter, its twin elsewhere, and the number into a list."""
    return b"".join(
        map(
            encode,
            (
                ("MULTI",),
                ("SET", f"n:{client}", number),
                ("HSET", f"twin:{client}", "n", number),
                ("RPUSH", f"list:{client}", number),
                ("LTRIM", f"list:{client}", "-50", "-1"),
                ("SET", f"filler:{number % 500}", "x" * (number % 300)),
                ("EXEC",),
            ),
        )
    )


def _write(server: Server, client: int, first: int, promises: Promises) -> None:
    """Writes until the server is gone."""
    number = first
    try:
        with server.connect() as connection:
            while True:
                connection.send_raw(
                    b"".join(_unit(client, number + at) for at in range(1, BATCH + 1))
                )
                for _ in range(BATCH):
                    for _ in range(6):
                        connection.receive()
                    reply = connection.receive()
                    if not isinstance(reply, list):
                        return
                    number += 1
                    promises.answers.append((time.monotonic(), number))
    except (OSError, WireError):
        return


def _found(connection: Connection, client: int, base: int) -> int:
    """The counter of a client; fails if a transaction is there by half."""
    raw = connection.call("GET", f"n:{client}")
    number = int(raw) if isinstance(raw, bytes) else 0
    if number == 0:
        assert connection.call("EXISTS", f"twin:{client}", f"list:{client}") == 0
        return 0
    assert connection.call("HGET", f"twin:{client}", "n") == b"%d" % number, "half a transaction"
    listed = [int(item) for item in connection.call("LRANGE", f"list:{client}", 0, -1)]
    assert listed[-1] == number, "half a transaction"
    assert listed == sorted(set(listed)), "a list element twice, or out of order"
    assert number >= base, "older than what was there before"
    return number


def cycle(server: Server, policy: str, rng: Random, numbers: list[int], result: Result) -> None:
    """One round: load, kill, start, compare. `numbers` are the clients' counters."""
    promises = [Promises() for _ in numbers]
    threads = [
        threading.Thread(target=_write, args=(server, client, numbers[client], promises[client]))
        for client in range(len(numbers))
    ]
    for thread in threads:
        thread.start()
    time.sleep(rng.uniform(0.02, 0.4) if policy == "always" else rng.uniform(0.1, 2.5))
    if rng.random() < 0.4:
        # A moment of a rewrite or a snapshot.
        with server.connect() as connection:
            connection.call(rng.choice(("BGREWRITEAOF", "BGREWRITEAOF", "BGSAVE")))
        time.sleep(rng.uniform(0, 0.03))
    assert server.process is not None
    server.process.kill()
    killed_at = time.monotonic()
    server.process.wait()
    for thread in threads:
        thread.join()
    server.restart()
    age_seconds_min = 0.0 if policy == "always" else EVERYSEC_SECONDS_MAX
    with server.connect() as connection:
        for client, promised in enumerate(promises):
            base = numbers[client]
            acknowledged = promised.due(killed_at, -1.0)
            found = _found(connection, client, base)
            due = promised.due(killed_at, age_seconds_min) if age_seconds_min else acknowledged
            assert found >= due, (
                f"client {client}: {due} was acknowledged, {found} is there; {server.directory}"
            )
            result.acknowledged += max(acknowledged - base, 0)
            result.unannounced += max(found - max(acknowledged, base), 0)
            result.lost_recently += max(acknowledged - found, 0)
            numbers[client] = found
    result.cycles += 1


def run(policy: str, cycles: int, seed: int, *, says_how_far: bool = False) -> Result:
    """So many cycles with one `appendfsync`; fails with AssertionError at the first loss."""
    rng = Random(seed)
    numbers = [0] * CLIENTS
    result = Result()
    server = oracles.start(
        "ours",
        *("--appendonly", "yes", "--appendfsync", policy),
        *("--auto-aof-rewrite-min-size", "200kb", "--auto-aof-rewrite-percentage", "100"),
    )
    try:
        for number in range(cycles):
            cycle(server, policy, rng, numbers, result)
            if says_how_far and (number + 1) % 25 == 0:
                print(f"{policy}: {number + 1} of {cycles} cycles, {result}", flush=True)
        return result
    finally:
        server.stop()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--cycles", type=int, default=20)
    parser.add_argument("--appendfsync", choices=("always", "everysec", "no"), default="always")
    parser.add_argument("--seed", type=int, default=secrets.randbelow(1 << 32))
    chosen = parser.parse_args()
    print(f"seed {chosen.seed}", flush=True)
    print(run(chosen.appendfsync, chosen.cycles, chosen.seed, says_how_far=True))


if __name__ == "__main__":
    main()
