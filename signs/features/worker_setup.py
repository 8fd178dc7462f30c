"""A CNN for processes on other machines: what they need to load it."""

import platform
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from signs.core import files
from signs.core.backend import has_gpu
from signs.core.errors import UserError
from signs.features import backbones, engines


@dataclass(frozen=True)
class Recipe:
    """All that a process on another machine needs to run a CNN.

    Attributes:
        engine: one of `cnn.ENGINES`, but not `auto`.
        path: the CNN, on a disk that all machines see.
        about: what `Network.describe` says of it.
        on_gpu: whether it is to run on a GPU.
    """

    engine: str
    path: Path
    about: dict[str, Any]
    on_gpu: bool

    @property
    def batch(self) -> int:
        """How many pictures are best given at once."""
        return 128 if self.on_gpu else 20

    def open(self, cores: int) -> engines.Engine:
        """Loads the CNN; it uses so many cores, or the GPU.

        Raises:
            UserError: if Keras does not see the GPU that is there.
        """
        if self.engine != "keras":
            size = self.about["size"]
            return engines.open_converted(self.engine, self.path, size, cores)
        if self.on_gpu and not has_gpu():
            raise UserError(
                f"the machine {platform.node()} has a GPU that Keras does not "
                "see; docs/scaling.md says what to install there"
            )
        from signs.core.backend import keras

        model = keras.saving.load_model(self.path, safe_mode=True)
        network = backbones.Network(
            self.about["cnn"],
            model,
            self.about["size"],
            self.about["weights"],
            self.about["weights_hash"],
            self.about["seed"],
        )
        return engines.KerasEngine(network)


def choose(engine: str, gpus: int) -> tuple[str, bool]:
    """Which engine all machines are to use, and whether on their GPUs.

    Args:
        engine: one of `cnn.ENGINES`; `auto` is Keras where there are GPUs,
            else what is fastest on this machine.
        gpus: how many the machines have.
    """
    if engine in ("auto", "keras") and gpus:
        return "keras", True
    return engines.choose(engine), False


def write(engine: str, on_gpu: bool, network: Any, folder: Path) -> Recipe:
    """Writes a CNN to disk, once, for processes on other machines.

    Args:
        engine, on_gpu: what `choose` gave.
        network: the CNN.
        folder: where it is kept.
    """
    if engine == "keras":
        path = folder / f"{network.name}-{network.weights_hash}.keras"
        if not path.exists():
            with files.atomic(path) as temporary:
                network.model.save(temporary)
    else:
        path = engines.convert(network, folder, backbones.precision(engine))
    return Recipe(engine, path, network.describe(), on_gpu)


def find(
    engine: str,
    on_gpu: bool,
    described: dict[str, Any],
    folder: Path,
    weights: str | None,
) -> Recipe:
    """Like `write`, for the CNN that a record describes.

    Args:
        described: what `Network.describe` gave.
        weights: see `cnn.reload`.
    """
    converted = engines.converted_path(
        described, folder, backbones.precision(engine)
    )
    if engine != "keras" and weights is None and converted.exists():
        return Recipe(engine, converted, described, on_gpu)
    return write(engine, on_gpu, backbones.reload(described, weights), folder)
