"""Kombu without Celery: simple queues, exchanges of each kind, what is not acknowledged."""

from __future__ import annotations

import contextlib
import socket
from collections.abc import Callable, Iterator
from pathlib import Path
from queue import Empty
from typing import Any

import pytest
import redis
from kombu.connection import Connection
from kombu.entity import Exchange, Queue
from kombu.message import Message
from kombu.mixins import ConsumerMixin

import rubellite
from tests.oracles import Server

#: Looking for messages once a second would be too slow for a test.
OPTIONS = {"polling_interval": 0.1}

Connect = Callable[..., Connection]


@pytest.fixture(params=["server", "embedded"])
def connect(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Connect]:
    """Makes connections to an empty store."""
    if request.param == "embedded":
        with rubellite.open(tmp_path / "data") as db:
            address = db.url("redis+socket", 2)
            yield lambda **more: Connection(address, transport_options={**OPTIONS, **more})
        return
    server: Server = request.getfixturevalue("ours")
    with redis.Redis(port=server.port) as client:
        client.flushall()
    address = f"redis://127.0.0.1:{server.port}/2"
    yield lambda **more: Connection(address, transport_options={**OPTIONS, **more})


def drain(connection: Connection, seen: list[Any], count: int) -> None:
    """Lets consumers work until so many messages came, and looks for one too many."""
    while len(seen) < count:
        connection.drain_events(timeout=10)
    with pytest.raises(socket.timeout):
        connection.drain_events(timeout=0.05)


def test_a_simple_queue_keeps_what_is_put(connect: Connect):
    with connect() as connection:
        simple = connection.SimpleQueue("simple")
        for number in range(20):
            simple.put({"number": number}, compression="zlib")
        assert simple.qsize() == 20
        for number in range(20):
            message = simple.get(timeout=10)
            assert message.payload == {"number": number}
            message.ack()
        with pytest.raises(Empty):
            simple.get(block=False)
        simple.put("left")
        assert simple.clear() == 1
        simple.close()


def test_a_message_that_is_rejected_comes_again(connect: Connect):
    with connect() as connection:
        simple = connection.SimpleQueue("simple")
        simple.put("work")
        message = simple.get(timeout=10)
        message.requeue()
        message = simple.get(timeout=10)
        assert message.payload == "work"
        assert message.delivery_info["redelivered"]
        message.reject()
        with pytest.raises(Empty):
            simple.get(block=False)
        simple.close()


def test_what_was_not_acknowledged_is_restored(connect: Connect):
    with connect(visibility_timeout=0.1) as connection:
        first = connection.SimpleQueue("simple")
        first.put("work")
        assert first.get(timeout=10).payload == "work"
        first.close()
    seen: list[Any] = []
    with connect(visibility_timeout=0.1) as connection:
        second = connection.SimpleQueue("simple")
        while not seen:
            # It looks for what is to be restored when it has found nothing.
            with contextlib.suppress(Empty):
                seen.append(second.get(timeout=0.2))
        assert seen[0].payload == "work"
        assert seen[0].delivery_info["redelivered"]
        seen[0].ack()
        second.close()


#: Messages, each its own routing key.
SENT = ["order.new", "order.paid", "x"]


@pytest.mark.parametrize(
    "kind, keys, wanted",
    [
        ("direct", ("order.new", "x"), (["order.new"], ["x"])),
        (
            "topic",
            ("order.*", "#"),
            (["order.new", "order.paid"], ["order.new", "order.paid", "x"]),
        ),
        (
            "fanout",
            ("order.*", "*"),
            (["order.new", "order.paid"], ["order.new", "order.paid", "x"]),
        ),
    ],
)
def test_exchanges_send_messages_to_their_queues(
    connect: Connect, kind: str, keys: tuple[str, str], wanted: tuple[list[str], list[str]]
):
    exchange = Exchange(f"exchange.{kind}", type=kind)
    queues = [
        Queue(f"{kind}.{number}", exchange, key, auto_delete=True)
        for number, key in enumerate(keys)
    ]
    seen: tuple[list[str], list[str]] = ([], [])
    every: list[str] = []

    def note(number: int) -> Callable[[Any, Message], None]:
        def receive(body: Any, message: Message) -> None:
            seen[number].append(body)
            every.append(body)
            message.ack()

        return receive

    with connect() as connection:
        # A channel listens once to what an exchange fans out.
        channels = [connection.channel(), connection.channel()]
        with (
            connection.Consumer(queues[0], channel=channels[0], callbacks=[note(0)]),
            connection.Consumer(queues[1], channel=channels[1], callbacks=[note(1)]),
        ):
            # What fans out reaches those who listen already.
            for _ in channels:
                with contextlib.suppress(socket.timeout):
                    connection.drain_events(timeout=0.1)
            producer = connection.Producer()
            for key in SENT:
                producer.publish(key, exchange=exchange, routing_key=key)
            drain(connection, every, sum(map(len, wanted)))
    assert seen == wanted


def test_priorities_and_a_limit_of_what_is_fetched(connect: Connect):
    exchange = Exchange("ranked", type="direct")
    ranked = Queue("ranked", exchange, "ranked", max_priority=10)
    seen: list[str] = []

    def receive(body: Any, message: Message) -> None:
        seen.append(body)
        message.ack()

    with connect() as connection:
        producer = connection.Producer()
        for name, priority in (("last", 9), ("middle", 6), ("first", 0)):
            producer.publish(
                name, exchange=exchange, routing_key="ranked", priority=priority, declare=[ranked]
            )
        with connection.Consumer(ranked, callbacks=[receive], prefetch_count=1):
            drain(connection, seen, 3)
    assert seen == ["first", "middle", "last"]


class _Worker(ConsumerMixin):
    def __init__(self, connection: Connection, tasks: Queue, count: int) -> None:
        self.connection = connection
        self.tasks = tasks
        self.count = count
        self.seen: list[int] = []

    def get_consumers(self, consumer: Any, _channel: Any) -> list[Any]:
        return [consumer(self.tasks, callbacks=[self.work], prefetch_count=10)]

    def work(self, body: int, message: Message) -> None:
        self.seen.append(body)
        message.ack()
        self.should_stop = len(self.seen) == self.count


def test_a_consumer_works_off_a_queue(connect: Connect):
    tasks = Queue("tasks", Exchange("tasks"), "tasks")
    with connect() as connection:
        producer = connection.Producer(serializer="json")
        for number in range(200):
            producer.publish(number, exchange="tasks", routing_key="tasks", declare=[tasks])
        worker = _Worker(connection, tasks, 200)
        worker.run()
    assert worker.seen == list(range(200))
