"""What the scripts say: messages on stdout, warnings on stderr."""

import logging
import sys

log = logging.getLogger("signs")


def set_up_messages(quiet: bool) -> None:
    """Sends messages to stdout, warnings to stderr."""
    log.handlers.clear()
    log.propagate = False
    log.setLevel(logging.WARNING if quiet else logging.INFO)
    log.addHandler(_Messages())


def count(number: int, singular: str, plural: str | None = None) -> str:
    """A number and its noun: `1 clip`, `35,878 clips`."""
    noun = singular if number == 1 else (plural or singular + "s")
    return f"{number:,} {noun}"


class _Messages(logging.Handler):
    """Prints to whatever stdout and stderr are at that moment."""

    def emit(self, record: logging.LogRecord) -> None:
        if record.levelno >= logging.WARNING:
            text = f"{record.levelname.lower()}: {record.getMessage()}"
            print(text, file=sys.stderr, flush=True)
        else:
            print(record.getMessage(), flush=True)
