"""What can go wrong around the test servers."""

from __future__ import annotations


class ServerError(Exception):
    """Anything wrong with a test server itself, never with what is being tested."""


class ServerMissingError(ServerError):
    """A server's program is not on this machine; the message says how to get it."""


class BuildError(ServerError):
    """A server could not be built; the message carries the end of the compiler's output."""


class ServerFailedError(ServerError):
    """A server ended or did not become ready; the message carries the end of its log."""
