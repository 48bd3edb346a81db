"""Cuts the power at one moment after another: python -m tests.durability.power

A server writes, saves and rewrites on a disk that notes every call. For moments between
two calls the files are made as they would be found if all was lost that nobody had forced
to disk, bytes and names (and, every second time, some of the bytes not), and loaded:

    always     every acknowledged write is there
    everysec   what was acknowledged more than a second and a turn before is there
    snapshots  the last that was acknowledged is there, or a later one, whole
    all        what is found can be loaded; no transaction is there by half

Prints how many moments were looked at; ends with an error at the first loss.
"""

from __future__ import annotations

import argparse
import secrets
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path
from random import Random

from tests.durability import disk
from tests.durability.disk import Disk, Layer
from tests.durability.rig import Rig, layer, loaded

MODES = ("always", "everysec", "snapshots", "switched on")
#: Longest turn of the story, and what `everysec` may lose.
_TURN_MS_MAX = 400
_LOSS_MS_MAX = 1000 + 2 * _TURN_MS_MAX


@dataclass(slots=True, frozen=True)
class _Moment:
    """What was known when the disk had done so much."""

    position: int
    now_ms: int
    #: The count that was acknowledged; with `snapshots` that of the last one.
    count: int


def _settings(mode: str) -> dict[str, str]:
    if mode == "snapshots":
        return {"save": "3600 1000000"}
    if mode == "switched on":
        return {"appendonly": "no", "appendfsync": "always"}
    return {"appendonly": "yes", "appendfsync": mode}


def _live(rig: Rig, layer: Layer, mode: str, rng: Random, steps: int) -> list[_Moment]:
    """Lets a server live; returns what it promised, and when."""
    moments = [_Moment(layer.position, rig.now_ms, 0)]
    saved = 0
    is_on = mode != "switched on"
    for step in range(steps):
        rig.call("MULTI")
        rig.call("INCR", "count")
        rig.call("RPUSH", "list", "x" * rng.randrange(200))
        [count, _] = rig.act("EXEC")
        if rng.random() < 0.3:
            rig.pass_time(rng.randrange(_TURN_MS_MAX))
        chance = rng.random()
        if mode == "snapshots" and chance < 0.2:
            before = count
            if chance < 0.1:
                assert rig.act("SAVE") == "OK"
            else:
                rig.act("BGSAVE")
                rig.act("SET", "meanwhile", step)
                rig.wait_for_snapshot()
                assert rig.info("rdb_last_bgsave_status") == "ok"
            saved = before
        elif mode != "snapshots" and chance < 0.1 and is_on:
            rig.act("BGREWRITEAOF")
            if chance < 0.05:
                rig.wait_for_snapshot()
        elif not is_on and step == steps // 4:
            rig.act("CONFIG", "SET", "appendonly", "yes")
            rig.wait_for_snapshot()
            is_on = True
        known = saved if mode == "snapshots" else count if is_on else 0
        moments.append(_Moment(layer.position, rig.now_ms, known))
    rig.wait_for_snapshot()
    return moments


def _due(moments: list[_Moment], position: int, loss_ms: int) -> int:
    """The count that must be there if the power fails at `position`."""
    past = [moment for moment in moments if moment.position <= position]
    if not past:
        return 0
    now_ms = past[-1].now_ms
    return max((one.count for one in past if one.now_ms <= now_ms - loss_ms), default=0)


def run(mode: str, seed: int, steps: int, cuts_max: int) -> int:
    """How many moments were looked at. Fails with AssertionError at the first loss."""
    rng = Random(seed)
    under = layer()
    folder = under.folder / f"{mode.replace(' ', '-')}-{seed}"
    folder.mkdir()
    # The folder of the data is there before the server is.
    disk_of_it = Disk(under.folder)
    disk.sync_folder(under.folder)
    settings = _settings(mode)
    rig = Rig(folder, settings)
    moments = _live(rig, under, mode, rng, steps)
    rig.close()
    records = under.new_records()
    first = next(at for at, record in enumerate(records) if str(folder) in record.path)
    begun = moments[0].position
    candidates = [at for at in range(len(records)) if records[at].position >= begun]
    chosen = sorted(rng.sample(candidates, min(cuts_max, len(candidates))))
    done = 0
    loss_ms = _LOSS_MS_MAX if mode == "everysec" else 0
    with tempfile.TemporaryDirectory(prefix="rubellite-after-") as name:
        into = Path(name) / "after"
        at = first
        for cut, last in enumerate(chosen):
            disk_of_it.replay(records[at : last + 1])
            at = last + 1
            disk_of_it.lose_power(into, rng if cut % 2 else None)
            due = _due(moments, records[last].position, loss_ms)
            place = f"{mode}, seed {seed}, after call {last} ({records[last].kind})"
            after_settings = (
                {**settings, "appendonly": "yes" if due else settings["appendonly"]}
                if mode == "switched on"
                else settings
            )
            after = loaded(into / folder.name, after_settings, rig.now_ms)
            count = int(after.call("GET", "count") or 0)
            length = after.call("LLEN", "list")
            after.close()
            assert count >= due, f"{place}: {due} was acknowledged, {count} is there"
            assert length == count, f"{place}: half a transaction"
            done += 1
    return done


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=10)
    parser.add_argument("--steps", type=int, default=60)
    parser.add_argument("--cuts", type=int, default=10_000)
    parser.add_argument("--seed", type=int, default=secrets.randbelow(1 << 32))
    parser.add_argument("--within", action="store_true", help=argparse.SUPPRESS)
    chosen = parser.parse_args()
    if chosen.within:
        for at in range(chosen.rounds):
            for mode in MODES:
                done = run(mode, chosen.seed + at, chosen.steps, chosen.cuts)
                print(f"{mode}: {done} moments", flush=True)
        return
    print(f"seed {chosen.seed}", flush=True)
    sys.stdout.write(
        disk.run_within(
            "tests.durability.power", ["--within", *sys.argv[1:], "--seed", str(chosen.seed)], 3600
        )
    )


if __name__ == "__main__":
    main()
