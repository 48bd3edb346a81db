"""Clients of other people, in their own languages, against our server and a real one.

    scenario.py     which parts are played, and what it means that two servers agree
    toolchains.py   what each language needs to get into target/clients
    <language>/     the program that plays the scenario, and its locked dependencies

Each program is called `PROGRAM CLIENT PORT PROTOCOL SECTION…` and prints one JSON line a
step: `[section, step, reply]`. What it prints on both servers must be equal.
"""
