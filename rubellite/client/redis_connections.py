"""redis-py's connections to a store's socket, which know that its holder can change.

They see to it that somebody serves the socket before they connect, and tell apart what
redis-py does not: a call that was not sent whole was not executed and is sent again; one
that was sent whole and not answered may have been: `OutcomeUnknown`.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import redis
import redis.asyncio
from redis.exceptions import ConnectionError, RedisError

from rubellite.client.wire import WAITING, shut_down
from rubellite.errors import OutcomeUnknown, SubscriptionGap
from rubellite.persistence.snapshots import LoadError

if TYPE_CHECKING:
    from rubellite.client.room import EngineRoom
    from rubellite.client.store import Store

#: A holder may end between the look at it and the connection.
_TRIES_MAX = 10

_PIPELINE = "a pipeline"
_EXEC = b"*1\r\n$4\r\nEXEC\r\n"
_SUBSCRIBES = frozenset(("SUBSCRIBE", "PSUBSCRIBE", "SSUBSCRIBE"))


class CallLostError(OutcomeUnknown, ConnectionError):
    """`OutcomeUnknown`, as those who know redis-py expect it."""


class TransactionLostError(OutcomeUnknown, RedisError):
    """`OutcomeUnknown` of EXEC.

    No ConnectionError: redis-py would make a WatchError of it, and who hears of that
    executes the transaction again.
    """


class MessagesLostError(SubscriptionGap, ConnectionError):
    """`SubscriptionGap`, as those who know redis-py expect it."""


class _Talk:
    """What was said on a connection, as far as it matters when that breaks."""

    def __init__(self) -> None:
        self.forget()

    def forget(self) -> None:
        """It is a new connection."""
        self.name = _PIPELINE
        self.is_watching = False
        self.is_listening = False
        #: For a key, so that it might take something.
        self.is_waiting = False
        self.may_send_again = False
        #: The connection's client, and the engine that knows it; None: nobody asked yet.
        self.client: int | None = None
        self.room: EngineRoom | None = None

    def wants_client(self, store: Store) -> bool:
        """Whether it is to be asked who the client is, before a request that waits."""
        return self.is_waiting and self.client is None and store.has_engine()

    def hang_up(self, store: Store) -> None:
        """The connection is about to be closed: what waits takes nothing any more."""
        if self.is_waiting and self.client is not None:
            store.hang_up(self.room, self.client)
        self.is_waiting, self.client = False, None

    def will_send(self, words: tuple[Any, ...]) -> None:
        """The next request is one command."""
        first = words[0] if words else ""
        text = first.decode("latin-1") if isinstance(first, bytes) else str(first)
        self.name = text.split(maxsplit=1)[0].upper() if text.strip() else ""
        self.is_listening = self.is_listening or self.name in _SUBSCRIBES
        self.is_waiting = self.name in WAITING
        # redis-py subscribes anew itself.
        self.may_send_again = not (self.is_watching or self.is_listening)
        if self.name == "WATCH":
            self.is_watching = True
        elif self.name in ("UNWATCH", "EXEC", "DISCARD", "RESET"):
            self.is_watching = False

    def is_subscription(self, words: tuple[Any, ...]) -> bool:
        """Whether it is one that redis-py makes anew for its user."""
        return bool(words) and words[0] in _SUBSCRIBES

    def not_sent(self, problem: ConnectionError) -> Exception | None:
        """What to raise when a request was not sent whole; None: send it again."""
        if type(problem) is not ConnectionError:
            return problem
        if self.may_send_again:
            return None
        # Those at the front of a pipeline may have arrived whole.
        return CallLostError(self.name) if self.name == _PIPELINE else problem

    def will_send_packed(self, command: Any) -> None:
        """The next request is a pipeline; a transaction is executed as a whole or not."""
        chunks = [command] if isinstance(command, (str, bytes)) else list(command)
        last = chunks[-1] if chunks else b""
        is_transaction = isinstance(last, bytes) and last.endswith(_EXEC)
        self.name = "EXEC" if is_transaction else _PIPELINE
        self.may_send_again = is_transaction and not self.is_watching
        if is_transaction:
            self.is_watching = False

    def broken(self, problem: Exception) -> Exception:
        """What to raise when a reply did not come."""
        # Error replies have types of their own below it.
        if type(problem) is not ConnectionError:
            return problem
        if self.is_listening:
            return MessagesLostError()
        return TransactionLostError("EXEC") if self.name == "EXEC" else CallLostError(self.name)


class StoreClosedError(RuntimeError, ConnectionError):
    """The client's store was closed."""


def _check_open(store: Store) -> None:
    if store.is_closed:
        raise StoreClosedError("the store is closed")


class Connection(redis.UnixDomainSocketConnection):
    """redis-py's connection to a store's socket."""

    def __init__(self, *, store: Store, **options: Any) -> None:
        self._store = store
        self._talk = _Talk()
        self._is_up = False
        #: What is sent belongs to the greeting, or to a command that was looked at already.
        self._is_inside = False
        super().__init__(**options)
        store.connections.add(self)

    def end(self) -> None:
        """Lets what waits for a reply fail, in whatever thread; the store is closed."""
        shut_down(getattr(self, "_sock", None))

    def _attended(self, connect: Callable[[], None]) -> None:
        if self._is_up or self._is_inside:
            connect()
            return
        self._is_inside = True
        try:
            for tries_left in range(_TRIES_MAX, -1, -1):
                try:
                    _check_open(self._store)
                    self._store.attend()
                    self._talk.forget()
                    connect()
                    break
                except LoadError as problem:
                    raise ConnectionError(str(problem)) from problem
                except ConnectionError as problem:
                    if type(problem) is not ConnectionError or not tries_left:
                        raise
        finally:
            self._is_inside = False
        self._is_up = True

    def connect(self) -> None:
        """Connects to who holds the store, who may be this process from now on."""
        self._attended(super().connect)

    def disconnect(self, *args: Any, **options: Any) -> None:
        """Ends the connection."""
        self._is_up = False
        self._talk.hang_up(self._store)
        super().disconnect(*args, **options)

    def _learn_client(self) -> None:
        if not self._talk.wants_client(self._store):
            return
        self._is_inside, room = True, self._store.room
        try:
            super().send_command("CLIENT", "ID")
            self._talk.client, self._talk.room = int(super().read_response()), room
        except RedisError:
            # The request itself is about to hear of it.
            pass
        finally:
            self._is_inside = False

    def send_command(self, *args: Any, **options: Any) -> None:
        """Sends one command."""
        send = super().send_command
        if self._is_inside:
            if self._talk.is_subscription(args):
                self._talk.is_listening = True
            send(*args, **options)
            return
        self.connect()
        self._talk.will_send(args)
        self._learn_client()
        self._send(lambda: send(*args, **options))

    def send_packed_command(self, command: Any, check_health: bool = True) -> None:
        """Sends one command or several."""
        send = super().send_packed_command
        if self._is_inside:
            send(command, check_health)
            return
        self.connect()
        self._talk.will_send_packed(command)
        self._send(lambda: send(command, check_health))

    def _send(self, send: Callable[[], None]) -> None:
        self._is_inside = True
        try:
            send()
            return
        except ConnectionError as problem:
            found = self._talk.not_sent(problem)
            if found is not None:
                raise found from None
        finally:
            self._is_inside = False
        talk, self._talk = self._talk, _Talk()
        self.connect()
        self._talk = talk
        # Twice in a row is the caller's business.
        send()

    def can_read(self, timeout: float = 0) -> bool:
        """Whether there is something to read."""
        is_listening = self._is_up and self._talk.is_listening
        try:
            return bool(super().can_read(timeout))
        except ConnectionError as problem:
            raise (self._talk.broken(problem) if is_listening else problem) from None

    def read_response(self, *args: Any, **options: Any) -> Any:
        """The next reply."""
        was_up = self._is_up
        try:
            found = super().read_response(*args, **options)
            self._talk.is_waiting = False
            return found
        except ConnectionError as problem:
            raise (self._talk.broken(problem) if was_up else problem) from None


class AsyncConnection(redis.asyncio.UnixDomainSocketConnection):
    """redis-py's asyncio connection to a store's socket.

    How much was sent of what could not be sent whole, asyncio does not tell: its outcome is
    unknown, too.
    """

    def __init__(self, *, store: Store, **options: Any) -> None:
        self._store = store
        self._talk = _Talk()
        self._is_up = False
        self._is_inside = False
        super().__init__(**options)
        store.connections.add(self)

    def end(self) -> None:
        """Lets what waits for a reply fail, in whatever thread; the store is closed."""
        writer = getattr(self, "_writer", None)
        shut_down(None if writer is None else writer.get_extra_info("socket"))

    async def connect(self) -> None:
        """Connects to who holds the store, who may be this process from now on."""
        if self._is_up or self._is_inside:
            await super().connect()
            return
        self._is_inside = True
        try:
            for tries_left in range(_TRIES_MAX, -1, -1):
                try:
                    _check_open(self._store)
                    if not self._store.has_engine():
                        # It may load what is on disk.
                        await asyncio.to_thread(self._store.attend)
                    self._talk.forget()
                    await super().connect()
                    break
                except LoadError as problem:
                    raise ConnectionError(str(problem)) from problem
                except ConnectionError as problem:
                    if type(problem) is not ConnectionError or not tries_left:
                        raise
        finally:
            self._is_inside = False
        self._is_up = True

    async def disconnect(self, *args: Any, **options: Any) -> None:
        """Ends the connection."""
        self._is_up = False
        self._talk.hang_up(self._store)
        await super().disconnect(*args, **options)

    async def _learn_client(self) -> None:
        if not self._talk.wants_client(self._store):
            return
        self._is_inside, room = True, self._store.room
        try:
            await super().send_command("CLIENT", "ID")
            self._talk.client, self._talk.room = int(await super().read_response()), room
        except RedisError:
            pass
        finally:
            self._is_inside = False

    async def send_command(self, *args: Any, **options: Any) -> None:
        """Sends one command."""
        if self._is_inside:
            if self._talk.is_subscription(args):
                self._talk.is_listening = True
            return await super().send_command(*args, **options)
        await self.connect()
        self._talk.will_send(args)
        await self._learn_client()
        self._is_inside = True
        try:
            return await super().send_command(*args, **options)
        except ConnectionError as problem:
            raise self._talk.broken(problem) from None
        finally:
            self._is_inside = False

    async def send_packed_command(self, command: Any, check_health: bool = True) -> None:
        """Sends one command or several."""
        if self._is_inside:
            return await super().send_packed_command(command, check_health)
        await self.connect()
        self._talk.will_send_packed(command)
        self._is_inside = True
        try:
            return await super().send_packed_command(command, check_health)
        except ConnectionError as problem:
            raise self._talk.broken(problem) from None
        finally:
            self._is_inside = False

    async def read_response(self, *args: Any, **options: Any) -> Any:
        """The next reply."""
        was_up = self._is_up
        try:
            found = await super().read_response(*args, **options)
            self._talk.is_waiting = False
            return found
        except ConnectionError as problem:
            raise (self._talk.broken(problem) if was_up else problem) from None


def use(pool: Any, store: Store, kind: type[Connection] | type[AsyncConnection]) -> None:
    """Lets a pool that redis-py made, and that has no connections yet, make ours."""
    pool.connection_class = kind
    pool.connection_kwargs["store"] = store
