"""The toy application, as for the transports."""

from tests.transport.conftest import web

__all__ = ["web"]
