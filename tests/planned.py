"""What sample.py plans to render."""

from pathlib import Path

from signs.data.clips_table import Dataset
from signs.synthetic.puppets import plan
from signs.synthetic.puppets.plan import Settings

DEFAULT = Settings(gestures=8, performers=8, clips=150, words=5, seed=0)


def both(size: Settings) -> tuple[plan.Plan, plan.Plan]:
    """The plans of the two data sets."""
    return (
        plan.plan_gestures(Dataset(Path("data/a")), size, "XVID"),
        plan.plan_words(Dataset(Path("data/b")), size),
    )
