"""What the tests of layouts need: files that are only names."""

from pathlib import Path

import pandas as pd


def touch(root: Path, *paths: str) -> Path:
    """Makes empty files; what is in them does not matter for a layout."""
    for path in paths:
        (root / path).parent.mkdir(parents=True, exist_ok=True)
        (root / path).touch()
    return root


def rows(clips: pd.DataFrame, *columns: str) -> list[tuple[str, ...]]:
    return list(clips[list(columns)].itertuples(index=False, name=None))
