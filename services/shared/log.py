"""JSON lines on stderr, one an event, under stable `event` names. Never a name, a number or a value of a patient.

Libraries' own log lines (Faust, uvicorn, psycopg) go the same way, with `logger` naming them.
"""

from __future__ import annotations

import logging
import sys
from typing import Any

import structlog
from structlog.stdlib import BoundLogger, ProcessorFormatter
from structlog.typing import Processor


def get_logger() -> BoundLogger:
    """A logger; the first argument of its methods is the event's name: `logger.info("partition.assigned", count=3)`."""
    logger: BoundLogger = structlog.get_logger()
    return logger


logger = get_logger()


def _shared() -> list[Processor]:
    return [
        structlog.contextvars.merge_contextvars,
        structlog.stdlib.add_log_level,
        structlog.stdlib.add_logger_name,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
        structlog.processors.format_exc_info,
    ]


def handler(process: str, *, json: bool = True) -> logging.Handler:
    """The one handler of a process; for libraries that insist on configuring logging themselves."""
    renderer: Any = structlog.processors.JSONRenderer() if json else structlog.dev.ConsoleRenderer(colors=False)
    made = logging.StreamHandler(sys.stderr)

    def add_process(_logger: Any, _method: str, event: Any) -> Any:
        event["process"] = process
        return event

    made.setFormatter(
        ProcessorFormatter(
            foreign_pre_chain=_shared(),
            processors=[ProcessorFormatter.remove_processors_meta, add_process, renderer],
        )
    )
    return made


def configure(process: str, *, json: bool = True, level: int = logging.INFO) -> None:
    """Set logging up for this process, once at its start. `process` stands in every line."""
    structlog.configure(
        processors=[structlog.stdlib.filter_by_level, *_shared(), ProcessorFormatter.wrap_for_formatter],
        logger_factory=structlog.stdlib.LoggerFactory(),
        wrapper_class=BoundLogger,
        cache_logger_on_first_use=False,  # module-level loggers exist before configure() is called
    )
    root = logging.getLogger()
    root.handlers[:] = [handler(process, json=json)]
    root.setLevel(level)
    for noisy in ("kafka", "aiokafka", "httpx", "httpcore", "uvicorn.access", "yoyo", "mail.log"):
        logging.getLogger(noisy).setLevel(logging.WARNING)
