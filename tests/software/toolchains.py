"""What other people's software needs, and how it gets into target/software.

Most of it is in the `dev` extra. Here is what does not go there: what wants another redis-py
or brings much along, what is not Python, and what only a source distribution has.
`python -m tests.clients` prepares it with the clients.
"""

from __future__ import annotations

import sys
from importlib.metadata import version
from pathlib import Path

from tests.toolchains import ROOT, Shelf, Step, Toolchain, npm, venv

SOURCES = Path(__file__).parent

#: RQ as its authors have it, with its tests, in the version that is installed.
_RQ = f"rq=={version('rq')}"

TOOLCHAINS: dict[str, Toolchain] = {
    "arq": venv("arq"),
    "docket": venv("docket"),
    "bullmq": npm("bullmq", "scenario.js"),
    "sidekiq": Toolchain(
        wants="Ruby with Sidekiq 6",
        needs=("ruby", "sidekiq"),
        packages=("ruby", "ruby-redis", "ruby-sidekiq"),
        steps=(),
        command=("sidekiq",),
        check=("ruby", "-e", "gem 'sidekiq', '~> 6.4'"),
    ),
    "rq": Toolchain(
        wants="pip",
        needs=(),
        packages=(),
        steps=(
            Step(
                inputs=(),
                command=(
                    *("sh", "-c"),
                    f"rm -rf '{{target}}'/rq-* && '{sys.executable}' -m pip download --quiet "
                    "--disable-pip-version-check --no-deps --no-binary :all: --dest '{target}' "
                    f"{_RQ} && tar -xzf '{{target}}'/rq-*.tar.gz -C '{{target}}'",
                ),
            ),
        ),
        command=(f"{{target}}/{_RQ.replace('==', '-')}",),
    ),
}

SOFTWARE = Shelf(SOURCES, ROOT / "target" / "software", TOOLCHAINS)
