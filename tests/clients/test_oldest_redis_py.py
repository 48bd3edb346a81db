"""`rubellite.Redis` and its like on the oldest redis-py that they allow."""

from __future__ import annotations

import os
import re
import subprocess

from tests.clients.toolchains import CLIENTS, SOURCES
from tests.toolchains import ROOT

#: Those that are about redis-py; what they take of other packages is not there.
FILES = (
    "tests/client/test_redis_api.py",
    "tests/client/test_connect.py",
    "tests/client/test_sharing.py",
    "tests/client/test_taking_over.py",
    "tests/kit/test_store.py",
)
#: The real cluster is a server that comes in a package.
WITHOUT = "test_a_cluster_by_a_node"


def test_the_lowest_version_that_we_allow_is_the_one_that_is_tested():
    project = (ROOT / "pyproject.toml").read_text()
    allowed = re.search(r'^redis = \["redis>=(.+)"\]', project, re.MULTILINE)
    tested = (SOURCES / "oldest" / "requirements.txt").read_text()
    assert allowed is not None
    assert f"\nredis=={allowed[1]}\n" in tested


def test_our_clients_work_with_it():
    [python] = CLIENTS.ready("oldest")
    done = subprocess.run(
        [
            *(python, "-m", "pytest", "-q", "-p", "no:cacheprovider", "-o", "addopts=-p pytester"),
            # It leaves connections to the garbage collector.
            *("-o", "filterwarnings=default", "-W", "ignore"),
            *("-k", f"not {WITHOUT}", *FILES),
        ],
        cwd=ROOT,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert done.returncode == 0, done.stdout[-8000:]
