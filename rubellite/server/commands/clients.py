"""CLIENT: who is connected, and how the server treats them."""

from __future__ import annotations

from rubellite._core import Arguments, Call, Verbatim
from rubellite.engine.client_names import check_name
from rubellite.engine.replies import OK, Reply
from rubellite.errors import (
    CLIENT_INFO_CHARACTERS,
    CLIENT_INFO_OPTION,
    CLIENT_NAME_CHARACTERS,
    NO_SUCH_CLIENT,
    NOT_IN_IMPORT_MODE,
    NOT_INTEGER,
    PAUSE_MODE,
    PAUSE_NOT_INTEGER,
    SYNTAX,
    TIMEOUT_NEGATIVE,
    TIMEOUT_OUT_OF_RANGE,
    UNBLOCK_REASON,
    text_of,
)
from rubellite.server import client_filters, client_list, state
from rubellite.server.words import integer
from rubellite.spec.command import command, container
from rubellite.spec.flags import ADMIN, ALLOW_BUSY, LISTENS, LOADING, NO_MULTI, NOSCRIPT, STALE

_ANY_TIME = NOSCRIPT | LOADING | STALE
_EVEN_BUSY = _ANY_TIME | ALLOW_BUSY
_ALL_NODES = ("request_policy:all_nodes", "response_policy:all_succeeded")
_CHANGES = ("nondeterministic_output",)
_I64_MAX = 2**63 - 1

_TYPES = "NORMAL|MASTER|PRIMARY|SLAVE|REPLICA|PUBSUB"
_NAMED = "[NAME name] [IDLE idle:integer] [FLAGS flags] [LIB-NAME lib-name] [LIB-VER lib-ver]"
_NOT_NAMED = (
    "[NOT-USER not-username] [NOT-ADDR ip:port] [NOT-LADDR ip:port] [NOT-NAME not-name] "
    "[NOT-FLAGS not-flags] [NOT-LIB-NAME not-lib-name] [NOT-LIB-VER not-lib-ver] "
    "[NOT-DB not-db:integer] [NOT-CAPA not-capa] [NOT-IP not-ip]"
)

container("CLIENT", "A container for client connection commands", since="2.4.0", group="connection")


def _lines(call: Call, chosen: list[client_list.Facts]) -> Reply:
    now_ms, own_id, own_bytes = call.now_ms, call.client_id, call.request_bytes
    text = "".join(
        client_list.line(facts, now_ms, own_bytes if facts["id"] == own_id else None) + "\n"
        for facts in chosen
    )
    return Verbatim(text.encode("utf-8", "surrogateescape"))


# Who is who


@command("CLIENT ID", _EVEN_BUSY, since="5.0.0")
def client_id(call: Call) -> Reply:
    """Return the number of the connection, which no other ever gets."""
    return call.client_id


@command("CLIENT INFO", _ANY_TIME, since="6.2.0", tips=_CHANGES)
def client_info(call: Call) -> Reply:
    """Describe the connection in a line as CLIENT LIST has them."""
    return _lines(call, [call.session()])


@command(
    "CLIENT LIST [TYPE <NORMAL|MASTER|REPLICA|PUBSUB>] [ID client-id [client-id ...]] "
    "[USER username] [ADDR ip:port] [LADDR ip:port] [SKIPME <YES|NO>] [MAXAGE maxage:integer] "
    f"{_NAMED} [DB db:integer] [CAPA capa] [IP ip] [NOT-TYPE <NORMAL|MASTER|REPLICA|PUBSUB>] "
    f"[NOT-ID not-client-id:integer [not-client-id:integer ...]] {_NOT_NAMED}",
    ADMIN | _ANY_TIME,
    since="2.4.0",
    cost="O(N) where N is the number of client connections",
    tips=_CHANGES,
    takes_rest=True,
    arity=-2,
    history=(
        ("2.8.12", "Added unique client `id` field."),
        ("5.0.0", "Added optional `TYPE` filter."),
        ("6.0.0", "Added `user` field."),
        (
            "6.2.0",
            "Added `argv-mem`, `tot-mem`, `laddr` and `redir` fields and the optional `ID` filter.",
        ),
        ("7.0.0", "Added `resp`, `multi-mem`, `rbs` and `rbp` fields."),
        ("7.0.3", "Added `ssub` field."),
        (
            "8.0.0",
            "Replaced `master` `TYPE` with `primary`. `master` still supported for backward "
            "compatibility.",
        ),
        ("8.1.0", "Added filters USER, ADDR, LADDR, SKIPME, and MAXAGE."),
        (
            "9.0.0",
            "Added filters NAME, IDLE, FLAGS, LIB-NAME, LIB-VER, DB, CAPA, and IP. And negative "
            "filters NOT-ID, NOT-TYPE, NOT-ADDR, NOT-LADDR, NOT-USER, NOT-FLAGS, NOT-NAME, "
            "NOT-LIB-NAME, NOT-LIB-VER, NOT-DB, NOT-CAPA, NOT-IP.",
        ),
    ),
)
def client_list_(call: Call, words: Arguments) -> Reply:
    """Describe all connections, a line each, or those that pass all filters.

    Errors: SYNTAX, UNKNOWN_CLIENT_TYPE, CLIENT_ID_NOT_POSITIVE, NO_SUCH_USER,
    FILTER_NOT_INTEGER, FILTER_NOT_POSITIVE, FILTER_DATABASE, FILTER_LETTERS.
    """
    filters = client_filters.read(call, words.flat(), skip_me=False)
    own_id = call.client_id
    return _lines(call, [facts for facts in call.sessions() if filters.chooses(facts, own_id)])


@command("CLIENT GETNAME", _EVEN_BUSY, since="2.6.9")
def client_getname(call: Call) -> Reply:
    """Return the connection's name; null if it has none."""
    return call.session()["name"] or None


@command("CLIENT SETNAME connection-name", _EVEN_BUSY, since="2.6.9", tips=_ALL_NODES)
def client_setname(call: Call, connection_name: bytes) -> Reply:
    """Name the connection; an empty name takes the name away.

    Errors: CLIENT_NAME_CHARACTERS.
    """
    call.set_session("name", check_name(connection_name))
    return OK


@command(
    "CLIENT SETINFO <LIB-NAME libname|LIB-VER libver>",
    _EVEN_BUSY,
    since="7.2.0",
    tips=_ALL_NODES,
    takes_rest=True,
    arity=4,
)
def client_setinfo(call: Call, words: Arguments) -> Reply:
    """Note the name or the version of the client's library.

    Errors: CLIENT_INFO_OPTION, CLIENT_INFO_CHARACTERS.
    """
    option, value = text_of(words[0]), words[1]
    facts = {"lib-name": "library_name", "lib-ver": "library_version"}
    if option.lower() not in facts:
        raise CLIENT_INFO_OPTION(option)
    try:
        call.set_session(facts[option.lower()], check_name(value))
    except CLIENT_NAME_CHARACTERS:
        raise CLIENT_INFO_CHARACTERS(option) from None
    return OK


# Closing, pausing, waking


@command(
    f"CLIENT KILL <ip:port|[ID client-id [client-id ...]] [TYPE <{_TYPES}>] [USER username] "
    f"[ADDR ip:port] [LADDR ip:port] [SKIPME <YES|NO>] [MAXAGE maxage:integer] {_NAMED} "
    f"[DB db:integer] [CAPA capa] [IP ip] [NOT-TYPE <{_TYPES}>] "
    f"[NOT-ID not-client-id:integer [not-client-id:integer ...]] {_NOT_NAMED}>",
    ADMIN | _ANY_TIME,
    since="2.4.0",
    cost="O(N) where N is the number of client connections",
    takes_rest=True,
    arity=-3,
    history=(
        ("2.8.12", "Added new filter format."),
        ("2.8.12", "`ID` option."),
        ("3.2.0", "Added `master` type in for `TYPE` option."),
        (
            "5.0.0",
            "Replaced `slave` `TYPE` with `replica`. `slave` still supported for backward "
            "compatibility.",
        ),
        ("6.2.0", "`LADDR` option."),
        ("8.0.0", "`MAXAGE` option."),
        (
            "8.0.0",
            "Replaced `master` `TYPE` with `primary`. `master` still supported for backward "
            "compatibility.",
        ),
        ("8.1.0", "`ID` option accepts multiple IDs."),
        (
            "9.0.0",
            "Added filters NAME, IDLE, FLAGS, LIB-NAME, LIB-VER, DB, CAPA, and IP. And negative "
            "filters NOT-ID, NOT-TYPE, NOT-ADDR, NOT-LADDR, NOT-USER, NOT-FLAGS, NOT-NAME, "
            "NOT-LIB-NAME, NOT-LIB-VER, NOT-DB, NOT-CAPA, NOT-IP.",
        ),
    ),
)
def client_kill(call: Call, words: Arguments) -> Reply:
    """Close the connection from an address, or all that pass the filters.

    Errors: NO_SUCH_CLIENT, SYNTAX, UNKNOWN_CLIENT_TYPE, CLIENT_ID_NOT_POSITIVE,
    NO_SUCH_USER, FILTER_NOT_INTEGER, FILTER_NOT_POSITIVE, FILTER_DATABASE, FILTER_LETTERS.
    """
    if len(words) == 1:
        address = text_of(words[0])
        for facts in call.sessions():
            if facts["address"] == address:
                _close(call, facts["id"])
                return OK
        raise NO_SUCH_CLIENT
    filters = client_filters.read(call, words.flat(), skip_me=True)
    own_id = call.client_id
    chosen = [facts["id"] for facts in call.sessions() if filters.chooses(facts, own_id)]
    for client in chosen:
        _close(call, client)
    return len(chosen)


def _close(call: Call, client: int) -> None:
    # Who closes itself still gets its reply.
    call.close_client(client, client == call.client_id)


@command(
    "CLIENT PAUSE timeout:integer [WRITE|ALL]",
    ADMIN | _ANY_TIME,
    since="3.0.0",
    takes_rest=True,
    arity=-3,
    history=(("6.2.0", "`CLIENT PAUSE WRITE` mode added along with the `mode` option."),),
)
def client_pause(call: Call, words: Arguments) -> Reply:
    """Let clients wait so many milliseconds, all or those that write; nothing expires meanwhile.

    Errors: PAUSE_NOT_INTEGER, TIMEOUT_NEGATIVE, TIMEOUT_OUT_OF_RANGE, PAUSE_MODE, SYNTAX.
    """
    mode = text_of(words[1]).upper() if len(words) > 1 else "ALL"
    if mode not in ("WRITE", "ALL"):
        raise PAUSE_MODE
    timeout_ms = integer(words[0])
    if timeout_ms is None:
        raise PAUSE_NOT_INTEGER
    if timeout_ms < 0:
        raise TIMEOUT_NEGATIVE
    if timeout_ms > _I64_MAX - call.now_ms:
        raise TIMEOUT_OUT_OF_RANGE
    call.pause_clients(call.now_ms + timeout_ms, mode == "WRITE")
    return OK


@command(
    "CLIENT UNPAUSE",
    ADMIN | _ANY_TIME,
    since="6.2.0",
    cost="O(N) Where N is the number of paused clients",
)
def client_unpause(call: Call) -> Reply:
    """End a pause: all who waited go on."""
    call.resume_clients()
    return OK


@command(
    "CLIENT UNBLOCK client-id [TIMEOUT|ERROR]",
    ADMIN | _ANY_TIME,
    since="5.0.0",
    cost="O(log N) where N is the number of client connections",
    takes_rest=True,
    arity=-3,
)
def client_unblock(call: Call, words: Arguments) -> Reply:
    """Wake a client that waits for a key, as if its time were up or with an error.

    Errors: UNBLOCK_REASON, NOT_INTEGER.
    """
    if len(words) == 2 and words[1].upper() not in (b"TIMEOUT", b"ERROR"):
        raise UNBLOCK_REASON
    client = integer(words[0])
    if client is None:
        raise NOT_INTEGER
    # Who waits for the end of a pause does not count as blocked.
    with_error = len(words) == 2 and words[1].upper() == b"ERROR"
    return int(client > 0 and call.unblock(client, with_error))


# How the server treats this connection


@command("CLIENT REPLY <ON|OFF|SKIP>", _EVEN_BUSY | NO_MULTI | LISTENS, since="3.2.0")
def client_reply(call: Call, mode: str) -> Reply:
    """Answer commands, do not, or do not answer the next one."""
    call.set_session("reply_mode", mode)
    return OK


@command("CLIENT NO-EVICT <ON|OFF>", ADMIN | _EVEN_BUSY, since="7.0.0")
def client_no_evict(call: Call, mode: str) -> Reply:
    """Spare the connection when clients are closed for want of memory."""
    call.set_session("no_evict", mode == "ON")
    return OK


@command("CLIENT NO-TOUCH <ON|OFF>", _EVEN_BUSY, since="7.2.0")
def client_no_touch(call: Call, mode: str) -> Reply:
    """Let this connection's commands leave no trace in keys' ages and counts of uses."""
    call.set_session("no_touch", mode == "ON")
    return OK


@command(
    "CLIENT CAPA capability [capability ...]",
    _EVEN_BUSY,
    since="8.0.0",
)
def client_capa(call: Call, capabilities: Arguments) -> Reply:
    """Say what the client can do; what is not known is ignored."""
    if any(word.lower() == b"redirect" for word in capabilities):
        call.set_session("follows_redirects", True)
    return OK


@command("CLIENT IMPORT-SOURCE <ON|OFF>", _ANY_TIME, since="8.1.0", takes_rest=True, arity=3)
def client_import_source(call: Call, words: Arguments) -> Reply:
    """Mark the connection as the source of an import, in import mode.

    Errors: NOT_IN_IMPORT_MODE, SYNTAX.
    """
    mode = words[0].upper()
    if mode == b"OFF":
        return OK
    if not state.of(call).config.boolean("import-mode"):
        raise NOT_IN_IMPORT_MODE
    if mode != b"ON":
        raise SYNTAX
    return OK
