"""What several layouts need."""

from collections.abc import Iterable

from signs.core.messages import count, log
from signs.data import clips_table


def most(answers: Iterable[object]) -> bool:
    """Whether more than half of the answers are yes."""
    listed = [bool(answer) for answer in answers]
    return 2 * sum(listed) > len(listed)


def warn_left_out(videos: list[str], why: str) -> None:
    """Says that some videos are no clips here."""
    if videos:
        log.warning(
            f"{count(len(videos), 'video')} left out, {why}, such as "
            f"{clips_table.as_cell(videos[0])}"
        )
