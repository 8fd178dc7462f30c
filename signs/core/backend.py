"""Keras, imported without the chatter of what lies below it.

TensorFlow's libraries write to the process's stderr before any setting of
theirs is read. What they say is shown only if something fails.

Keras is imported when `keras` is first asked for, which takes seconds; the
rest of this module asks for it only where that cannot be helped.
"""

import os
import shutil
import subprocess
import sys
from functools import cache
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING, Any

from signs.core.arguments import available_cores
from signs.core.errors import UserError
from signs.core.messages import count, log
from signs.core.quiet import quiet_libraries

PACKAGES = {"tensorflow": "tensorflow", "jax": "jax", "torch": "torch"}
# Without one of these, Linux has no GPU that a backend could use: NVIDIA's,
# those of its small boards, AMD's, and either below Windows (WSL2).
_DEVICES = ("nvidiactl", "nvhost-ctrl-gpu", "kfd", "dxg")

if TYPE_CHECKING:
    import keras


def __getattr__(name: str) -> Any:
    """Imports Keras the first time."""
    if name != "keras":
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return globals().setdefault("keras", _import_keras())


def backend_name() -> str:
    """The backend that Keras is to use; Keras itself is not asked."""
    return os.environ.get("KERAS_BACKEND", "tensorflow")


def _import_keras() -> ModuleType:
    """Keras on the backend of KERAS_BACKEND, set as this project needs it."""
    name = backend_name()
    mend = "or unset KERAS_BACKEND for TensorFlow"
    if name not in PACKAGES:
        raise UserError(
            f"KERAS_BACKEND={name}: it can be {', '.join(PACKAGES)}; set one, "
            f"{mend}"
        )
    if find_spec(PACKAGES[name]) is None:
        what = "-r requirements.txt" if name == "tensorflow" else PACKAGES[name]
        raise UserError(
            f"KERAS_BACKEND={name}, but {PACKAGES[name]} is not installed: "
            f"python -m pip install {what}, {mend}"
        )
    with quiet_libraries():
        keras = import_module("keras")
    # A keras.json of another project must not change what is computed here.
    keras.config.set_image_data_format("channels_last")
    keras.config.set_floatx("float32")
    keras.config.set_dtype_policy("float32")
    return keras


def has_gpu() -> bool:
    """Whether Keras's backend sees a GPU.

    It is only asked, which takes seconds, where the machine may have one.
    """
    if sys.platform == "linux" and not any(
        Path("/dev", name).exists() for name in _DEVICES
    ):
        return False
    backend = backend_name()
    if backend == "torch":
        import torch

        return bool(torch.cuda.is_available())
    if backend == "jax":
        import jax

        # Asked for its GPUs, it fails where there are none.
        return bool(jax.default_backend() == "gpu")
    from signs.core.backend import keras

    return bool(keras.distribution.list_devices("gpu"))


def device_name() -> str:
    """What Keras computes on, in words: `NVIDIA H100 (GPU)`, `2 CPU cores`."""
    if not has_gpu():
        return count(available_cores(), "CPU core")
    backend = backend_name()
    if backend == "torch":
        import torch

        name = torch.cuda.get_device_name(0)
    elif backend == "jax":
        import jax

        name = jax.devices()[0].device_kind
    else:
        import tensorflow as tf

        gpu = tf.config.list_physical_devices("GPU")[0]
        details = tf.config.experimental.get_device_details(gpu)
        name = details.get("device_name", "unknown")
    return f"{name} (GPU)"


@cache
def say_device(engine: str = "keras") -> None:
    """Says once what is computed on, and if a GPU is there but not used.

    Args:
        engine: what computes; anything but Keras does so on the CPU.
    """
    if engine == "keras":
        log.info(f"computing on {device_name()}, by {backend_name()}")
    else:
        log.info(
            f"computing on {count(available_cores(), 'CPU core')}, by {engine}"
        )
    idle = None if has_gpu() else _nvidia_gpu()
    if idle:
        remedy = {
            "tensorflow": 'python -m pip install "tensorflow[and-cuda]" '
            "(Linux, or WSL2 on Windows)",
            "jax": 'python -m pip install "jax[cuda]"',
            "torch": "install torch with CUDA, see pytorch.org",
        }[backend_name()]
        log.warning(
            f"{idle} is not used: {backend_name()} cannot see it; {remedy}"
        )


def _nvidia_gpu() -> str | None:
    """The name of a GPU that the driver reports, whoever can use it."""
    program = shutil.which("nvidia-smi")
    if program is None or os.environ.get("CUDA_VISIBLE_DEVICES") in ("", "-1"):
        return None
    try:
        answer = subprocess.run(
            [program, "--query-gpu=name", "--format=csv,noheader"],
            capture_output=True,
            text=True,
            timeout=10,
        )
    except (OSError, subprocess.TimeoutExpired):
        return None  # no driver that answers
    found = answer.stdout.strip().splitlines()
    return found[0] if answer.returncode == 0 and found else None


__all__ = [
    "backend_name",
    "device_name",
    "has_gpu",
    "keras",
    "quiet_libraries",
    "say_device",
]
