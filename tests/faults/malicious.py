"""Files of features that hold something else, some of it code."""

import pickle
from io import BytesIO
from pathlib import Path

import numpy as np


class Attack:
    """Runs code where it is unpickled."""

    def __init__(self, marker: Path):
        self.marker = marker

    def __reduce__(self):
        return (Path.touch, (self.marker,))


def bad_features(marker: Path) -> dict[str, tuple[bytes, str]]:
    """Files of the right size that hold something else."""

    def saved(array: np.ndarray) -> bytes:
        file = BytesIO()
        np.save(file, array, allow_pickle=True)
        return file.getvalue()

    zipped = BytesIO()
    np.savez(zipped, a=np.zeros((4, 8), "float32"))
    shape = (4, 8)
    return {
        "nan": (saved(np.full(shape, np.nan, "float32")), "not finite"),
        "inf": (saved(np.full(shape, -np.inf, "float32")), "not finite"),
        "turned": (saved(np.zeros((8, 4), "float32")), "of shape (8, 4)"),
        "flat": (saved(np.zeros(32, "float32")), "of shape (32,)"),
        "numbers": (saved(np.zeros(shape, "int32")), "are damaged"),
        "text": (saved(np.full(shape, "a")), "are damaged"),
        "pickled": (saved(np.array([Attack(marker)])), "are damaged"),
        "pickle": (pickle.dumps(Attack(marker)), "are damaged"),
        "zip": (zipped.getvalue(), "are damaged"),
        "zeros": (b"", "are damaged"),
        "huge": (
            saved(np.zeros(shape, "float32")).replace(b"(4, 8)", b"(9**9,)"),
            "are damaged",
        ),
    }
