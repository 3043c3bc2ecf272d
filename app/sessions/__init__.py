"""What lasts: the log of each session, a bounded cache of played machines, and who is watching."""

from app.sessions import keys
from app.sessions.broadcast import Event
from app.sessions.errors import (
    DamagedLog,
    LimitReached,
    NoMove,
    NotYours,
    SessionError,
    StorageFailed,
    UnknownBranch,
    UnknownSession,
    UnknownShortLink,
)
from app.sessions.news import Said
from app.sessions.session import Session
from app.sessions.sessions import Created, Sessions
from app.sessions.tree import Branch

__all__ = [
    "Branch",
    "Created",
    "DamagedLog",
    "Event",
    "LimitReached",
    "NoMove",
    "NotYours",
    "Said",
    "Session",
    "SessionError",
    "Sessions",
    "StorageFailed",
    "UnknownBranch",
    "UnknownSession",
    "UnknownShortLink",
    "keys",
]
