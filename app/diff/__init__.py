"""What differs between two machines: two states, two steps, two links, two imports."""

from app.diff.diff import diff
from app.diff.told import Diff

__all__ = ["Diff", "diff"]
