"""Keras, imported without the chatter of what lies below it.

TensorFlow's libraries write to the process's stderr before any setting of
theirs is read. What they say is shown only if something fails.
"""

import os
import shutil
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def quiet_libraries() -> Iterator[None]:
    """Holds back what native code writes to stderr, unless it fails."""
    sys.stderr.flush()
    try:
        saved = os.dup(2)
    except OSError:  # no stderr at all, as in a windowed program
        yield
        return
    with tempfile.TemporaryFile() as held:
        os.dup2(held.fileno(), 2)
        try:
            yield
        except BaseException:
            os.dup2(saved, 2)
            held.seek(0)
            with os.fdopen(os.dup(2), "wb") as stderr:
                shutil.copyfileobj(held, stderr)
            raise
        finally:
            sys.stderr.flush()
            os.dup2(saved, 2)
            os.close(saved)


with quiet_libraries():
    import keras


def has_gpu() -> bool:
    """Whether Keras's backend sees a GPU."""
    backend = keras.backend.backend()
    if backend == "torch":
        import torch

        return torch.cuda.is_available()
    if backend == "jax":
        import jax

        # Asked for its GPUs, it fails where there are none.
        return jax.default_backend() == "gpu"
    return bool(keras.distribution.list_devices("gpu"))


__all__ = ["has_gpu", "keras", "quiet_libraries"]
