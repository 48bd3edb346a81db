"""Rubellite beside the servers it wants to beat: speed, memory, tail latency, stalls, connections.

    python -m benchmarks --quick      a smoke run of everything, under ten seconds
    python -m benchmarks              the record: table, JSON and charts

One run starts every server, so a number is only ever compared with numbers of
the same minute on the same machine. `docs/benchmarks.md` tells how to read it.
"""
