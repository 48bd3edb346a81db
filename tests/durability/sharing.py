"""Processes hammer one directory while its holders are killed at random.

    python -m tests.durability.sharing --minutes 10
    python -m tests.durability.sharing --seconds 5 --processes 3 --threads 2

Every thread of every process increments a key of its own, through the native API or
redis-py's, and notes in memory that outlives it what it tried and what came of it:

- no increment that was acknowledged is lost, none was made twice: a thread's key is what
  was acknowledged, and at most one more for each outcome that is unknown;
- a thread's replies never go back, nor further than that;
- everybody went on: no call takes longer than `_STUCK_SECONDS`;
- the files load, and the engine's invariants hold.
"""

from __future__ import annotations

import argparse
import mmap
import random
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import rubellite
from rubellite.errors import OutcomeUnknown

_STUCK_SECONDS = 60.0
#: Of a `Tally`.
_NUMBERS = 4


@dataclass
class Tally:
    """What one thread did, what came of it, and how many replies cannot be."""

    sent: int
    acknowledged: int
    unknown: int
    wrong: int


class Ledger:
    """A file in memory with a tally for each thread; it outlives those who write.

    Who writes may be killed at any instruction, so each number is stored by itself, at once
    (`struct` would clear all of them first), and none is ever behind those before it.
    """

    def __init__(self, path: Path, slots: int) -> None:
        if not path.exists():
            path.write_bytes(bytes(8 * _NUMBERS * slots))
        with path.open("r+b") as file:
            self._map = mmap.mmap(file.fileno(), 0)
        self._numbers = memoryview(self._map).cast("Q")

    def read(self, slot: int) -> Tally:
        return Tally(*self._numbers[slot * _NUMBERS : (slot + 1) * _NUMBERS])

    def write(self, slot: int, tally: Tally) -> None:
        numbers, first = self._numbers, slot * _NUMBERS
        numbers[first] = tally.sent
        numbers[first + 1] = tally.acknowledged
        numbers[first + 2] = tally.unknown
        numbers[first + 3] = tally.wrong

    def close(self) -> None:
        self._numbers.release()
        self._map.close()


def work(db: Any, ledger: Ledger, slot: int, stop: threading.Event) -> None:
    """One thread: increments its key until told to stop."""
    tally, last = Tally(0, 0, 0, 0), 0
    r = db.redis() if slot % 2 else None
    try:
        while not stop.is_set():
            tally.sent += 1
            ledger.write(slot, tally)
            try:
                if r is None:
                    found = db.increment(f"own:{slot}")
                elif tally.sent % 7 == 0:
                    found = r.pipeline().incr(f"own:{slot}").execute()[0]
                else:
                    found = r.incr(f"own:{slot}")
            except OutcomeUnknown:
                tally.unknown += 1
            else:
                tally.acknowledged += 1
                most = tally.acknowledged + tally.unknown
                tally.wrong += not max(last + 1, tally.acknowledged) <= found <= most
                last = found
            ledger.write(slot, tally)
    finally:
        if r is not None:
            r.close()


def main_of_worker(path: str, ledger_path: str, slots: int, first: int, threads: int) -> None:
    """A process: opens the store, lets its threads work until its input ends."""
    ledger = Ledger(Path(ledger_path), slots)
    db = rubellite.open(path)
    stop = threading.Event()
    team = [
        threading.Thread(target=work, args=(db, ledger, first + index, stop))
        for index in range(threads)
    ]
    for thread in team:
        thread.start()
    print("ready", flush=True)
    sys.stdin.read()
    stop.set()
    for thread in team:
        thread.join()
    db.close()


class Worker:
    """A process of the hammer."""

    def __init__(self, path: Path, ledger: Path, slots: int, first: int, threads: int) -> None:
        self.slots = range(first, first + threads)
        words = (path, ledger, slots, first, threads)
        self.process = subprocess.Popen(
            [sys.executable, "-m", "tests.durability.sharing", "--work", *map(str, words)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
        )

    def wait_until_ready(self) -> None:
        assert self.process.stdout is not None
        if self.process.stdout.readline() != b"ready\n":
            raise RuntimeError("a worker could not open the store")

    def kill(self) -> None:
        self.process.kill()
        self._gone()

    def end(self) -> None:
        assert self.process.stdin is not None
        self.process.stdin.close()
        status = self.process.wait(_STUCK_SECONDS)
        self._gone()
        if status:
            raise RuntimeError(f"a worker ended with status {status}")

    def _gone(self) -> None:
        self.process.wait()
        for stream in (self.process.stdin, self.process.stdout):
            if stream is not None:
                try:
                    stream.close()
                except BrokenPipeError:
                    pass


def holder_of(path: Path) -> int:
    """The process that serves the directory now; 0: nobody at the moment."""
    try:
        with socket.socket(socket.AF_UNIX) as connection:
            connection.settimeout(_STUCK_SECONDS)
            connection.connect(str(path / "rubellite.sock"))
            connection.sendall(b"INFO server\r\n")
            text = b""
            while b"process_id:" not in text or b"uptime" not in text:
                found = connection.recv(65536)
                if not found:
                    return 0
                text += found
    except TimeoutError:
        raise
    except OSError:
        return 0
    return int(text.split(b"process_id:")[1].split()[0])


@dataclass
class Outcome:
    """What a run came to."""

    acknowledged: int
    unknown: int
    killed: int
    closed: int


def hammer(
    seconds: float, processes: int, threads: int, seed: int, folder: Path, *, talks: bool = False
) -> Outcome:
    """Runs it all; fails with `AssertionError` or `RuntimeError`."""
    chance = random.Random(seed)
    path, ledger_path = folder / "data", folder / "ledger"
    # Every process that is begun gets slots of its own.
    begun_max = processes + int(seconds * 4) + 8
    slots = begun_max * threads
    ledger = Ledger(ledger_path, slots)
    begun = killed = closed = 0
    workers: list[Worker] = []

    def begin() -> Worker:
        nonlocal begun
        worker = Worker(path, ledger_path, slots, begun * threads, threads)
        begun += 1
        workers.append(worker)
        return worker

    for _ in range(processes):
        begin()
    for worker in workers:
        worker.wait_until_ready()
    end_at = time.monotonic() + seconds
    seen: dict[int, tuple[int, float]] = {}
    try:
        while time.monotonic() < end_at:
            time.sleep(chance.uniform(0.05, 1.0))
            _look_for_stuck(workers, ledger, seen)
            pid = holder_of(path)
            victim = next((one for one in workers if one.process.pid == pid), None)
            if victim is None or begun >= begun_max:
                continue
            workers.remove(victim)
            if chance.random() < 0.25:
                victim.end()
                closed += 1
            else:
                victim.kill()
                killed += 1
            begin().wait_until_ready()
            if talks and (killed + closed) % 20 == 0:
                print(f"{killed} killed, {closed} closed", flush=True)
        while workers:
            workers.pop().end()
    finally:
        for worker in workers:
            worker.kill()
    outcome = _settle(path, ledger, begun * threads, killed, closed)
    ledger.close()
    return outcome


def _look_for_stuck(
    workers: list[Worker], ledger: Ledger, seen: dict[int, tuple[int, float]]
) -> None:
    now = time.monotonic()
    for worker in workers:
        for slot in worker.slots:
            sent = ledger.read(slot).sent
            before, since = seen.get(slot, (-1, now))
            if sent != before:
                seen[slot] = (sent, now)
            elif now - since > _STUCK_SECONDS:
                raise AssertionError(f"thread {slot} has been stuck at its call {sent}")


def _settle(path: Path, ledger: Ledger, slots: int, killed: int, closed: int) -> Outcome:
    total = Outcome(0, 0, killed, closed)
    with rubellite.open(path) as db:
        db.engine.check()
        for slot in range(slots):
            tally = ledger.read(slot)
            found = int(db.get(f"own:{slot}") or 0)
            # The last call of a thread that was killed has no outcome either.
            assert tally.acknowledged <= found <= tally.sent, f"thread {slot}: {found}, {tally}"
            assert tally.sent - tally.acknowledged - tally.unknown <= 1, f"thread {slot}: {tally}"
            assert not tally.wrong, f"thread {slot}: {tally.wrong} wrong replies, {tally}"
            total.acknowledged += tally.acknowledged
            total.unknown += tally.unknown
    return total


def main() -> None:
    """The command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--minutes", type=float, default=0.0)
    parser.add_argument("--seconds", type=float, default=10.0)
    parser.add_argument("--processes", type=int, default=4)
    parser.add_argument("--threads", type=int, default=8)
    parser.add_argument("--seed", type=int, default=random.randrange(1 << 32))
    parser.add_argument("--work", nargs=5, help=argparse.SUPPRESS)
    options = parser.parse_args()
    signal.signal(signal.SIGINT, signal.SIG_DFL)
    if options.work:
        path, ledger, slots, first, threads = options.work
        main_of_worker(path, ledger, int(slots), int(first), int(threads))
        return
    print(f"seed {options.seed}", flush=True)
    with tempfile.TemporaryDirectory() as folder:
        outcome = hammer(
            options.minutes * 60 or options.seconds,
            options.processes,
            options.threads,
            options.seed,
            Path(folder),
            talks=True,
        )
    print(outcome)


if __name__ == "__main__":
    main()
