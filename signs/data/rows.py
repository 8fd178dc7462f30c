"""What is to be done to the clips of a table, made when it is asked for."""

from collections.abc import Callable, ItemsView, Iterator, Mapping
from functools import cached_property
from typing import TYPE_CHECKING, Any, TypeVar

if TYPE_CHECKING:
    import pandas as pd

Task = TypeVar("Task")
_BLOCK = 1_000  # rows that are made of the table at once


class Rows(Mapping[str, Task]):
    """A task for each clip, by clip, in the order of the table.

    It takes little more memory than the table, so that there may be millions
    of clips.

    Args:
        clips: the clips table, or some rows of it.
        make: gives the task of a row, whose cells it takes by column.
    """

    def __init__(
        self, clips: "pd.DataFrame", make: Callable[[dict[str, Any]], Task]
    ):
        self._clips = clips.reset_index(drop=True)
        self._make = make

    @property
    def task(self) -> Callable[[dict[str, Any]], Task]:
        """Gives the task of a row."""
        return self._make

    def __len__(self) -> int:
        return len(self._clips)

    def __iter__(self) -> Iterator[str]:
        return iter(self._clips["clip"])

    def __getitem__(self, clip: str) -> Task:
        row: dict[Any, Any] = self._clips.iloc[self._places[clip]].to_dict()
        return self._make(row)

    def items(self) -> ItemsView[str, Task]:
        return _Items(self)

    def in_order(self) -> Iterator[tuple[str, Task]]:
        """Yields clips and tasks, much faster than one by one."""
        for start in range(0, len(self), _BLOCK):
            block = self._clips.iloc[start : start + _BLOCK]
            for row in block.to_dict("records"):
                yield row["clip"], self._make(row)  # type: ignore[arg-type]

    def only(self, condition: Callable[[str, Task], bool]) -> "Rows[Task]":
        """Those whose clip and task fulfil a condition."""
        import pandas as pd

        wanted = [condition(clip, task) for clip, task in self.in_order()]
        return Rows(self._clips[pd.array(wanted, "bool")], self._make)

    @cached_property
    def _places(self) -> dict[str, int]:
        return {clip: place for place, clip in enumerate(self)}


class _Items(ItemsView[str, Task]):
    _mapping: Rows[Task]

    def __iter__(self) -> Iterator[tuple[str, Task]]:
        return self._mapping.in_order()
