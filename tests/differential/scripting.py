"""The tables of scripts and functions, which are random programs (lua.py)."""

from __future__ import annotations

import hashlib

from tests.differential import lua
from tests.differential.group import Group, lines
from tests.differential.values import one_of, words

_FIXED_SCRIPTS = (b"return {KEYS[1], ARGV[1]}", b"return redis.call('GET', KEYS[1])", b"return nil")
_DIGESTS = [hashlib.sha1(text).hexdigest().encode() for text in _FIXED_SCRIPTS]

SCRIPTS = Group(
    "scripts",
    "scripting",
    lines("""
    EVAL script 0
    EVAL script 0 value
    EVAL script numkeys anykey... [value] [value]
    EVAL script numkeys anykey... [value] [value]
    EVAL_RO script numkeys anykey... [value]
    EVALSHA digest numkeys anykey... [value]
    EVALSHA_RO digest 0 [value]
    SCRIPT EXISTS digest [digest]
    SCRIPT FLUSH [ASYNC|SYNC]
    SCRIPT LOAD script
    SCRIPT SHOW digest
    """),
    {
        "script": lua.script,
        "fixed": one_of(*_FIXED_SCRIPTS),
        "digest": one_of(*_DIGESTS, _DIGESTS[0].upper(), _DIGESTS[1][:-1], bytes(40)),
    },
    excluded=dict.fromkeys(("FUNCTION", "FCALL", "FCALL_RO"), "in the group of functions"),
    helpers=lines("""
    SCRIPT LOAD fixed
    EVAL fixed 1 anykey
    """),
    # In Valkey 9.1 a number that a script wrote is embstr; in Redis, and here, it is int.
    is_brief=True,
    clearing=([b"SCRIPT", b"FLUSH"],),
)

FUNCTIONS = Group(
    "functions",
    "scripting",
    lines("""
    FUNCTION LOAD library
    FUNCTION LOAD REPLACE library
    FUNCTION LOAD REPLACE library
    FUNCTION LIST [WITHCODE]
    FUNCTION LIST LIBRARYNAME libpattern [WITHCODE]
    FUNCTION DELETE libname
    FUNCTION FLUSH [ASYNC|SYNC]
    FUNCTION STATS
    FCALL function numkeys anykey... [value]
    FCALL function numkeys anykey... [value]
    FCALL function 0 [value]
    FCALL_RO function numkeys anykey... [value]
    """),
    {
        "library": lua.library,
        "libname": words("lib1 lib2 lib3 nosuch"),
        "libpattern": words("* lib1 lib? LIB1 lib[23] nosuch"),
        "function": words("f1 f2 f3 F1 F2 nosuch"),
    },
    excluded=dict.fromkeys(
        ("EVAL", "EVAL_RO", "EVALSHA", "EVALSHA_RO", "SCRIPT"), "in the group of scripts"
    ),
    is_brief=True,
    clearing=([b"FUNCTION", b"FLUSH"],),
)
