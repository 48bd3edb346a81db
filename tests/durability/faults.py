"""Lets one call to the disk after another fail: python -m tests.durability.faults

A server writes, saves and rewrites; the n-th open, write, fsync, rename, truncation or
removal fails, once or from then on, for every n. Then:

    while it lasts   who writes hears MISCONF, and nothing else
    afterwards       writes are taken again, and no file is left that nothing names
    a loss of power  leaves all that was acknowledged (WAITAOF), though a failed fsync
                     lost for ever what it was to save
    `always`         nothing is acknowledged that a restart does not find

Prints how many failures were met; ends with an error at the first broken promise.
"""

from __future__ import annotations

import argparse
import errno
import secrets
import shutil
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path
from random import Random

from tests.durability import disk
from tests.durability.disk import Disk, Layer
from tests.durability.rig import Rig, layer, loaded

POLICIES = ("always", "everysec", "no")
KINDS = ("open", "write", "sync", "rename", "truncate", "unlink")
ERRORS = {errno.ENOSPC: "No space left on device", errno.EIO: "Input/output error"}
_AOF = "MISCONF Errors writing to the AOF file: "
_RDB = "MISCONF Redis is configured to save RDB snapshots, but "
#: Seconds after which everything must be as it was.
_RECOVERY_SECONDS_MAX = 100


@dataclass(slots=True, frozen=True)
class Fault:
    """What fails."""

    policy: str
    kind: str
    #: The first call that fails, counted from 0.
    at: int
    times: int
    error: int
    action: str = "fail"


class Story:
    """What a server does while the disk fails, and what must hold afterwards."""

    def __init__(self, layer: Layer, into: Path) -> None:
        self._layer = layer
        self._into = into
        #: Writes that were acknowledged.
        self._count = 0

    def play(self, fault: Fault) -> bool:
        """Whether the fault was met. Fails with AssertionError."""
        for item in self._layer.folder.iterdir():
            shutil.rmtree(item) if item.is_dir() else item.unlink()
        self._layer.new_records()
        self._disk = Disk(self._layer.folder)
        settings = {"appendonly": "yes", "appendfsync": fault.policy, "save": "3600 1"}
        rig = Rig(self._layer.folder, settings)
        try:
            return self._played(rig, fault, settings)
        except AssertionError:
            print(fault, "\n".join(rig.log.lines[-20:]), sep="\n", flush=True)
            raise
        finally:
            self._layer.disarm()
            rig.close()

    def _played(self, rig: Rig, fault: Fault, settings: dict[str, str]) -> bool:
        self._count = 0
        rig.act("HSET", "hash", "f", "v")
        rig.pass_time(1100)
        self._layer.arm(
            fault.kind, skip=fault.at, times=fault.times, error=fault.error, action=fault.action
        )
        is_alive = self._work(rig, fault)
        is_met = self._layer.hits > 0
        self._layer.disarm()
        if not is_alive:
            # A server with `always` has ended without an answer.
            self._find(rig, settings, self._count)
            return is_met
        self._recover(rig)
        rig.act("RPUSH", "list", "last")
        for _ in range(_RECOVERY_SECONDS_MAX):
            if rig.act("WAITAOF", 1, 0, 0) == [1, 0]:
                break
            rig.pass_time(1000)
            rig.wait_for_snapshot()
        else:
            raise AssertionError("the file never came to disk")
        assert rig.strangers() == []
        found = self._find(rig, settings, self._count)
        assert found == rig.digest(), "not what the server had"
        return is_met

    def _work(self, rig: Rig, fault: Fault) -> bool:
        """Writes, saves, rewrites. False: the server would have ended."""
        for command in ("", "BGSAVE", "BGREWRITEAOF", ""):
            if command:
                rig.act(command)
            for number in range(3):
                if not self._write(rig, fault):
                    return False
                if number == 1:
                    rig.wait_for_snapshot()
                    rig.pass_time(1100)
        return True

    def _write(self, rig: Rig, fault: Fault) -> bool:
        rig.call("MULTI")
        rig.call("INCR", "count")
        rig.call("RPUSH", "list", "x" * 50)
        reply = rig.act("EXEC")
        if isinstance(reply, list):
            if fault.policy == "always" and rig.info("aof_last_write_status") != "ok":
                return False
            self._count = reply[0]
            return True
        refused = rig.act("SET", "other", "1")
        allowed = (_AOF + ERRORS[fault.error], _RDB)
        assert str(refused).startswith(allowed), refused
        assert rig.act("GET", "other") is None, "reading goes on"
        return True

    def _recover(self, rig: Rig) -> None:
        for _ in range(_RECOVERY_SECONDS_MAX):
            reply = rig.act("SET", "other", "1")
            if reply == "OK":
                break
            if str(reply).startswith(_RDB):
                rig.act("BGSAVE")
                rig.wait_for_snapshot()
            rig.pass_time(1000)
        else:
            raise AssertionError(f"writers never heard anything but {reply}")
        # What was put off is done now; old files go with the next rewrite.
        rig.pass_time(1000)
        rig.wait_for_snapshot()
        rig.act("BGREWRITEAOF")
        rig.wait_for_snapshot()

    def _find(self, rig: Rig, settings: dict[str, str], count_min: int) -> str:
        """The digest of what is there after a loss of power."""
        self._disk.replay(self._layer.new_records())
        self._disk.lose_power(self._into)
        after = loaded(self._into, settings, rig.now_ms)
        try:
            count = int(after.call("GET", "count") or 0)
            assert count >= count_min, f"{count_min} were acknowledged, {count} are there"
            length = after.call("LLEN", "list")
            assert length - count in (0, 1), "half a transaction"
            return after.digest()
        finally:
            after.close()


def faults(rng: Random | None = None) -> list[tuple[str, str, int, int, str]]:
    """Policy, kind, how often, error and action, without the moment."""
    found = []
    for policy in POLICIES:
        for kind in KINDS:
            for times in (1, 2, -1):
                for error in ERRORS:
                    actions = disk.ACTIONS if kind == "write" else ("fail",)
                    found += [(policy, kind, times, error, action) for action in actions]
    if rng is not None:
        rng.shuffle(found)
    return found


def run(seconds_max: float, seed: int) -> int:
    """How many failures were met, in random order, one moment of each kind after another."""
    import time

    rng = Random(seed)
    deadline = time.monotonic() + seconds_max
    met = 0
    with tempfile.TemporaryDirectory(prefix="rubellite-after-") as name:
        story = Story(layer(), Path(name) / "after")
        for policy, kind, times, error, action in faults(rng):
            at = 0
            while story.play(Fault(policy, kind, at, times, error, action)):
                met += 1
                at += 1
                if time.monotonic() > deadline:
                    return met
    return met


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seconds", type=float, default=3600)
    parser.add_argument("--seed", type=int, default=secrets.randbelow(1 << 32))
    parser.add_argument("--within", action="store_true", help=argparse.SUPPRESS)
    chosen = parser.parse_args()
    if chosen.within:
        print(f"{run(chosen.seconds, chosen.seed)} failures met")
        return
    arguments = ["--within", "--seconds", str(chosen.seconds), "--seed", str(chosen.seed)]
    print(f"seed {chosen.seed}", flush=True)
    sys.stdout.write(disk.run_within("tests.durability.faults", arguments, chosen.seconds + 60))


if __name__ == "__main__":
    main()
