"""Several clients of one server, some of which wait: who gets what after each command."""

from __future__ import annotations

import select
from collections.abc import Sequence
from typing import Any

from tests.oracles import Server
from tests.wire import Argument, Connection

#: Who got which replies.
Replies = dict[str, list[Any]]

# How long a look at one socket takes before the other is looked at again.
GLANCE_SECONDS = 0.002


class Stage:
    """Named clients of a server, and one that watches who waits."""

    def __init__(self, server: Server, names: Sequence[str], protocol: int = 2) -> None:
        self.watcher = server.connect()
        self.clients: dict[str, Connection] = {name: server.connect(protocol) for name in names}
        self.ids = {name: client.call("CLIENT", "ID") for name, client in self.clients.items()}
        #: How many replies each has still to get.
        self.owed = dict.fromkeys(names, 0)

    def close(self) -> None:
        for client in self.clients.values():
            client.close()
        self.watcher.close()

    def __enter__(self) -> Stage:
        return self

    def __exit__(self, *exception: object) -> None:
        self.close()

    def waiting(self) -> set[str]:
        """Who waits now."""
        lines = self.watcher.call("CLIENT", "LIST").decode().splitlines()
        found = [dict(field.split("=", 1) for field in line.split()) for line in lines]
        blocked = {int(line["id"]) for line in found if "b" in line["flags"]}
        return {name for name, client in self.ids.items() if client in blocked}

    def act(self, name: str, *words: Argument) -> Replies:
        """What everybody gets when a client sends a command; nothing if it waits.

        `@alice` in place of an argument is that client's id.
        """
        sent = [
            str(self.ids[word[1:]]) if isinstance(word, str) and word.startswith("@") else word
            for word in words
        ]
        had = self.owed[name]
        self.owed[name] += 1
        self.clients[name].send(*sent)
        replies: Replies = {}
        while not had and name not in replies and name not in self.waiting():
            self._collect(name, replies, GLANCE_SECONDS)
        return self.served(replies)

    def wait_for(self, name: str) -> Replies:
        """What everybody gets once a client that waits waits no longer."""
        return self.served({name: [self._receive(name)]})

    def served(self, replies: Replies) -> Replies:
        """Adds what those got that wait no longer."""
        waiting = self.waiting()
        for name in self.clients:
            while self.owed[name] and name not in waiting:
                replies.setdefault(name, []).append(self._receive(name))
                waiting = self.waiting()
        return replies

    def _collect(self, name: str, replies: Replies, seconds: float) -> None:
        client = self.clients[name]
        if client.buffer or select.select([client.socket], [], [], seconds)[0]:
            replies.setdefault(name, []).append(self._receive(name))

    def _receive(self, name: str) -> Any:
        self.owed[name] -= 1
        return self.clients[name].reply()
