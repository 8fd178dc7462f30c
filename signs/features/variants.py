"""Which CNNs there are, how they are used, and what that is called.

To add a network of `keras.applications`, add a line to `CNNS`.
"""

import re
from contextlib import suppress
from dataclasses import dataclass
from typing import NamedTuple

from signs.core.errors import UserError


@dataclass(frozen=True)
class Application:
    """A network of `keras.applications`.

    Attributes:
        builder: its function there.
        module: its module there, which has its `preprocess_input`.
        size: height and width of the pictures it was trained on, in pixels.
        weights: the file of ImageNet's weights without the top, by the
            network's width (`alpha`).
    """

    builder: str
    module: str
    size: int
    weights: dict[float, str]

    @property
    def has_width(self) -> bool:
        """Whether it comes in several widths."""
        return len(self.weights) > 1


CNNS = {
    # arXiv 1512.00567: 2048 features
    "inceptionv3": Application(
        "InceptionV3",
        "inception_v3",
        299,
        {1: "inception_v3_weights_tf_dim_ordering_tf_kernels_notop.h5"},
    ),
    # arXiv 1704.04861: 1024 features times its width
    "mobilenet": Application(
        "MobileNet",
        "mobilenet",
        224,
        {
            1: "mobilenet_1_0_224_tf_no_top.h5",
            0.75: "mobilenet_7_5_224_tf_no_top.h5",
            0.5: "mobilenet_5_0_224_tf_no_top.h5",
            0.25: "mobilenet_2_5_224_tf_no_top.h5",
        },
    ),
    # arXiv 2104.00298: 1280 features
    "efficientnetv2s": Application(
        "EfficientNetV2S",
        "efficientnet_v2",
        384,
        {1: "efficientnetv2-s_notop.h5"},
    ),
}


class Variant(NamedTuple):
    """How a CNN is used.

    Attributes:
        kind: a key of `CNNS`.
        width: MobileNet's share of its full width.
        hands: whether it looks at the signing hand alone.
        motion: whether it is shown `pictures.motion_images`.
        grid: into how many rows and columns its last maps are divided; the
            mean of each cell is kept, and with it where something is. One
            cell is the usual average pooling.
    """

    kind: str
    width: float = 1.0
    hands: bool = False
    motion: bool = False
    grid: int = 1


_NAME = re.compile(
    r"([a-z0-9]+)(?:-([0-9.]+))?(-hands)?(-motion)?(?:-grid([0-9]+))?"
)


def full_name(
    kind: str,
    width: float = 1.0,
    hands: bool = False,
    motion: bool = False,
    grid: int = 1,
) -> str:
    """What a CNN is called in folders and records.

    For example `mobilenet-0.25-motion-grid2`.

    Args:
        kind, width, hands, motion, grid: see `Variant`.

    Raises:
        UserError: if there is no such network, or not in this width.
    """
    if kind not in CNNS:
        raise UserError(f"--cnn {kind!r} is none of {', '.join(CNNS)}")
    if width != 1 and not CNNS[kind].has_width:
        raise UserError(f"--alpha is for mobilenet; {kind} has one width")
    return (
        kind
        + f"-{width:g}" * (width != 1)
        + "-hands" * hands
        + "-motion" * motion
        + f"-grid{grid}" * (grid > 1)
    )


def split_name(name: str) -> Variant:
    """The opposite of `full_name`.

    Raises:
        UserError: if it is no such name.
    """
    if parts := _NAME.fullmatch(name):
        kind, width, hands, motion, grid = parts.groups()
        with suppress(ValueError):  # 1.2.3 is no width
            found = Variant(
                kind,
                float(width or 1),
                bool(hands),
                bool(motion),
                int(grid or 1),
            )
            if kind in CNNS and full_name(*found) == name:
                return found
    raise UserError(f"--cnn {name!r} is none of {', '.join(CNNS)}")


def shows_hands(name: str) -> bool:
    """Whether features of that name are of the signing hand alone."""
    found = _NAME.fullmatch(name)
    return bool(found and found[3])


def flags(name: str) -> str:
    """The flags of feature.py that stand for a name."""
    kind, width, hands, motion, grid = split_name(name)
    return (
        f"--cnn {kind}"
        + f" --alpha {width:g}" * (width != 1)
        + " --crop hands" * hands
        + " --motion" * motion
        + f" --grid {grid}" * (grid > 1)
    )


def copies_folder(name: str) -> str:
    """What the folder of the features of changed copies is called.

    Args:
        name: of the features of the clips themselves.
    """
    return f"{name}.copies"
