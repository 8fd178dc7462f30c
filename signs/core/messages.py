"""What the scripts say: messages on stdout, warnings on stderr."""

import io
import logging
import sys

log = logging.getLogger("signs")


def set_up_messages(quiet: bool) -> None:
    """Sends messages to stdout, warnings to stderr."""
    log.handlers.clear()
    log.propagate = False
    log.setLevel(logging.WARNING if quiet else logging.INFO)
    log.addHandler(_Messages())


def messages_to_stderr() -> None:
    """Keeps stdout for what another program reads."""
    log.handlers.clear()
    log.addHandler(_Messages(all_to_stderr=True))


def print_anything() -> None:
    """Lets names be printed that a terminal's encoding does not have.

    Its letters that are missing are written as `\\u4e2d`, and the bytes of
    file names that are no text as `\\udcfc`, instead of an error.
    """
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")


def count(number: int, singular: str, plural: str | None = None) -> str:
    """A number and its noun: `1 clip`, `35,878 clips`."""
    noun = singular if number == 1 else (plural or singular + "s")
    return f"{number:,} {noun}"


class _Messages(logging.Handler):
    """Prints to whatever stdout and stderr are at that moment."""

    def __init__(self, all_to_stderr: bool = False):
        super().__init__()
        self._all_to_stderr = all_to_stderr

    def emit(self, record: logging.LogRecord) -> None:
        if record.levelno >= logging.WARNING:
            text = f"{record.levelname.lower()}: {record.getMessage()}"
            print(text, file=sys.stderr, flush=True)
        else:
            stream = sys.stderr if self._all_to_stderr else sys.stdout
            print(record.getMessage(), file=stream, flush=True)
