"""Plays one language's program on two servers at once and compares what it saw.

The programs are written in each client's own style (typed methods, not raw commands), for
that is where a client makes assumptions about replies. So transcripts of different clients
differ; those of one client on two servers may not.
"""

from __future__ import annotations

import json
import subprocess
from pathlib import Path
from typing import Any

from tests.oracles import Server

#: Every program plays these, in this order, from an empty server.
SECTIONS = [
    "server",
    "strings",
    "binary",
    "keys",
    "hashes",
    "lists",
    "sets",
    "sorted_sets",
    "bits",
    "errors",
    "pipeline",
    "transactions",
    "pubsub",
    "blocking",
    "scan",
    "streams",
    "scripts",
]

#: What Redis 7.0 says and Valkey 9.1 does not, whose words are ours.
NOT_SAID_BY_VALKEY = "No matching script. Please use EVAL.", "No matching script."

SECONDS_MAX = 60


def compare(command: list[str], client: str, protocol: int, ours: Server, real: Server) -> None:
    """Plays the scenario on both servers; the steps seen must be the same.

    Errors: AssertionError naming the first steps that differ, or with what the program
    wrote when it did not reach its end.
    """
    runs = [_start(command, client, protocol, server) for server in (ours, real)]
    transcripts = []
    for server, run in zip((ours, real), runs, strict=True):
        try:
            out, err = run.communicate(timeout=SECONDS_MAX)
        except subprocess.TimeoutExpired:
            for other in runs:
                other.kill()
            out, err = run.communicate()
            raise AssertionError(f"{client} hangs on {server.name}:\n{_tail(out)}{err}") from None
        if run.returncode != 0:
            for other in runs:
                other.kill()
            raise AssertionError(
                f"{client} on {server.name} ended with {run.returncode}:\n{_tail(out)}{err}"
            )
        lines = out.replace(*NOT_SAID_BY_VALKEY).splitlines()
        transcripts.append([json.loads(line) for line in lines])
    difference = first_differences(transcripts[0], transcripts[1])
    assert not difference, f"{client}, RESP{protocol}:\n{difference}"
    played = list(dict.fromkeys(section for section, _, _ in transcripts[0]))
    assert played == SECTIONS


def first_differences(left: list[Any], right: list[Any], count_max: int = 8) -> str:
    """The first steps that are not equal, ours above the real one's; empty if all are."""
    lines: list[str] = []
    for mine, theirs in zip(left, right, strict=False):
        if mine != theirs:
            lines += [f"  ours: {json.dumps(mine)[:2000]}", f"  real: {json.dumps(theirs)[:2000]}"]
        if len(lines) >= 2 * count_max:
            break
    if not lines and len(left) != len(right):
        lines = [f"  ours took {len(left)} steps, the real one {len(right)}"]
    return "\n".join(lines)


def _start(command: list[str], client: str, protocol: int, server: Server) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [*command, client, str(server.port), str(protocol), *SECTIONS],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        cwd=Path(__file__).parent,
    )


def _tail(out: str) -> str:
    return "".join(line[:400] + "\n" for line in out.splitlines()[-5:])
