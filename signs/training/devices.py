"""Training on several devices: each computes a part of every batch.

Keras does it, on JAX: the weights are on every device, the clips of a batch
are shared among them, and the gradients are summed. The global batch is the
same as on one device, and so is what is learned, to rounding. See
https://keras.io/api/distribution/
"""

from collections.abc import Iterator
from typing import Any

from signs.core.backend import keras
from signs.core.errors import UserError
from signs.core.messages import log


def use(asked: str | None, batch: int) -> None:
    """Lets all models built from now on compute on several devices.

    Args:
        asked: a number, or `all`; None leaves everything as it is.
        batch: how many clips they share at a time.

    Raises:
        UserError: if the backend cannot, there are not so many, or they
            cannot share a batch evenly.
    """
    if asked is None:
        return
    backend = keras.backend.backend()
    if backend != "jax":
        raise UserError(
            f"--devices is for JAX, and Keras runs on {backend} here; install "
            "jax with: python -m pip install -r requirements-cluster.txt; "
            "and set the environment variable KERAS_BACKEND=jax"
        )
    there = keras.distribution.list_devices()
    number = len(there) if asked == "all" else int(asked)
    if number > len(there):
        raise UserError(
            f"--devices {number}, but JAX sees only {len(there)} here "
            f"({', '.join(there)}); use --devices all"
        )
    if batch % number:
        less = batch - batch % number
        either = f"{less} or {less + number}" if less else f"{number}"
        raise UserError(
            f"--batch {batch} cannot be shared evenly by {number} devices; use "
            f"--batch {either}, or other --devices"
        )
    log.info(f"training on {', '.join(there[:number])}")
    if number > 1:
        _ask_for_each_batch()
        keras.distribution.set_distribution(
            SharedBatches(devices=there[:number])
        )


class SharedBatches(keras.distribution.DataParallel):
    """Shares batches out; one that cannot be shared evenly goes to all.

    That is mostly the last one of an epoch. Every device then computes the
    whole of it, which is exact, and takes no longer than on one device.
    """

    def get_data_layout(self, data_shape: tuple[int, ...]) -> Any:
        if data_shape[0] % self.num_model_replicas == 0:
            return super().get_data_layout(data_shape)
        whole = [None] * len(data_shape)
        return keras.distribution.TensorLayout(whole, self.device_mesh)


def _ask_for_each_batch() -> None:
    """Has Keras ask for the layout of each batch, not of the first alone.

    Keras 3.15 takes the layout of an epoch's first batch for all of them
    (since https://github.com/keras-team/keras/pull/20018), and fails at a
    smaller last one that cannot be shared evenly. Nothing public changes
    that: https://github.com/keras-team/keras/issues/21167
    """
    from keras.src.backend.jax import trainer

    def batches(iterator: Any, distribution: Any) -> Iterator[Any]:
        for batch in iterator.data_adapter.get_jax_iterator():
            yield trainer._distribute_data(batch)

    trainer.JAXEpochIterator._get_distributed_iterator = batches
