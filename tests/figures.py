"""Logs to be drawn by plot_logs.py, and its figures read back."""

from pathlib import Path

import cv2
import numpy as np


def write(path: Path, epochs=30, best=0.74, low=0.806, noise=0.02) -> Path:
    """Writes a log of a training that overfits."""
    random = np.random.default_rng(epochs)
    rise = 1 - np.exp(-np.arange(epochs) / epochs * 5)
    val_accuracy = best * rise - random.uniform(0, noise, epochs)
    val_loss = low + 2 * (1 - rise) + random.uniform(0.001, noise, epochs)
    val_accuracy[epochs // 2], val_loss[epochs // 3] = best, low
    rows = zip(rise, 3 - 2.9 * rise, val_accuracy, val_loss, strict=True)
    lines = [f"{i},{','.join(map(str, row))}" for i, row in enumerate(rows)]
    header = "epoch,accuracy,loss,val_accuracy,val_loss"
    path.write_text("\n".join([header, *lines]) + "\n")
    return path


def picture(path: Path) -> np.ndarray:
    """Reads a figure back; it must be of a readable size, and not blank."""
    image = cv2.imread(str(path))
    assert image is not None, path
    assert image.shape[0] >= 600 and image.shape[1] == 1500
    assert image.std() > 10
    return image


def shows(path: Path, colours: list[str]) -> list[bool]:
    """Whether a figure has curves of these colours (`#RRGGBB`)."""
    image = picture(path)
    bgr = [tuple(bytes.fromhex(colour[1:]))[::-1] for colour in colours]
    return [bool((image == one).all(axis=2).sum() > 300) for one in bgr]
