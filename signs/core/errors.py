"""What goes wrong, said to people."""

from signs.core import files


class UserError(Exception):
    """Something the user can mend.

    The message says what is wrong, with which path, and the command that
    mends it; `run` prints it as one line, without a traceback.
    """


def explain(error: OSError, command: str = "the same command again") -> str:
    """What the system refused, where, and what to do about it.

    Args:
        command: what goes on with the work.
    """
    place = f": {error.filename}" if error.filename else ""
    text = f"{error.strerror or error}{place}"
    if files.is_full(error):
        text += f"; make room, and run {command}: what is finished is kept"
    return text
