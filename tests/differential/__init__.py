"""Ours beside the real servers: the same commands, the same replies, the same state.

    values.py      what arguments are drawn from: ordinary values and awkward ones
    grammar.py     a syntax line ("SET key value [NX|XX]") becomes a generator of calls
    groups.py      the syntax lines, a table per command group: what is tested
    allowances.py  which differences are legitimate, and why
    differ.py      sends sequences to two servers and finds the first difference in each
    shrink.py      makes a sequence that differs as short as it can be
    report.py      campaigns, and how what they found is printed

By hand: `python -m tests.differential --group strings --commands 200000 --seed 7`.
"""
