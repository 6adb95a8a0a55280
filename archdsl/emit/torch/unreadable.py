"""What reading an emitted file back stops with."""

from __future__ import annotations


class Unreadable(Exception):
    """A file has something that no emitted file has, or that Python would not run. The message says what."""
