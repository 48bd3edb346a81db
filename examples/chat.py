"""A chat: everybody in the room hears everybody else.

python examples/chat.py Ann redis://localhost:6379
"""

from __future__ import annotations

import sys

import redis

ROOM = "room"


def main() -> None:
    name = sys.argv[1]
    url = sys.argv[2] if len(sys.argv) > 2 else "redis://localhost:6379"
    client = redis.Redis.from_url(url, decode_responses=True)
    heard = client.pubsub(ignore_subscribe_messages=True)
    heard.subscribe(**{ROOM: lambda message: print(message["data"], flush=True)})
    # The server has confirmed before anything is said.
    heard.get_message(timeout=5)
    listener = heard.run_in_thread(sleep_time=0.1, daemon=True)
    client.publish(ROOM, f"{name} is here")
    for line in sys.stdin:
        client.publish(ROOM, f"{name}: {line.rstrip()}")
    client.publish(ROOM, f"{name} has left")
    listener.stop()
    listener.join()


if __name__ == "__main__":
    main()
