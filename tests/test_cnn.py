import importlib.util
from pathlib import Path

import numpy as np
import pytest
from helpers import shared

from signs.core.backend import keras
from signs.core.errors import UserError
from signs.features import backbones, engines
from signs.features.variants import full_name, split_name

SMALL = "mobilenet-0.25"


@pytest.fixture(scope="module")
def small():
    return backbones.load(SMALL, "random", seed=0)


def pictures(count: int, size: int) -> np.ndarray:
    random = np.random.default_rng(0)
    return random.integers(0, 256, (count, size, size, 3), np.uint8)


def test_inceptionv3_is_keras_own_with_its_own_preprocessing(tmp_path: Path):
    """RGB, from -1 to 1, 2048 features: no other order or range passes."""
    keras.utils.set_random_seed(3)
    own = keras.applications.InceptionV3(
        weights=None,
        include_top=False,
        pooling="avg",
        input_shape=(299, 299, 3),
    )
    file = tmp_path / "inception.weights.h5"
    own.save_weights(file)
    red = np.zeros((2, 299, 299, 3), np.uint8)
    red[..., 0] = 255
    prepared = keras.applications.inception_v3.preprocess_input(
        red.astype("float32")
    )
    assert prepared.min() == -1 and prepared.max() == 1
    expected = own.predict_on_batch(prepared)

    network = backbones.load("inceptionv3", str(file))

    assert (network.size, network.length) == (299, 2048)
    assert network.weights == "inception.weights.h5"
    found = engines.KerasEngine(network)(red)
    np.testing.assert_allclose(found, expected, rtol=1e-4, atol=1e-9)
    blue = engines.KerasEngine(network)(red[..., ::-1])
    assert np.abs(blue - expected).max() > 100 * np.abs(found - expected).max()


def test_random_weights_follow_the_seed(small):
    again = backbones.load(SMALL, "random", seed=0)
    other = backbones.load(SMALL, "random", seed=1)
    assert again.weights_hash == small.weights_hash
    assert other.weights_hash != small.weights_hash
    assert small.describe()["seed"] == 0


def test_random_features_are_of_a_usable_size(small):
    features = engines.KerasEngine(small)(pictures(4, small.size))
    assert features.shape == (4, 256)
    assert 0.3 < features.mean() < 3


@pytest.mark.slow  # to build it takes long
def test_a_stronger_network_fits_in():
    network = backbones.load("efficientnetv2s", "random")
    features = engines.KerasEngine(network)(pictures(1, network.size))
    assert features.shape == (1, network.length) == (1, 1280)


def test_half_precision_is_near():
    network = backbones.load(SMALL, "random")
    shown = pictures(3, network.size)
    exact = engines.KerasEngine(network)(shown)
    half = engines.KerasEngine(network, half=True)(shown)
    norms = np.linalg.norm(exact, axis=1) * np.linalg.norm(half, axis=1)
    assert ((exact * half).sum(axis=1) / norms).min() > 0.99
    assert half.dtype == np.float32 and not np.array_equal(half, exact)


@pytest.mark.parametrize(
    "name",
    ["mobilenet-0.25", pytest.param("inceptionv3", marks=pytest.mark.slow)],
)
def test_engines_agree(name: str, tmp_path: Path):
    network = backbones.load(name, "random")
    shown = pictures(3, network.size)
    ours = engines.make("keras", network, tmp_path, threads=2)(shown)
    for engine in ("litert", "openvino"):
        if importlib.util.find_spec(engine) is None and engine == "openvino":
            continue  # there are systems without it
        fast = engines.make(engine, network, tmp_path, threads=2)
        features = fast(shown)
        norms = np.linalg.norm(ours, axis=1) * np.linalg.norm(features, axis=1)
        assert ((ours * features).sum(axis=1) / norms).min() > 0.9999
        assert features.shape == (3, network.length)
        assert features.dtype == np.float32
        # Whatever else is in the batch, to the last bit.
        np.testing.assert_array_equal(fast(shown[1:2]), features[1:2])


def test_openvino_compiles_no_more_once_it_is_warm(small, tmp_path: Path):
    """A stream gives it now two pictures, now a dozen, and cannot wait."""
    pytest.importorskip("openvino")
    compiled: list[int] = []

    class Counting(engines.OpenVinoEngine):
        def _compile(self, count: int) -> object:
            compiled.append(count)
            return super()._compile(count)

    path = engines.convert(small, tmp_path)
    engine = Counting(path, small.size, threads=2)
    shown = pictures(23, small.size)
    whole = engine(shown[:20])
    engine(shown[:2])
    assert sorted(compiled) == [2, 20]
    compiled.clear()
    for count in (1, 2, 3, 7, 19, 20):
        found = engine(shown[:count])
        assert found.shape == (count, small.length)
        np.testing.assert_allclose(found, whole[:count], atol=1e-5)
    assert compiled == []
    # Larger batches are asked for by those who give one after the other.
    for _ in range(2):
        assert engine(shown).shape == (23, small.length)
    assert compiled == [23]


@pytest.mark.slow  # converts twice
def test_eight_bits_are_near(small, tmp_path: Path):
    """And not the same; the features of a picture are its own, to the bit."""
    shown = pictures(4, small.size)
    exact = engines.make("litert", small, tmp_path, threads=2)(shown)
    engine = engines.make("litert-int8", small, tmp_path, threads=2)
    near = engine(shown)
    assert engine.name == "litert-int8"
    norms = np.linalg.norm(exact, axis=1) * np.linalg.norm(near, axis=1)
    assert 0.95 < ((exact * near).sum(axis=1) / norms).min() < 0.99999
    assert near.shape == exact.shape and near.dtype == np.float32
    np.testing.assert_array_equal(engine(shown[1:2]), near[1:2])
    kept = sorted(tmp_path.iterdir())
    assert [x.name.endswith("-int8.tflite") for x in kept] == [True, False]
    assert kept[0].stat().st_size < kept[1].stat().st_size / 2


def test_an_engine_suits_what_a_model_was_trained_on():
    exact, eight = {"cnn": SMALL}, {"engine": "litert-int8"}
    assert engines.suit("auto", exact) == "auto"
    assert engines.suit("keras", exact) == "keras"
    assert engines.suit("auto", eight) == "litert-int8"
    assert engines.suit("litert-int8", eight) == "litert-int8"
    with pytest.raises(UserError, match="use --engine litert-int8"):
        engines.suit("litert", eight)
    with pytest.raises(UserError, match="use --engine auto"):
        engines.suit("litert-int8", exact)
    assert engines.choose("auto") != "litert-int8"


def test_the_converted_network_is_kept(small, tmp_path: Path):
    path = engines.convert(small, tmp_path)
    before = path.stat().st_mtime_ns
    assert engines.convert(small, tmp_path) == path
    assert path.stat().st_mtime_ns == before
    assert small.weights_hash in path.name
    assert [path] == list(tmp_path.iterdir())


def test_real_imagenet_weights():
    file = shared("weights", "mobilenet_2_5_224_tf_no_top.h5")
    network = backbones.load(SMALL, str(file))
    own = keras.applications.MobileNet(
        alpha=0.25,
        weights=str(file),
        include_top=False,
        pooling="avg",
        input_shape=(224, 224, 3),
    )
    shown = pictures(2, 224)
    prepared = keras.applications.mobilenet.preprocess_input(
        shown.astype("float32")
    )
    np.testing.assert_allclose(
        engines.KerasEngine(network)(shown),
        own.predict_on_batch(prepared),
        atol=1e-4,
    )
    assert network.describe()["seed"] is None
    again = backbones.reload(network.describe(), str(file))
    assert again.weights_hash == network.weights_hash


def test_other_weights_than_recorded_are_refused(small, tmp_path: Path):
    file = tmp_path / "other.weights.h5"
    keras.applications.MobileNet(
        alpha=0.25,
        weights=None,
        include_top=False,
        pooling="avg",
        input_shape=(224, 224, 3),
    ).save_weights(file)
    description = backbones.load(SMALL, str(file)).describe()
    with pytest.raises(UserError, match="--weights PATH/other.weights.h5"):
        backbones.reload(description)
    description["weights_hash"] = small.weights_hash
    with pytest.raises(UserError, match="are others"):
        backbones.reload(description, str(file))


def test_a_file_with_other_weights_is_refused(small, tmp_path: Path):
    with pytest.raises(UserError, match="is no file"):
        backbones.load(SMALL, str(tmp_path / "missing.h5"))
    text = tmp_path / "text.h5"
    text.write_text("no weights")
    with pytest.raises(UserError, match="does not hold the weights of mobi"):
        backbones.load(SMALL, str(text))


@pytest.mark.parametrize(
    "variant",
    [
        ("mobilenet", 0.25, False, False, 1),
        ("mobilenet", 1.0, True, True, 1),
        ("inceptionv3", 1.0, False, False, 3),
        ("mobilenet", 0.5, False, True, 2),
    ],
)
def test_names(variant):
    assert split_name(full_name(*variant)) == variant


def test_names_of_folders():
    assert full_name("mobilenet", 0.25) == "mobilenet-0.25"
    assert full_name("inceptionv3") == "inceptionv3"
    full = full_name("mobilenet", 0.25, motion=True, grid=2)
    assert full == "mobilenet-0.25-motion-grid2"


@pytest.mark.parametrize(
    "wrong",
    [
        *("resnet", "inceptionv3-0.5", "mobilenet-x", "mobilenet-", ""),
        *("mobilenet-grid1", "mobilenet-grid2-motion", "mobilenet-1"),
    ],
)
def test_wrong_names(wrong: str):
    with pytest.raises(UserError, match="--"):
        split_name(wrong)


def test_cells_are_means_of_parts_of_the_last_maps():
    """7 x 7 into 2 x 2: 4 x 4 each, which share the middle."""
    network = backbones.load(f"{SMALL}-grid2", "random")
    maps = keras.applications.MobileNet(
        (224, 224, 3), alpha=0.25, include_top=False, weights=None
    )
    maps.set_weights(network.model.get_weights())
    seen = pictures(2, 224)
    found = engines.KerasEngine(network)(seen).reshape(2, 2, 2, 256)
    whole = maps.predict_on_batch(seen / np.float32(127.5) - 1)
    parts = [
        [whole[:, y : y + 4, x : x + 4].mean((1, 2)) for x in (0, 3)]
        for y in (0, 3)
    ]
    expected = np.moveaxis(np.array(parts), 2, 0)
    expected *= found.mean() / expected.mean()  # random weights are scaled
    np.testing.assert_allclose(found, expected, rtol=1e-3, atol=1e-4)


@pytest.mark.parametrize("engine", ["litert", "openvino"])
def test_a_damaged_network_is_named(tmp_path: Path, engine: str):
    pytest.importorskip(engines.PACKAGES[engine].replace("-", "_"))
    path = tmp_path / "cnn.tflite"
    path.write_bytes(b"cut off")
    with pytest.raises(UserError, match=r"cnn\.tflite is damaged; remove it"):
        engines.open_converted(engine, path, 32, 1)(pictures(1, 32))
