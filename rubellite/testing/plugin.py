"""The pytest plugin: fixtures whose names begin with `rubellite_`, and one mark.

pytest imports this in every run of everybody who has installed Rubellite: whatever costs
time is imported by the fixture that needs it.
"""

from __future__ import annotations

import os

import pytest

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator
    from typing import Any

    import redis
    import redis.asyncio

    from rubellite.testing.clock import Clock
    from rubellite.testing.faults import Faults
    from rubellite.testing.pool import Pool
    from rubellite.testing.servers import RealServer
    from rubellite.testing.store import IsolatedStore

_POOL: pytest.StashKey[Pool] = pytest.StashKey()

#: Where a test can run.
BACKENDS = ("embedded", "server", "real")

_MARK = (
    "rubellite(profile=None, on='embedded', data=None, **settings): the server that the code "
    "will meet ('redis:6.2', 'valkey:9.1'), where the test runs ('embedded', 'server', 'real', "
    "several of them, or 'everywhere'), an RDB file to begin with, and settings of redis.conf."
)


def pytest_addoption(parser: pytest.Parser) -> None:
    """The options of the command line and of pytest's configuration file."""
    profile = "the server whose commands tests have: redis:6.2, redis:7.2, valkey:9.1, …"
    group = parser.getgroup("rubellite")
    group.addoption("--rubellite-profile", metavar="PROFILE", help=profile)
    parser.addini("rubellite_profile", f"{profile} (a mark may say otherwise)", default="")
    parser.addini(
        "rubellite_real_server",
        "the program for tests that run on a real server; default: valkey-server or "
        "redis-server on PATH",
        default="",
    )


def pytest_configure(config: pytest.Config) -> None:
    """Makes the mark known."""
    config.addinivalue_line("markers", _MARK)


def pytest_unconfigure(config: pytest.Config) -> None:
    """Ends what the tests left for each other."""
    pool = config.stash.get(_POOL, None)
    if pool is not None:
        pool.close()


def _marked(node: pytest.Item | pytest.Collector, name: str) -> Any:
    """What the closest mark that says it says of `name`; None: none does."""
    for mark in node.iter_markers("rubellite"):
        if mark.args:
            raise pytest.UsageError(f"the mark takes names only: {_MARK}")
        if name in mark.kwargs:
            return mark.kwargs[name]
    return None


def _settings(node: pytest.Item) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for mark in node.iter_markers("rubellite"):
        own = {
            name: value
            for name, value in mark.kwargs.items()
            if name not in ("profile", "on", "data")
        }
        found = {**own, **found}
    return found


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """Runs a test once for each place that its mark names."""
    wanted = _marked(metafunc.definition, "on")
    if wanted is None:
        return
    places = (
        BACKENDS if wanted == "everywhere" else (wanted,) if isinstance(wanted, str) else wanted
    )
    for place in places:
        if place not in BACKENDS:
            raise pytest.UsageError(
                f"tests run on {', '.join(BACKENDS)}, or everywhere, not on {place!r}"
            )
    if "rubellite_backend" in metafunc.fixturenames:
        metafunc.parametrize("rubellite_backend", places, indirect=True)


def _pool(config: pytest.Config) -> Pool:
    if _POOL not in config.stash:
        from rubellite.testing.pool import Pool

        config.stash[_POOL] = Pool(config.getini("rubellite_real_server"))
    return config.stash[_POOL]


@pytest.fixture
def rubellite_backend(request: pytest.FixtureRequest) -> str:
    """Where the test runs: "embedded", "server" (ours, through a port) or "real"."""
    return str(getattr(request, "param", "embedded"))


@pytest.fixture
def rubellite_client_options() -> dict[str, Any]:
    """Options of the redis-py clients; to be overridden in a conftest.py."""
    return {}


@pytest.fixture
def rubellite_store(
    request: pytest.FixtureRequest, rubellite_backend: str
) -> Iterator[IsolatedStore]:
    """An empty store in this process, as `rubellite.testing.open()` gives it."""
    if rubellite_backend == "real":
        pytest.fail(f"{request.fixturename} needs our own engine, not a real server", pytrace=False)
    node = request.node
    profile = _marked(node, "profile")
    if profile is None:
        config = request.config
        profile = config.getoption("rubellite_profile") or config.getini("rubellite_profile")
    pool = _pool(request.config)
    try:
        store = pool.take(profile or None, _settings(node))
    except ValueError as problem:
        pytest.fail(str(problem), pytrace=False)
    data = _marked(node, "data")
    if data is not None:
        store.restore(os.path.join(node.path.parent, data))
    yield store
    pool.give_back(store)


@pytest.fixture
def _rubellite_real(request: pytest.FixtureRequest) -> Iterator[RealServer]:
    """A real server without data."""
    server = _pool(request.config).real_server()
    if server is None:
        pytest.skip("there is no valkey-server or redis-server on PATH (rubellite_real_server)")
    yield server
    server.reset()


def _place(request: pytest.FixtureRequest, backend: str) -> Any:
    """The store or the real server, whichever the test runs on."""
    # One fixture less for each test than if this were one.
    return request.getfixturevalue("_rubellite_real" if backend == "real" else "rubellite_store")


@pytest.fixture
def rubellite_url(request: pytest.FixtureRequest, rubellite_backend: str) -> str:
    """The URL of a real port (a Unix socket, if it is a real server's)."""
    return str(_place(request, rubellite_backend).url())


@pytest.fixture
def rubellite_client(
    request: pytest.FixtureRequest, rubellite_backend: str, rubellite_client_options: dict[str, Any]
) -> Iterator[redis.Redis]:
    """A redis-py client of an empty store."""
    _need_redis_py()
    place = _place(request, rubellite_backend)
    if rubellite_backend == "embedded":
        client = place.redis(**rubellite_client_options)
    else:
        import redis

        client = redis.Redis.from_url(place.url(), **rubellite_client_options)
    yield client
    client.close()


@pytest.fixture
def rubellite_async_client(
    request: pytest.FixtureRequest, rubellite_backend: str, rubellite_client_options: dict[str, Any]
) -> redis.asyncio.Redis:
    """A redis-py asyncio client of an empty store, for any event loop.

    Its connections are closed when their loop ends.
    """
    _need_redis_py()
    from rubellite.testing.loops import close_with_loop

    place = _place(request, rubellite_backend)
    client: redis.asyncio.Redis
    if rubellite_backend == "embedded":
        client = place.asyncio_redis(**rubellite_client_options)
    else:
        from redis.asyncio import Redis

        client = Redis.from_url(place.url(), **rubellite_client_options)
    close_with_loop(client)
    return client


@pytest.fixture
def rubellite_clock(rubellite_store: IsolatedStore) -> Clock:
    """The store's time: `advance(60)`, `freeze()`."""
    return rubellite_store.clock


@pytest.fixture
def rubellite_faults(rubellite_store: IsolatedStore) -> Faults:
    """What goes wrong between the store and its clients: `drop()`, `fail("OOM")`, …"""
    return rubellite_store.faults


def _need_redis_py() -> None:
    try:
        import redis  # noqa: F401
    except ImportError:
        pytest.fail("redis-py is not installed: pip install rubellite[redis]", pytrace=False)
