"""Parameters of listening, clients, passwords and TLS."""

from __future__ import annotations

from rubellite.config.kinds import (
    INT32_MAX,
    INT64_MAX,
    UINT32_MAX,
    Choice,
    Integer,
    Memory,
    Octal,
)
from rubellite.config.setting import (
    ACCEPTED,
    COUNT,
    COUNT32,
    PORT,
    REFUSED,
    SWITCH,
    TEXT,
    WORKS,
    Setting,
)
from rubellite.config.special import BIND_ADDRESSES_MAX, OutputLimits, Unbuilt, Words

_ADDRESSES = Words(BIND_ADDRESSES_MAX, "Too many bind addresses specified.")
_LOCAL = Choice("no", "yes", "local")
_PER_CYCLE = Integer(1, 1000)
_LIMITS = "normal 0 0 0 slave 268435456 67108864 60 pubsub 33554432 8388608 60"
_NO_RDMA = "No RDMA building support."

# fmt: off
LISTENING = (
    Setting("bind", _ADDRESSES, "* -::*", WORKS,
            "Addresses to listen on; a leading - makes one optional."),
    Setting("port", PORT, "6379", WORKS, "TCP port to listen on; 0 for none."),
    Setting("tcp-backlog", COUNT32, "511", WORKS,
            "Connections the kernel may hold before they are accepted.", live=False),
    Setting("tcp-keepalive", COUNT32, "300", WORKS,
            "Seconds between probes of a silent connection; 0 for none."),
    Setting("timeout", COUNT32, "0", WORKS,
            "Seconds after which an idle client is disconnected; 0 for never."),
    Setting("unixsocket", TEXT, "", WORKS, "Path of a Unix socket to listen on.", live=False),
    Setting("unixsocketperm", Octal(0, 0o777), "0", WORKS,
            "Permissions of the Unix socket, in octal; 0 leaves them to the umask.", live=False),
    Setting("unixsocketgroup", TEXT, "", ACCEPTED, "Group that owns the Unix socket.", live=False),
    Setting("socket-mark-id", Integer(0, UINT32_MAX), "0", ACCEPTED,
            "Mark put on listening sockets for packet filters.", live=False),
    Setting("bind-source-addr", TEXT, "", ACCEPTED, "Address that outgoing connections leave by."),
    Setting("mptcp", SWITCH, "no", ACCEPTED, "Listen with Multipath TCP.", live=False),
    Setting("max-new-connections-per-cycle", _PER_CYCLE, "10", ACCEPTED,
            "Connections accepted before clients get their turn."),
    Setting("max-new-tls-connections-per-cycle", _PER_CYCLE, "1", ACCEPTED,
            "TLS connections accepted before clients get their turn."),
    Setting("io-threads", Integer(1, 256), "1", ACCEPTED, "Threads that read and write sockets."),
    Setting("io-threads-do-reads", SWITCH, "no", ACCEPTED,
            "Let I/O threads read as well as write.", live=False),
    Setting("io-threads-always-active", SWITCH, "no", ACCEPTED,
            "Use I/O threads even when one would do.", hidden=True),
    Setting("prefetch-batch-max-size", Integer(0, 128), "16", ACCEPTED,
            "Commands whose keys are fetched into the cache together."),
    Setting("min-io-threads-avoid-copy-reply", COUNT32, "7", ACCEPTED,
            "I/O threads from which replies are sent without a copy.", hidden=True),
    Setting("min-string-size-avoid-copy-reply", COUNT32, "16384", ACCEPTED,
            "Bytes from which a string is sent without a copy.", hidden=True),
    Setting("rdma-bind", Unbuilt("", _NO_RDMA), "", REFUSED, "RDMA addresses to listen on."),
    Setting("rdma-port", Integer(0, 65535), "0", REFUSED, "RDMA port to listen on."),
    Setting("rdma-rx-size", Integer(65536, 16777216), "1048576", ACCEPTED,
            "Bytes of an RDMA receive buffer.", live=False),
    Setting("rdma-completion-vector", Integer(-1, 1024), "-1", ACCEPTED,
            "RDMA completion vector; -1 chooses one.", live=False),
)

CLIENTS = (
    Setting("maxclients", Integer(1, UINT32_MAX), "10000", WORKS,
            "Clients that may be connected at once."),
    Setting("maxmemory-clients", Memory(0, INT64_MAX, may_be_percent=True), "0", WORKS,
            "Bytes (or percent of maxmemory) all clients' buffers may take; 0 for no limit."),
    Setting("client-query-buffer-limit", Memory(1048576), "1073741824", WORKS,
            "Bytes a client may send that are not processed yet."),
    Setting("client-output-buffer-limit", OutputLimits(), _LIMITS, WORKS,
            "Bytes of unread replies after which a client is disconnected, by class."),
    Setting("proto-max-bulk-len", Memory(1048576), "536870912", WORKS,
            "Bytes of the longest argument and string."),
    Setting("tracking-table-max-keys", COUNT, "1000000", WORKS,
            "Keys remembered for client-side caching; 0 for no limit."),
    Setting("availability-zone", TEXT, "", WORKS, "Zone told to clients in INFO and HELLO."),
)

SECURITY = (
    Setting("requirepass", TEXT, "", WORKS, "Password of the default user.", sensitive=True),
    Setting("protected-mode", SWITCH, "yes", WORKS,
            "Refuse other machines while there is no password."),
    Setting("aclfile", TEXT, "", REFUSED, "File that users are read from.", live=False),
    Setting("acllog-max-len", COUNT, "128", ACCEPTED, "Entries kept by ACL LOG."),
    Setting("acl-pubsub-default", Choice("allchannels", "resetchannels"), "resetchannels", ACCEPTED,
            "Channels a new user may use."),
    Setting("enable-protected-configs", _LOCAL, "no", WORKS,
            "Who may change protected parameters: no, yes (all), local.", live=False),
    Setting("enable-debug-command", _LOCAL, "no", WORKS,
            "Who may use DEBUG: no, yes (all), local.", live=False),
    Setting("enable-module-command", _LOCAL, "no", ACCEPTED,
            "Who may use MODULE: no, yes (all), local.", live=False),
)

TLS = (
    Setting("tls-port", PORT, "0", REFUSED, "TCP port to listen on with TLS; 0 for none."),
    Setting("tls-cluster", SWITCH, "no", REFUSED, "Use TLS between the nodes of a cluster."),
    Setting("tls-replication", SWITCH, "no", REFUSED, "Use TLS towards the primary."),
    Setting("tls-auth-clients", Choice("no", "yes", "optional"), "yes", REFUSED,
            "Whether clients must show a certificate."),
    Setting("tls-auth-clients-user", Choice("CN", "URI", "off"), "off", REFUSED,
            "Field of a client's certificate that names its user."),
    Setting("tls-auto-reload-interval", Integer(0, INT32_MAX), "0", REFUSED,
            "Seconds between looks for renewed certificates; 0 for never."),
    Setting("tls-prefer-server-ciphers", SWITCH, "no", REFUSED,
            "Let the server choose the cipher."),
    Setting("tls-session-caching", SWITCH, "yes", REFUSED, "Let clients resume a session."),
    Setting("tls-session-cache-size", COUNT32, "20480", REFUSED, "Sessions that can be resumed."),
    Setting("tls-session-cache-timeout", COUNT32, "300", REFUSED,
            "Seconds a session can be resumed."),
    Setting("tls-cert-file", TEXT, "", REFUSED, "Certificate of the server."),
    Setting("tls-key-file", TEXT, "", REFUSED, "Key of the server's certificate."),
    Setting("tls-key-file-pass", TEXT, "", REFUSED, "Passphrase of the key.", sensitive=True),
    Setting("tls-client-cert-file", TEXT, "", REFUSED, "Certificate for outgoing connections."),
    Setting("tls-client-key-file", TEXT, "", REFUSED, "Key for outgoing connections."),
    Setting("tls-client-key-file-pass", TEXT, "", REFUSED, "Passphrase of that key.",
            sensitive=True),
    Setting("tls-dh-params-file", TEXT, "", REFUSED, "Diffie-Hellman parameters."),
    Setting("tls-ca-cert-file", TEXT, "", REFUSED, "File of trusted certificates."),
    Setting("tls-ca-cert-dir", TEXT, "", REFUSED, "Directory of trusted certificates."),
    Setting("tls-protocols", TEXT, "", REFUSED, "TLS versions to speak."),
    Setting("tls-ciphers", TEXT, "", REFUSED, "Ciphers up to TLS 1.2."),
    Setting("tls-ciphersuites", TEXT, "", REFUSED, "Cipher suites of TLS 1.3."),
)

SETTINGS = (*LISTENING, *CLIENTS, *SECURITY, *TLS)
