from __future__ import annotations

import json
import threading
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from safetensors.torch import load_file, save_file

from almrr_core.data.tiling import cut
from almrr_core.errors import ErrorCode
from almrr_core.files import sha256_of
from almrr_core.judge import frame_score
from almrr_core.models.almrr import Almrr, Form, upsample
from almrr_core.models.bundle import Card, round_to_stored
from almrr_core.models.card import sealed
from almrr_core.models.weights import pack
from almrr_core.runtime.engine import Engine, golden_of, resolve_device
from almrr_core.types import Box, Geometry
from tests.core.bundles import SIDE, fault_of, make_bundle, one_thread, pictures_of, tiny_model

pytestmark = pytest.mark.usefixtures(one_thread.__name__)
TILED = Geometry(input_size=SIDE, tile=150, overlap=40, scale=0.9)


@pytest.fixture(scope="module")
def model() -> Almrr:
    return tiny_model()


@pytest.fixture(scope="module")
def whole(model: Almrr, tmp_path_factory: pytest.TempPathFactory) -> Engine:
    """An engine that resizes whole pictures."""
    folder = tmp_path_factory.mktemp("whole") / "b"
    make_bundle(folder, model)
    return Engine.load(folder, "cpu")


@pytest.fixture(scope="module")
def tiled(model: Almrr, tmp_path_factory: pytest.TempPathFactory) -> Engine:
    """An engine that cuts tiles."""
    folder = tmp_path_factory.mktemp("tiled") / "b"
    make_bundle(folder, model, TILED)
    return Engine.load(folder, "cpu")


def picture(height: int, width: int, channels: int = 3) -> NDArray[np.uint8]:
    shape = (height, width, channels) if channels > 1 else (height, width)
    return np.random.default_rng(height * width).integers(0, 256, shape, dtype=np.uint8)


def fault_code(act: Callable[[], object]) -> ErrorCode:
    return fault_of(act).code


# The self-test.


@pytest.mark.parametrize("form", list(Form))
@pytest.mark.parametrize("gray", [True, False])
def test_a_loaded_bundle_reproduces_its_golden_logits(tmp_path: Path, form: Form, gray: bool) -> None:
    make_bundle(tmp_path / "b", tiny_model(form, seed=4), gray=gray)
    engine = Engine.load(tmp_path / "b")
    assert engine.golden_difference() <= 1e-4


def test_the_weights_of_an_unpacked_bundle_may_be_whole_or_half(tmp_path: Path) -> None:
    model = tiny_model(seed=6)
    torch.save(model.backbone.state_dict(), tmp_path / "resnet18.pth")
    make_bundle(tmp_path / "b", model, packed=False)
    (tmp_path / "half").mkdir()
    save_file(pack(model.backbone), tmp_path / "half" / "resnet18.safetensors")
    differences = [
        Engine.load(tmp_path / "b", "cpu", where).golden_difference()
        for where in (tmp_path / "resnet18.pth", tmp_path / "half")
    ]
    assert differences[0] == differences[1] <= 1e-4


def spoil(folder: Path, by: float) -> None:
    """Move one bias, with hashes and seal that fit: only the logits can tell."""
    tensors = {name: tensor.clone() for name, tensor in load_file(folder / "weights.safetensors").items()}
    tensors["refinement.out.bias"][1] += by
    save_file(tensors, folder / "weights.safetensors")
    value = json.loads((folder / "card.json").read_text())
    value["files"]["weights.safetensors"] = sha256_of(folder / "weights.safetensors")
    value["seal"] = sealed(Card.from_json(value)).seal
    (folder / "card.json").write_text(json.dumps(value))


def test_other_logits_than_the_golden_ones_are_refused_with_the_difference(tmp_path: Path) -> None:
    make_bundle(tmp_path / "b", tiny_model())
    spoil(tmp_path / "b", 0.25)
    fault = fault_of(lambda: Engine.load(tmp_path / "b"))
    assert fault.code is ErrorCode.BUNDLE_DAMAGED
    assert "0.25" in fault.sentence
    engine = Engine.load(tmp_path / "b", verify=False)
    assert engine.golden_difference() == pytest.approx(0.25, abs=1e-3)


def test_a_difference_far_below_the_tolerance_passes(tmp_path: Path) -> None:
    make_bundle(tmp_path / "b", tiny_model())
    spoil(tmp_path / "b", 5e-4)
    assert Engine.load(tmp_path / "b").golden_difference() == pytest.approx(5e-4, abs=1e-4)


def test_golden_logits_are_the_plain_models_and_leave_it_as_it_was(model: Almrr) -> None:
    twin = tiny_model()
    round_to_stored(twin)
    twin.train()
    state = {name: tensor.clone() for name, tensor in twin.state_dict().items()}
    pictures = pictures_of(3, count=9)
    golden = golden_of(twin, pictures)
    assert twin.training
    assert all(torch.equal(state[name], tensor) for name, tensor in twin.state_dict().items())
    assert golden.logits.dtype == np.float32
    twin.eval()
    with torch.no_grad():
        wanted = twin(torch.from_numpy(pictures).permute(0, 3, 1, 2) / 255)[:, 0].numpy()
    assert np.abs(golden.logits - wanted).max() <= 1e-5


# Maps and scores.


def test_maps_are_the_models_logits_at_input_size(whole: Engine, model: Almrr) -> None:
    tiles = pictures_of(5, count=11)  # more than a chunk, and not a multiple
    maps = whole.maps(tiles)
    assert maps.shape == (11, SIDE, SIDE)
    assert maps.dtype == np.float32
    with torch.no_grad():
        logit = model(torch.from_numpy(tiles).permute(0, 3, 1, 2).float() / 255)
        wanted = upsample(logit, SIDE)[:, 0].numpy()
    assert np.abs(maps - wanted).max() <= 1e-3


def test_no_tiles_give_no_maps(whole: Engine) -> None:
    assert whole.maps(np.empty((0, SIDE, SIDE, 3), np.uint8)).shape == (0, SIDE, SIDE)


@pytest.mark.parametrize("size", [(SIDE, SIDE), (33, 301), (1, 1), (5, 400), (260, 131)])
@pytest.mark.parametrize("channels", [1, 3])
@pytest.mark.parametrize("kind", ["whole", "tiled"])
def test_any_picture_gets_a_map_of_its_size_and_a_finite_score(
    request: pytest.FixtureRequest, kind: str, size: tuple[int, int], channels: int
) -> None:
    engine: Engine = request.getfixturevalue(kind)
    inspection = engine.inspect(picture(*size, channels))
    assert inspection.score_map.shape == size
    assert inspection.score_map.dtype == np.float32
    assert np.isfinite(inspection.score_map).all()
    assert np.isfinite(inspection.score)
    assert inspection.milliseconds > 0


def test_the_score_is_the_largest_over_the_tiles(tiled: Engine) -> None:
    frame = picture(300, 420)
    tiles, layout = cut(frame, TILED)
    assert len(layout.origins) > 4
    scores = [frame_score(one) for one in tiled.maps(tiles)]
    assert tiled.inspect(frame).score == max(scores)
    assert max(scores) > min(scores)


def test_a_whole_frames_score_is_that_of_its_map(whole: Engine) -> None:
    frame = picture(SIDE, SIDE)
    inspection = whole.inspect(frame)
    assert inspection.score == frame_score(inspection.score_map)


def test_gray_is_inspected_as_equal_channels(whole: Engine) -> None:
    gray = picture(140, 150, 1)
    one, three = whole.inspect(gray), whole.inspect(np.repeat(gray[..., None], 3, axis=2))
    assert one.score == pytest.approx(three.score, abs=1e-5)


def test_the_map_covers_the_region_of_interest_alone(model: Almrr, tmp_path: Path) -> None:
    geometry = Geometry(input_size=SIDE, roi=Box(10, 20, 90, 70))
    make_bundle(tmp_path / "b", model, geometry)
    engine = Engine.load(tmp_path / "b", "cpu")
    frame = picture(200, 200)
    inside = frame.copy()
    inside[:20] = 0
    assert engine.inspect(frame).score_map.shape == (70, 90)
    assert engine.inspect(inside).score == engine.inspect(frame).score
    assert fault_code(lambda: engine.inspect(picture(30, 30))) is ErrorCode.GEOMETRY_MISMATCH


def test_read_only_and_strided_frames_are_taken(whole: Engine) -> None:
    frame = picture(SIDE, SIDE)
    frozen = frame.copy()
    frozen.flags.writeable = False
    assert whole.inspect(frozen).score == whole.inspect(frame).score
    mirrored = frame[:, ::-1]
    assert whole.inspect(mirrored).score == whole.inspect(mirrored.copy()).score
    tiles = frozen[None]
    assert whole.maps(tiles).shape == (1, SIDE, SIDE)


@pytest.mark.parametrize(
    "wrong",
    [
        np.zeros((64, 64), np.float32),
        np.zeros((64, 64, 3), np.uint16),
        np.zeros((64, 64, 4), np.uint8),
        np.zeros((64,), np.uint8),
        np.zeros((1, 64, 64, 3), np.uint8),
        np.zeros((0, 64), np.uint8),
        np.zeros((64, 0, 3), np.uint8),
    ],
    ids=lambda array: f"{array.shape}-{array.dtype}",
)
def test_what_is_no_picture_is_refused(whole: Engine, wrong: NDArray[np.uint8]) -> None:
    assert fault_code(lambda: whole.inspect(wrong)) is ErrorCode.BAD_ARGUMENT


def test_tiles_of_another_size_or_type_are_refused(whole: Engine) -> None:
    for shape in ((1, SIDE, SIDE), (1, SIDE, SIDE, 1), (1, 64, 64, 3)):
        wrong = np.zeros(shape, np.uint8)
        assert fault_code(lambda wrong=wrong: whole.maps(wrong)) is ErrorCode.BAD_ARGUMENT
    floats = np.zeros((1, SIDE, SIDE, 3), np.float32)
    assert fault_code(lambda: whole.maps(floats)) is ErrorCode.BAD_ARGUMENT  # type: ignore[arg-type]


def test_threads_may_inspect_at_once(tiled: Engine) -> None:
    frames = [picture(130 + i, 170) for i in range(4)]
    wanted = [tiled.inspect(frame).score for frame in frames]
    found: dict[int, float] = {}

    def work(index: int) -> None:
        found[index] = tiled.inspect(frames[index]).score

    threads = [threading.Thread(target=work, args=(index,)) for index in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert [found[index] for index in range(4)] == pytest.approx(wanted, abs=1e-4)


# Devices.


def test_devices(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    assert resolve_device("auto") == resolve_device("cpu") == torch.device("cpu")
    assert fault_code(lambda: resolve_device("cuda")) is ErrorCode.DEVICE_MISSING
    assert fault_code(lambda: resolve_device("tpu")) is ErrorCode.BAD_ARGUMENT
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    assert resolve_device("auto") == resolve_device("cuda") == torch.device("cuda")
    assert resolve_device("cpu") == torch.device("cpu")


@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a CUDA GPU")
def test_cuda_reproduces_the_golden_logits(tmp_path: Path) -> None:
    make_bundle(tmp_path / "b", tiny_model())
    engine = Engine.load(tmp_path / "b", "cuda")
    assert engine.device == "cuda"
    assert engine.golden_difference() <= 1e-3
