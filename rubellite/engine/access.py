"""Who may come in: the default user's password.

Users beyond `default` come with ACLs; until then a name other than `default` is
refused the way a server without that user refuses it.
"""

from __future__ import annotations

from rubellite._core import Call
from rubellite.errors import AUTH_WITHOUT_PASSWORD, WRONG_PASSWORD


class Access:
    """The password that `requirepass` asks for; empty: none."""

    def __init__(self) -> None:
        self.password = b""


ACCESS = Access()


def authenticate(call: Call, user: bytes | None, password: bytes) -> None:
    """Lets the client in, or refuses.

    Errors: WRONG_PASSWORD, AUTH_WITHOUT_PASSWORD.
    """
    if user is None and not ACCESS.password:
        raise AUTH_WITHOUT_PASSWORD
    # Imported here: it takes longer than anything else at the start.
    import hmac

    is_right = hmac.compare_digest(password, ACCESS.password) or not ACCESS.password
    if (user is not None and user != b"default") or not is_right:
        raise WRONG_PASSWORD
    call.set_session("user", "default")
    call.set_session("is_authenticated", True)
