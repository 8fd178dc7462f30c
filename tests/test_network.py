from pathlib import Path

import numpy as np
import pytest

from signs import network
from signs.backend import keras
from signs.inputs import INPUTS, look

SHAPE = (6, 5, 4)  # clips, frames, features


@pytest.fixture
def clips() -> np.ndarray:
    random = np.random.default_rng(0)
    room = random.normal(size=(6, 1, 4)) * 10
    return (room + random.normal(size=SHAPE)).astype("float32")


def build(view: str = "raw", moments=None, **options):
    options = {"units": 3, "layers": 2, **options}
    return network.build_classifier(
        5, 4, 7, view=view, moments=moments, **options
    )


def test_the_recipe_of_the_write_up():
    model = network.build_classifier(20, 2048, 249)
    lstms = [x for x in model.layers if isinstance(x, keras.layers.LSTM)]
    assert [(x.units, x.dropout, x.return_sequences) for x in lstms] == [
        (1024, 0.5, True),
        (1024, 0.5, False),
    ]
    assert all(x.recurrent_dropout == 0 for x in lstms)
    assert model.input_shape == (None, 20, 2048)
    assert model.layers[-1].get_config()["activation"] == "softmax"
    gates = 4 * 1024
    expected = (
        gates * (2048 + 1024 + 1) + gates * (1024 + 1024 + 1) + 1025 * 249
    )
    assert model.count_params() == expected


def test_one_lstm_and_hidden_dense_layers(clips):
    model = build(layers=1, dense=[6, 2], dropout=0.25)
    kinds = [type(layer).__name__ for layer in model.layers]
    assert kinds == [
        *("InputLayer", "LSTM", "Dense", "Dropout", "Dense", "Dropout"),
        "Dense",
    ]
    probabilities = model.predict(clips, verbose=0)
    np.testing.assert_allclose(probabilities.sum(axis=1), 1, atol=1e-6)


@pytest.mark.parametrize("view", INPUTS)
def test_every_input_survives_saving(view: str, clips, tmp_path: Path):
    model = build(view, network.view_moments(view, [clips]))
    model.save(tmp_path / "m.keras")
    again = keras.saving.load_model(tmp_path / "m.keras", safe_mode=True)
    np.testing.assert_allclose(
        again.predict(clips, verbose=0),
        model.predict(clips, verbose=0),
        atol=1e-6,
    )


@pytest.mark.parametrize("view", ["centered", "difference"])
def test_the_room_does_not_matter(view: str, clips):
    """A constant added to a whole clip changes nothing."""
    model = build(view, network.view_moments(view, [clips]))
    moved = clips + np.arange(4, dtype="float32") * 100
    before, after = (model.predict(x, verbose=0) for x in (clips, moved))
    np.testing.assert_allclose(after, before, atol=1e-3)
    raw = build("raw")
    assert not np.allclose(
        raw.predict(moved, verbose=0), raw.predict(clips, verbose=0), atol=1e-3
    )


def test_views(clips):
    centered = clips - clips.mean(axis=1, keepdims=True)
    expected = {
        "raw": clips,
        "standardized": clips,
        "centered": centered,
        "difference": np.diff(clips, axis=1),
        "both": np.concatenate([clips, centered], axis=2),
    }
    assert expected.keys() == INPUTS.keys()
    for view, wanted in expected.items():
        found = keras.ops.convert_to_numpy(
            look(keras.ops.convert_to_tensor(clips), view)
        )
        np.testing.assert_allclose(found, wanted, atol=1e-5)
    with pytest.raises(ValueError, match="none of raw"):
        look(clips, "other")


def test_moments_do_not_depend_on_the_batches(clips):
    assert network.view_moments("raw", [clips]) is None
    moments = network.view_moments("standardized", [clips])
    assert moments is not None
    mean, variance = moments
    np.testing.assert_allclose(mean, clips.mean(axis=(0, 1)), rtol=1e-5)
    np.testing.assert_allclose(variance, clips.var(axis=(0, 1)), rtol=1e-4)
    parts = network.view_moments("standardized", [clips[:1], clips[1:]])
    assert parts is not None
    np.testing.assert_allclose(parts[0], mean)


def test_a_constant_feature_is_not_blown_up(clips):
    clips[:, :, 0] = 3
    moments = network.view_moments("standardized", [clips])
    model = build("standardized", moments)
    look_in = keras.Model(model.input, model.get_layer("standardize").output)
    clips[0, 0, 0] = 3.01
    assert np.abs(look_in.predict(clips, verbose=0)).max() < 10


@pytest.mark.parametrize(
    ("freeze", "frozen"), [("none", 0), ("first", 1), ("all", 2)]
)
def test_a_new_head_keeps_the_rest(freeze: str, frozen: int, clips):
    source = build(dense=[6])
    before = {x.name: x.get_weights() for x in source.layers}
    model = network.replace_head(source, 3, freeze)
    assert model.output_shape == (None, 3)
    lstms = [x for x in model.layers if isinstance(x, keras.layers.LSTM)]
    assert [x.trainable for x in lstms] == [False] * frozen + [True] * (
        2 - frozen
    )
    model.compile(
        optimizer=keras.optimizers.Adam(0.01),
        loss="sparse_categorical_crossentropy",
    )
    for layer in model.layers[:-1]:
        for old, new in zip(
            before[layer.name], layer.get_weights(), strict=True
        ):
            np.testing.assert_array_equal(old, new)
    model.fit(clips, np.arange(6) % 3, epochs=2, verbose=0)
    for number, layer in enumerate(lstms):
        same = all(
            np.array_equal(old, new)
            for old, new in zip(
                before[layer.name], layer.get_weights(), strict=True
            )
        )
        assert same == (number < frozen)
    changed = model.get_layer("dense_1").get_weights()[0]
    assert not np.array_equal(changed, before["dense_1"][0])


def test_only_known_ways_to_freeze():
    with pytest.raises(ValueError, match="second"):
        network.replace_head(build(), 3, "second")
