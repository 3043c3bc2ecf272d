"""What can go wrong with a session. Each message is written for the person who reads it in the page."""


class SessionError(Exception):
    """Base of everything this room refuses; `str()` is a whole sentence."""


class UnknownSession(SessionError, LookupError):
    """No session has this id."""

    def __init__(self, session_id: str) -> None:
        self.session_id = session_id
        super().__init__(f"There is no session '{session_id}'.")


class UnknownShortLink(SessionError, LookupError):
    """No scenario was ever kept under this slug."""

    def __init__(self, slug: str) -> None:
        self.slug = slug
        super().__init__(f"There is no short link '{slug[:80]}'.")


class NotYours(SessionError):
    """The edit key is missing or is another session's."""

    def __init__(self, *, given: bool) -> None:
        self.given = given
        super().__init__(
            "The edit key is not this session's." if given else "Changing this session needs its edit key."
        )


class LimitReached(SessionError):
    """A bound of `app.limits` was met; nothing changed."""

    def __init__(self, limit: str, maximum: int, what: str) -> None:
        self.limit = limit
        self.maximum = maximum
        super().__init__(f"{what}: the limit is {maximum:,}.")


class DamagedLog(SessionError):
    """A stored line cannot be read; the session shows what comes before it and takes no more operations."""

    def __init__(self, seq: int, reason: str) -> None:
        self.seq = seq
        self.reason = reason
        super().__init__(
            f"The stored log cannot be read from operation {seq} on ({reason}); this session is read-only."
        )


class StorageFailed(SessionError):
    """The database refused a write or a read (disk full, read-only, unreachable); nothing changed."""


class NoMove(SessionError):
    """There is nothing to undo, to redo or to drop; nothing changed."""


class UnknownBranch(SessionError, LookupError):
    """The session has no such branch."""

    def __init__(self, branch: int) -> None:
        self.branch = branch
        super().__init__(f"There is no branch {branch}.")
