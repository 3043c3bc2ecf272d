"""What lasts: the log of each session, a bounded cache of played machines, and who is watching."""

from app.sessions.broadcast import Event
from app.sessions.errors import DamagedLog, LimitReached, NotYours, SessionError, StorageFailed, UnknownSession
from app.sessions.session import Session
from app.sessions.sessions import Created, Sessions

__all__ = [
    "Created",
    "DamagedLog",
    "Event",
    "LimitReached",
    "NotYours",
    "Session",
    "SessionError",
    "Sessions",
    "StorageFailed",
    "UnknownSession",
]
