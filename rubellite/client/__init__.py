"""The engine inside the process: `open()`, the native API, redis-py without a socket."""
