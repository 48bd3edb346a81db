"""The pytest plugin, in pytest runs of a user."""

from __future__ import annotations

import re
import subprocess
import sys
import time
import tomllib
from pathlib import Path

import pytest

from rubellite.testing.pool import Pool
from tests.kit.conftest import Run

ROOT = Path(__file__).resolve().parents[2]


def test_one_fixture_name_is_all_that_a_test_needs(run: Run):
    result = run(
        """
        def test_one(rubellite_client):
            assert rubellite_client.incr("visits") == 1

        def test_two(rubellite_client):
            assert rubellite_client.incr("visits") == 1

        def test_three(rubellite_store):
            assert rubellite_store.increment("visits") == 1
        """
    )
    result.assert_outcomes(passed=3)


def test_fixtures_of_a_test_share_its_store(run: Run):
    result = run(
        """
        import redis

        def test_same(rubellite_store, rubellite_client, rubellite_url, rubellite_clock):
            rubellite_store.set("key", "value", seconds=60)
            with redis.Redis.from_url(rubellite_url) as other:
                assert rubellite_client.get("key") == other.get("key") == b"value"
                rubellite_clock.advance(60)
                assert rubellite_client.get("key") == other.get("key") == None

        def test_faults(rubellite_client, rubellite_faults):
            rubellite_faults.fail("ERR no", "get")
            try:
                rubellite_client.get("key")
            except redis.ResponseError as problem:
                assert str(problem) == "no"
            else:
                assert False
        """
    )
    result.assert_outcomes(passed=2)


def test_a_test_that_fails_leaves_nothing_behind(run: Run):
    result = run(
        """
        def test_breaks(rubellite_client, rubellite_clock, rubellite_faults):
            rubellite_client.set("key", "value")
            rubellite_client.config_set("maxmemory", 1)
            rubellite_clock.freeze(0)
            rubellite_faults.drop(times=None)
            assert False

        def test_shuts_down(rubellite_store):
            assert rubellite_store.set("other", "value")
            rubellite_store.call("SHUTDOWN", "NOSAVE")

        def test_next(rubellite_client):
            assert rubellite_client.dbsize() == 0
            assert rubellite_client.set("key", "value")
            assert rubellite_client.time()[0] > 1_700_000_000
        """
    )
    result.assert_outcomes(passed=2, failed=1)


def test_asyncio_clients_work_with_whatever_runs_the_loop(run: Run):
    result = run(
        """
        import asyncio
        import gc

        def test_plain(rubellite_async_client):
            async def main():
                await rubellite_async_client.set("key", "value")
                async with rubellite_async_client.pipeline() as pipeline:
                    replies = await pipeline.get("key").incr("visits").execute()
                await rubellite_async_client.lpush("queue", "job")
                assert await rubellite_async_client.blpop("queue") == (b"queue", b"job")
                return replies

            assert asyncio.run(main()) == [b"value", 1]
            assert asyncio.run(rubellite_async_client.get("key")) == b"value"

        def test_time(rubellite_async_client, rubellite_store):
            async def main():
                rubellite_store.clock.freeze()
                waiting = asyncio.create_task(rubellite_async_client.blpop("queue", timeout=60))
                await asyncio.to_thread(rubellite_store.wait_until_blocked)
                rubellite_store.clock.advance(60)
                return await waiting

            assert asyncio.run(main()) is None

        def test_nothing_is_left():
            gc.collect()
        """
    )
    result.assert_outcomes(passed=3)


def test_a_profile_comes_from_the_mark_the_command_line_or_the_configuration(
    run: Run, pytester: pytest.Pytester
):
    text = """
        import pytest

        def test_general(rubellite_store):
            assert rubellite_store.profile == {general!r}

        @pytest.mark.rubellite(profile="valkey:8.0")
        class TestOwn:
            def test_inherited(self, rubellite_store):
                assert rubellite_store.profile == "valkey:8.0"

            @pytest.mark.rubellite(profile="redis:6.2")
            def test_own(self, rubellite_store):
                assert rubellite_store.profile == "redis:6.2"
        """
    run(text.format(general=None)).assert_outcomes(passed=3)
    pytester.makeini("[pytest]\nrubellite_profile = redis:7.2")
    run(text.format(general="redis:7.2")).assert_outcomes(passed=3)
    result = run(text.format(general="valkey:9.1"), "--rubellite-profile=valkey:9.1")
    result.assert_outcomes(passed=3)


def test_a_profile_lets_a_test_fail_where_production_would(run: Run):
    result = run(
        """
        import pytest

        @pytest.mark.rubellite(profile="redis:6.2")
        def test_newer_option(rubellite_client):
            rubellite_client.expire("key", 10, nx=True)
        """
    )
    result.assert_outcomes(failed=1)
    result.stdout.fnmatch_lines(["*ResponseError: wrong number of arguments for 'expire' command"])


def test_one_mark_runs_a_test_everywhere(run: Run):
    result = run(
        """
        import asyncio
        import pytest

        pytestmark = pytest.mark.rubellite(on="everywhere")

        def test_client(rubellite_client, rubellite_url, rubellite_backend):
            assert rubellite_client.dbsize() == 0
            rubellite_client.set("key", "value")
            rubellite_client.config_set("maxmemory-policy", "allkeys-lru")
            is_ours = "rubellite_version" in rubellite_client.info()
            assert is_ours == (rubellite_backend != "real")

        def test_again(rubellite_async_client):
            async def main():
                assert await rubellite_async_client.dbsize() == 0
                found = await rubellite_async_client.config_get("maxmemory-policy")
                assert found == {"maxmemory-policy": "noeviction"}
            asyncio.run(main())
        """,
        "-v",
    )
    result.assert_outcomes(passed=6)
    result.stdout.fnmatch_lines([f"*test_client?{place}? PASSED*" for place in PLACES])


PLACES = ("embedded", "server", "real")


def test_without_a_real_server_its_tests_are_skipped(run: Run, pytester: pytest.Pytester):
    pytester.makeini("[pytest]\nrubellite_real_server = no-such-server")
    result = run(
        """
        import pytest

        @pytest.mark.rubellite(on=["embedded", "real"])
        def test_client(rubellite_client):
            rubellite_client.ping()
        """
    )
    result.assert_outcomes(passed=1, skipped=1)


def test_time_of_a_real_server_cannot_be_moved(run: Run):
    result = run(
        """
        import pytest

        @pytest.mark.rubellite(on="real")
        def test_clock(rubellite_client, rubellite_clock):
            pass
        """
    )
    result.assert_outcomes(errors=1)
    result.stdout.fnmatch_lines(["*rubellite_store needs our own engine, not a real server*"])


def test_settings_and_data_come_from_the_mark(run: Run, pytester: pytest.Pytester):
    from rubellite import testing

    with testing.open() as store:
        store.set("key", "value")
        (pytester.path / "base.rdb").write_bytes(store.snapshot())
    result = run(
        """
        import pytest
        import redis

        @pytest.mark.rubellite(data="base.rdb", maxmemory="1mb", maxmemory_policy="noeviction")
        def test_mark(rubellite_client):
            assert rubellite_client.get("key") == b"value"
            with pytest.raises(redis.OutOfMemoryError):
                for number in range(1000):
                    rubellite_client.set(number, "x" * 10_000)

        def test_other(rubellite_client):
            assert rubellite_client.dbsize() == 0
            assert rubellite_client.config_get("maxmemory") == {"maxmemory": "0"}
        """
    )
    result.assert_outcomes(passed=2)


def test_client_options_are_a_fixture_to_be_overridden(run: Run, pytester: pytest.Pytester):
    pytester.makeconftest(
        """
        import pytest

        @pytest.fixture
        def rubellite_client_options():
            return {"decode_responses": True}
        """
    )
    result = run(
        """
        import pytest

        @pytest.mark.rubellite(on=["embedded", "server"])
        def test_text(rubellite_client):
            rubellite_client.set("key", "value")
            assert rubellite_client.get("key") == "value"
        """
    )
    result.assert_outcomes(passed=2)


@pytest.mark.parametrize(
    "mark, message",
    [
        ("profile='redis:1'", "*profile 'redis:1' is unknown*"),
        ("on='mars'", "*tests run on embedded, server, real, or everywhere, not on 'mars'*"),
        ("'redis:7.2'", "*the mark takes names only*"),
        ("colour='red'", "*unknown parameter*colour*"),
    ],
)
def test_mistakes_in_the_mark_are_told(run: Run, mark, message):
    result = run(
        f"""
        import pytest

        @pytest.mark.rubellite({mark})
        def test_mark(rubellite_client):
            pass
        """
    )
    assert result.ret != 0
    lines = result.stdout.str() + result.stderr.str()
    assert any(_matches(line, message) for line in lines.splitlines())


def _matches(line: str, pattern: str) -> bool:
    from fnmatch import fnmatchcase

    return fnmatchcase(line, pattern)


def test_workers_of_xdist_have_stores_of_their_own(run: Run):
    result = run(
        """
        import pytest

        @pytest.mark.parametrize("number", range(4))
        def test_many(rubellite_client, number):
            assert rubellite_client.incr("visits") == 1
        """,
        "-p",
        "xdist",
        "-n2",
    )
    result.assert_outcomes(passed=4)


def test_the_plugin_is_found_and_costs_nothing_until_it_is_used():
    facts = tomllib.loads((ROOT / "pyproject.toml").read_text())
    assert facts["project"]["entry-points"]["pytest11"] == {"rubellite": "rubellite.testing.plugin"}
    program = (
        "import pytest, sys, time; before = set(sys.modules);"
        "import rubellite.testing.plugin;"
        "print(*sorted(set(sys.modules) - before))"
    )
    out = subprocess.run(
        [sys.executable, "-c", program], cwd=ROOT, capture_output=True, text=True, check=True
    ).stdout
    assert out.split() == [
        "rubellite",
        "rubellite.about",
        "rubellite.testing",
        "rubellite.testing.plugin",
    ]


def test_nothing_of_the_kit_sleeps():
    for folder in (ROOT / "rubellite" / "testing", ROOT / "tests" / "kit"):
        for path in folder.glob("*.py"):
            assert not re.search(r"sleep\(", path.read_text(encoding="utf-8")), path


def test_a_test_is_isolated_in_less_than_two_milliseconds():
    pool = Pool()
    pool.give_back(pool.take(None, {}))
    started, rounds = time.process_time(), 100
    for _ in range(rounds):
        store = pool.take(None, {})
        store.set("key", "value", seconds=10)
        pool.give_back(store)
    spent = time.process_time() - started
    pool.close()
    assert spent / rounds < 0.002
