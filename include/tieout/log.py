"""Structured logs: one event per fact, stable names, fields not sentences, never a secret."""

import re
import sys
from collections.abc import MutableMapping
from typing import Any, TextIO

import structlog

_SENSITIVE_NAME = re.compile(r"key|secret|password|token$|sig$|salt|authorization", re.IGNORECASE)
_SECRET_SHAPE = re.compile(
    r"sk-[A-Za-z0-9_-]{8,}|AKIA[A-Z0-9]{12,}|eyJ[\w-]{10,}\.[\w-]+\.[\w-]+|://[^/\s:@]+:[^/\s@]+@"
)
_NOT_SENSITIVE = {"input_key", "idempotency_key", "content_key"}


def configure(stream: TextIO | None = None) -> None:
    """JSON lines on standard error, or on another stream; call once per process."""
    structlog.configure(
        processors=[
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso", utc=True),
            structlog.processors.format_exc_info,
            scrub,
            structlog.processors.JSONRenderer(),
        ],
        logger_factory=structlog.WriteLoggerFactory(file=stream or sys.stderr),
        cache_logger_on_first_use=True,
    )


def get(name: str) -> Any:
    """A logger that carries the step's name in every event."""
    return structlog.get_logger().bind(step=name)


def scrub(_logger: Any, _method: str, event: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
    """Hide values of sensitive names, and whatever has the shape of a key, a token or a login."""
    for name, value in event.items():
        if _SENSITIVE_NAME.search(name) and name not in _NOT_SENSITIVE:
            event[name] = "***"
        elif isinstance(value, str):
            event[name] = _SECRET_SHAPE.sub("***", value)
    return event
