"""Which frames the features on disk were made from."""

from collections.abc import Collection, Iterable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from signs.core import files
from signs.core.parallel import Outcome
from signs.data.changes import Record
from signs.data.clips_table import Dataset
from signs.features import variants

if TYPE_CHECKING:
    import pandas as pd


class MadeFrom:
    """Which frames the features of a data set were made from.

    Features of an earlier version, which wrote nothing down, are trusted where
    the frames are still of that version, too. Where the frames were removed,
    or the features alone were brought from another machine, all are trusted.

    Args:
        dataset: whose.
        name: of the features.
        frames: what the frames were made from; None reads it.
    """

    def __init__(
        self, dataset: Dataset, name: str, frames: Record | None = None
    ):
        self.frames = frames or Record(dataset.record("frame"))
        self.record = Record(dataset.record(f"feature-{name}"))
        # Those of changed copies are made together with them.
        folders = name, variants.copies_folder(name)
        self._folders = [dataset.feature(folder) for folder in folders]
        self._is_new = not self.record.path.exists()

    def is_current(self, clip: str) -> bool:
        """Whether the features of a clip, if there, are of its frames."""
        if not len(self.frames):
            return True
        if self._is_new:
            return self.frames.is_adopted(clip)
        now = self.inputs(clip)
        return bool(now["frames"]) and self.record.is_current(clip, now)

    def inputs(self, clip: str) -> dict[str, str]:
        """What the features of a clip are made from now."""
        return {"frames": self.frames.identity(clip)}

    def clear(self, everything: bool) -> None:
        """Removes what stopped runs have left.

        Args:
            everything: whether the features go, too: old ones among new
                ones could not be told apart.
        """
        for folder in self._folders:
            files.remove_leftovers(folder, deep=True, seconds=0)
            if everything:
                files.remove_folder(folder)
        if everything:
            self.record.path.unlink(missing_ok=True)
            self.record = Record(self.record.path)
            self._is_new = True

    @contextmanager
    def begin(
        self, clips: "pd.DataFrame", todo: Collection[str]
    ) -> Iterator[None]:
        """Removes what is outdated, and writes down what is made meanwhile.

        Args:
            clips: the clips table; features of others are removed.
            todo: the clips whose features are to be made.
        """
        listed = set(clips["clip"])
        gone = [clip for clip in self.record if clip not in listed]
        for clip in (*todo, *gone):
            for folder in self._folders:
                (folder / f"{clip}.npy").unlink(missing_ok=True)
        for clip in gone:
            self.record.discard(clip)
        if self._is_new and not len(self.record):
            for clip in sorted(listed.difference(todo)):
                self.record.update(clip, self.inputs(clip))
        self._is_new = False
        self.record.begin(todo)
        try:
            yield
        except BaseException:
            self.record.flush()
            raise
        self.record.close()

    def watch(self, outcomes: Iterable[Outcome]) -> Iterator[Outcome]:
        """Yields the outcomes of work that has made features, noted down."""
        for clip, result, error in outcomes:
            if error is None:
                self.record.update(clip, self.inputs(clip))
            yield clip, result, error
