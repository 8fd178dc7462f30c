from pathlib import Path

import numpy as np
import pytest

from signs.core.backend import keras
from signs.models import classifier
from signs.models.input_transform import INPUTS, transform
from signs.training import flags

SHAPE = (6, 5, 4)  # clips, frames, features


@pytest.fixture
def clips() -> np.ndarray:
    random = np.random.default_rng(0)
    room = random.normal(size=(6, 1, 4)) * 10
    return (room + random.normal(size=SHAPE)).astype("float32")


def build(name: str = "raw", statistics=None, **options):
    options = {"units": 3, "layers": 2, **options}
    return classifier.build_classifier(
        *(5, 4),
        classes=7,
        input_transform=name,
        statistics=statistics,
        **options,
    )


def test_the_recipe_of_the_write_up():
    model = classifier.build_classifier(20, 2048, classes=249)
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


@pytest.mark.parametrize("name", INPUTS)
def test_every_input_survives_saving(name: str, clips, tmp_path: Path):
    model = build(name, classifier.mean_and_variance(name, [clips]))
    model.save(tmp_path / "m.keras")
    again = keras.saving.load_model(tmp_path / "m.keras", safe_mode=True)
    np.testing.assert_allclose(
        again.predict(clips, verbose=0),
        model.predict(clips, verbose=0),
        atol=1e-6,
    )


@pytest.mark.parametrize("name", ["centered", "difference"])
def test_the_room_does_not_matter(name: str, clips):
    """A constant added to a whole clip changes nothing."""
    model = build(name, classifier.mean_and_variance(name, [clips]))
    moved = clips + np.arange(4, dtype="float32") * 100
    before, after = (model.predict(x, verbose=0) for x in (clips, moved))
    np.testing.assert_allclose(after, before, atol=1e-3)
    raw = build("raw")
    assert not np.allclose(
        raw.predict(moved, verbose=0), raw.predict(clips, verbose=0), atol=1e-3
    )


def test_input_transforms(clips):
    centered = clips - clips.mean(axis=1, keepdims=True)
    expected = {
        "raw": clips,
        "standardized": clips,
        "centered": centered,
        "difference": np.diff(clips, axis=1),
        "both": np.concatenate([clips, centered], axis=2),
    }
    assert expected.keys() == INPUTS.keys()
    for name, wanted in expected.items():
        found = keras.ops.convert_to_numpy(
            transform(keras.ops.convert_to_tensor(clips), name)
        )
        np.testing.assert_allclose(found, wanted, atol=1e-5)
    with pytest.raises(ValueError, match="none of raw"):
        transform(clips, "other")


def test_mean_and_variance_do_not_depend_on_the_batches(clips):
    assert classifier.mean_and_variance("raw", [clips]) is None
    found = classifier.mean_and_variance("standardized", [clips])
    assert found is not None
    mean, variance = found
    np.testing.assert_allclose(mean, clips.mean(axis=(0, 1)), rtol=1e-5)
    np.testing.assert_allclose(variance, clips.var(axis=(0, 1)), rtol=1e-4)
    parts = classifier.mean_and_variance("standardized", [clips[:1], clips[1:]])
    assert parts is not None
    np.testing.assert_allclose(parts[0], mean)


def test_a_constant_feature_is_not_blown_up(clips):
    clips[:, :, 0] = 3
    found = classifier.mean_and_variance("standardized", [clips])
    model = build("standardized", found)
    seen = keras.Model(model.input, model.get_layer("standardize").output)
    clips[0, 0, 0] = 3.01
    assert np.abs(seen.predict(clips, verbose=0)).max() < 10


@pytest.mark.parametrize(
    ("freeze", "frozen"), [("none", 0), ("first", 1), ("all", 2)]
)
def test_a_new_head_keeps_the_rest(freeze: str, frozen: int, clips):
    source = build(dense=[6])
    before = {x.name: x.get_weights() for x in source.layers}
    model = classifier.replace_head(source, 3, freeze)
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
        classifier.replace_head(build(), 3, "second")


def test_half_precision_ends_with_its_block(clips):
    model = build(dense=[6])
    exact = model.predict(clips, verbose=0)
    with classifier.precision(model, "mixed_float16"):
        assert model.get_layer("lstm_1").compute_dtype == "float16"
        assert model.get_layer("lstm_2").cell.compute_dtype == "float16"
        assert model.get_layer("softmax").compute_dtype == "float32"
        half = model(clips)
    np.testing.assert_allclose(half, exact, atol=1e-2)
    assert not np.array_equal(half, exact)
    assert {x.dtype_policy.name for x in model.layers} == {"float32"}
    assert {x.dtype for x in model.weights} == {"float32"}


def use(model, clips):
    return keras.ops.convert_to_numpy(model(clips))


@pytest.mark.parametrize("bidirectional", [False, True])
@pytest.mark.parametrize("pool", flags.POOLS)
def test_what_of_the_outputs_goes_on(bidirectional: bool, pool: str, clips):
    model = build(bidirectional=bidirectional, pool=pool)
    found = classifier.lstms(model)
    assert [layer.name for layer in found] == ["lstm_1", "lstm_2"]
    everything = build(bidirectional=bidirectional, pool="mean")
    everything.set_weights(model.get_weights())
    body = keras.Model(
        everything.input, classifier.lstms(everything)[-1].output
    )
    outputs = use(body, clips)
    width = 6 if bidirectional else 3
    assert outputs.shape == (6, 5, width)
    # Backwards, the last output is that of the first frame.
    last = np.concatenate([outputs[:, -1, :3], outputs[:, 0, 3:]], axis=1)
    expected = {"mean": outputs.mean(axis=1), "max": outputs.max(axis=1)}
    head = keras.Model(model.input, model.layers[-1].input)
    np.testing.assert_allclose(
        use(head, clips), expected.get(pool, last), atol=1e-5
    )


def test_only_known_pools():
    with pytest.raises(ValueError, match="none of last, mean, max"):
        build(pool="median")


@pytest.mark.parametrize(
    ("freeze", "frozen"), [("none", 0), ("first", 1), ("all", 2)]
)
def test_a_network_that_reads_both_ways_is_frozen(freeze, frozen):
    source = build(bidirectional=True, pool="mean")
    model = classifier.replace_head(source, 3, freeze)
    found = classifier.lstms(model)
    assert [bool(x.trainable_weights) for x in found] == (
        [False] * frozen + [True] * (2 - frozen)
    )


def test_half_precision_reads_both_ways(clips):
    model = build(bidirectional=True)
    with classifier.precision(model, "mixed_float16"):
        first = model.get_layer("lstm_1")
        assert first.backward_layer.cell.compute_dtype == "float16"
        half = model(clips)
    assert first.backward_layer.cell.compute_dtype == "float32"
    np.testing.assert_allclose(half, use(model, clips), atol=1e-2)


def test_a_projection_drops_features_of_all_frames_alike(clips):
    model = build(projection=2, dropout=0.5)
    dense = model.get_layer("projection")
    assert dense.get_config()["activation"] == "linear"
    assert dense.kernel.shape == (4, 2)
    lstms = classifier.lstms(model)
    assert [x.dropout for x in lstms] == [0, 0.5]
    drop = model.get_layer("drop_features")
    dropped = np.asarray(drop(np.ones((50, 5, 4), "float32"), training=True))
    assert (dropped == dropped[:, :1]).all()
    assert set(np.unique(dropped)) == {0, 2}


@pytest.mark.parametrize(
    ("freeze", "frozen"), [("none", False), ("first", True), ("all", True)]
)
def test_a_projection_is_frozen_with_the_lstm_above_it(freeze, frozen):
    moved = classifier.replace_head(build(projection=2), 3, freeze)
    assert moved.get_layer("projection").trainable is not frozen
    assert moved.get_layer("softmax").trainable
