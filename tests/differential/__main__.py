"""`python -m tests.differential`: compare by hand, with as many commands as you like."""

from __future__ import annotations

import argparse
import secrets
import sys

from tests import oracles
from tests.differential import report
from tests.differential.chorus import Concert
from tests.differential.groups import GROUPS


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.differential", description=__doc__)
    parser.add_argument("--group", default="all", choices=[*GROUPS, "chorus", "all"])
    parser.add_argument("--commands", type=int, default=report.commands_wanted())
    parser.add_argument("--seed", type=int, default=None, help="as an earlier run printed it")
    parser.add_argument("--ours", default=oracles.OURS, help="a server's name, to try the harness")
    parser.add_argument(
        "--against",
        default="valkey91,redis82",
        help="who decides, the first that has a command; others are only quoted",
    )
    options = parser.parse_args()
    seed = options.seed if options.seed is not None else secrets.randbelow(1_000_000)
    deciding = options.against.split(",")
    servers = {}
    for name in (*deciding, *(name for name in oracles.ORACLES if name not in deciding)):
        try:
            servers[name] = oracles.start(name)
        except oracles.ServerUnavailableError as problem:
            if name in deciding:
                raise SystemExit(str(problem)) from None
    try:
        ours = oracles.start(options.ours)
    except oracles.ServerUnavailableError as problem:
        raise SystemExit(str(problem)) from None
    is_clean = True
    if options.group in ("chorus", "all"):
        concert = Concert(ours, servers[deciding[0]], seed)
        concert.run(options.commands)
        print(concert.show(), flush=True)
        is_clean = not concert.findings
    for group in GROUPS.values():
        if options.group in (group.name, "all"):
            deciders = {name: servers[name] for name in deciding}
            campaign = report.run(group, ours, deciders, options.commands, seed)
            print(report.show(campaign, servers, ours), flush=True)
            is_clean = is_clean and campaign.is_clean
    return 0 if is_clean else 1


if __name__ == "__main__":
    sys.exit(main())
