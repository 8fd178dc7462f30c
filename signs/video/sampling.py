"""Which of a clip's frames are taken."""


def sample_indices(count: int, frames: int) -> list[int]:
    """Which of `count` frames to take so that `frames` are spread evenly.

    The first and the last one are always taken (of one, the middle), and
    frames are repeated where there are too few. Rounds halves up, in whole
    numbers, so that every machine picks the same frames.

    Args:
        count: frames there are, at least 1.
        frames: frames to take, at least 1.

    Returns:
        `frames` indices from 0 to `count - 1`, none smaller than the one
        before. For example `sample_indices(5, 3)` is `[0, 2, 4]`.

    Raises:
        ValueError: if either number is below 1.
    """
    if count < 1 or frames < 1:
        raise ValueError(f"cannot take {frames} frames of {count}")
    if frames == 1:
        return [(count - 1) // 2]
    gaps = frames - 1
    return [(2 * i * (count - 1) + gaps) // (2 * gaps) for i in range(frames)]
