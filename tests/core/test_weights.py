import hashlib
import pickle
import threading
import zipfile
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest
import torch
from safetensors.torch import save_file
from torch import Tensor, nn

from almrr_core.errors import ErrorCode, StationError
from almrr_core.models import weights
from almrr_core.models.backbone import Backbone, build_backbone
from almrr_core.models.weights import download, find_weights, load_tensors, load_weights, pack, weights_hash

CONTENT = bytes(range(256)) * 4000  # 1 MB: several pieces
NAME = f"resnet18-{hashlib.sha256(CONTENT).hexdigest()[:8]}.pth"


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty user's data folder, no variable set and nobody at the official address."""
    folder = tmp_path / "user" / "weights"
    monkeypatch.setattr(weights, "user_weights_folder", lambda: folder)
    monkeypatch.setattr(weights, "ADDRESS", "http://127.0.0.1:9/")
    monkeypatch.delenv("ALMRR_WEIGHTS", raising=False)
    monkeypatch.setenv("no_proxy", "127.0.0.1")
    return folder


class Handler(BaseHTTPRequestHandler):
    """Answers by path: /good/, /other/ (changed content), /cut/ (half, then the end), /absent/ (404)."""

    def do_GET(self) -> None:
        kind = self.path.split("/")[1]
        body = CONTENT[::-1] if kind == "other" else CONTENT
        self.send_response(404 if kind == "absent" else 200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body[: len(body) // 2] if kind == "cut" else body)

    def log_message(self, format: str, *args: object) -> None:
        """Keep the test's output clean."""


@pytest.fixture
def server() -> Iterator[str]:
    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as running:
        thread = threading.Thread(target=running.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        yield f"http://127.0.0.1:{running.server_address[1]}"
        running.shutdown()
        thread.join()


def touch(path: Path) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(b"x")
    return path


def code_of(act: Callable[[], object]) -> tuple[ErrorCode, str]:
    with pytest.raises(StationError) as caught:
        act()
    return caught.value.code, str(caught.value)


def files_in(folder: Path) -> list[str]:
    return sorted(p.name for p in folder.rglob("*") if p.is_file())


def test_places_are_tried_in_order(tmp_path: Path, home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    in_home = touch(home / "resnet18-f37072fd.pth")
    assert find_weights("resnet18") == in_home
    in_variable = touch(tmp_path / "named" / "resnet18.pt")
    monkeypatch.setenv("ALMRR_WEIGHTS", str(tmp_path / "named"))
    assert find_weights("resnet18") == in_variable
    given = touch(tmp_path / "given" / "anything.safetensors")
    assert find_weights("resnet18", given) == given
    in_given = touch(tmp_path / "given" / "resnet18_layers1-3.safetensors")
    assert find_weights("resnet18", tmp_path / "given") == in_given
    monkeypatch.setenv("ALMRR_WEIGHTS", str(tmp_path / "absent"))
    assert find_weights("resnet18") == in_home


def test_a_given_place_is_the_only_one(tmp_path: Path, home: Path) -> None:
    touch(home / "resnet18.pth")
    (tmp_path / "empty").mkdir()
    for place in (tmp_path / "empty", tmp_path / "absent.pth"):
        code, text = code_of(lambda place=place: find_weights("resnet18", place))
        assert code is ErrorCode.WEIGHTS_MISSING
        assert str(place) in text and "resnet18-f37072fd.pth" in text
        assert code_of(lambda place=place: load_weights(lively(0), place))[0] is ErrorCode.WEIGHTS_MISSING


def test_file_names_are_matched_whole(tmp_path: Path) -> None:
    touch(tmp_path / "resnet50v2_layers1-3.safetensors")
    touch(tmp_path / "resnet50-0676ba61.pth.partial")
    touch(tmp_path / "my_resnet50.pth")
    (tmp_path / "resnet50.pth").mkdir()
    assert code_of(lambda: find_weights("resnet50", tmp_path))[0] is ErrorCode.WEIGHTS_MISSING
    wanted = touch(tmp_path / "resnet50-0676ba61.pth")
    assert find_weights("resnet50", tmp_path) == wanted
    assert find_weights("resnet50v2", tmp_path).name == "resnet50v2_layers1-3.safetensors"
    better = touch(tmp_path / "resnet50_layers1-3.safetensors")
    assert find_weights("resnet50", tmp_path) == better


def test_resnet50v2_is_not_downloaded_but_named(home: Path) -> None:
    code, text = code_of(lambda: find_weights("resnet50v2"))
    assert code is ErrorCode.WEIGHTS_MISSING and "resnet50v2*.safetensors" in text and str(home) in text


def test_downloads_once_with_progress(server: str, home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(weights, "ADDRESS", f"{server}/good/")
    monkeypatch.setattr(weights, "OFFICIAL", {"resnet18": NAME})
    seen: list[tuple[int, int]] = []
    path = find_weights("resnet18", progress=lambda done, total: seen.append((done, total)))
    assert path == home / NAME and path.read_bytes() == CONTENT
    assert seen[-1] == (len(CONTENT), len(CONTENT)) and len(seen) > 1 and seen == sorted(seen)
    assert files_in(home) == [NAME]
    monkeypatch.setattr(weights, "ADDRESS", "http://127.0.0.1:9/")
    assert find_weights("resnet18") == path


@pytest.mark.parametrize(
    ("kind", "says"),
    [("other", "checksum"), ("cut", f"{len(CONTENT) // 2} of {len(CONTENT)}"), ("absent", "404 Not Found")],
)
def test_a_failed_download_leaves_nothing(kind: str, says: str, server: str, tmp_path: Path) -> None:
    folder = tmp_path / "new"
    code, text = code_of(lambda: download(f"{server}/{kind}/{NAME}", folder))
    assert code is ErrorCode.DOWNLOAD_FAILED
    assert says in text and str(folder / NAME) in text and "ALMRR_WEIGHTS" in text
    assert files_in(folder) == []


def test_nobody_answers(home: Path) -> None:
    code, text = code_of(lambda: find_weights("resnet18"))
    assert code is ErrorCode.DOWNLOAD_FAILED
    assert str(home / "resnet18-f37072fd.pth") in text
    assert files_in(home) == []


def test_progress_can_cancel(server: str, tmp_path: Path) -> None:
    def cancel(done: int, total: int) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        download(f"{server}/good/{NAME}", tmp_path, cancel)
    assert files_in(tmp_path) == []


def test_an_unwritable_folder_is_said(server: str, tmp_path: Path) -> None:
    code, _ = code_of(lambda: download(f"{server}/good/{NAME}", touch(tmp_path / "file")))
    assert code is ErrorCode.WRITE_FAILED


def lively(seed: int, name: str = "resnet18") -> Backbone:
    backbone = build_backbone(name, (1,), seed)
    generator = torch.Generator().manual_seed(seed)
    for norm in (m for m in backbone.modules() if isinstance(m, nn.BatchNorm2d)):
        norm.bias.normal_(generator=generator)
        norm.running_mean.normal_(generator=generator)
    return backbone


def state_of(backbone: Backbone) -> dict[str, Tensor]:
    return {name: value.clone() for name, value in backbone.state_dict().items()}


def save(tensors: dict[str, Tensor], path: Path) -> Path:
    if path.suffix == ".safetensors":
        save_file(tensors, path)
    else:
        torch.save(tensors, path, _use_new_zipfile_serialization=path.suffix == ".pth")
    return path


@pytest.mark.parametrize("suffix", [".safetensors", ".pth", ".pt"])  # .pt: torch's older, unzipped form
@pytest.mark.parametrize("name", ["resnet18", "resnet50v2"])
def test_round_trip(name: str, suffix: str, tmp_path: Path) -> None:
    source, target = lively(3, name), build_backbone(name, (1,), seed=4)
    extra = {"fc.weight": torch.zeros(10, 5), "layer4.0.conv1.weight": torch.zeros(3)}
    load_weights(target, save(state_of(source) | extra, tmp_path / f"file{suffix}"))
    assert weights_hash(target) == weights_hash(source) != weights_hash(build_backbone(name, (1,), seed=4))
    images = torch.rand(1, 3, 64, 64)
    assert torch.equal(target(images)[0], source(images)[0])
    assert not any(p.requires_grad for p in target.parameters())


def test_hash_ignores_container_precision_and_memory_format_only(tmp_path: Path) -> None:
    source = lively(5)
    small = pack(source)
    assert {t.dtype for n, t in small.items() if "conv" in n} == {torch.float16}
    assert {t.dtype for n, t in small.items() if "bn" in n} == {torch.float32}
    assert not any(n.endswith("num_batches_tracked") for n in small)
    reloaded = build_backbone("resnet18", (1,))
    load_weights(reloaded, save(small, tmp_path / "small.safetensors"))
    assert {p.dtype for p in reloaded.parameters()} == {torch.float32}
    torch.testing.assert_close(reloaded.conv1.weight, source.conv1.weight, rtol=1e-3, atol=1e-6)
    assert weights_hash(reloaded) == weights_hash(source)
    assert weights_hash(source.to(memory_format=torch.channels_last)) == weights_hash(reloaded)
    source.bn1.bias[3] += 1e-3
    assert weights_hash(reloaded) != weights_hash(source)


@pytest.mark.parametrize(
    ("change", "says"),
    [
        (torch.zeros(64, 64, 1, 1), "has shape (64, 64, 1, 1), expected (64, 64, 3, 3)"),
        (None, "is missing"),
        (torch.full((64, 64, 3, 3), torch.nan), "has values that are not finite"),
        (torch.zeros(64, 64, 3, 3, dtype=torch.int8), "has type torch.int8"),
    ],
)
def test_misfits_are_refused_by_name_and_whole(change: Tensor | None, says: str, tmp_path: Path) -> None:
    backbone = build_backbone("resnet18", (1,))
    before = weights_hash(backbone)
    state = state_of(lively(6)) | {"layer1.1.conv1.weight": change}
    path = save({name: t for name, t in state.items() if t is not None}, tmp_path / "resnet18.pth")
    code, text = code_of(lambda: load_weights(backbone, path))
    assert code is ErrorCode.WEIGHTS_WRONG
    assert f"'layer1.1.conv1.weight' {says}" in text and str(path) in text
    assert weights_hash(backbone) == before


def test_odd_tensors_are_refused() -> None:
    backbone = build_backbone("resnet18", (1,))
    good = backbone.bn1.bias
    for odd in (good.to_sparse(), good.to("meta"), [0.0] * 64):
        tensors = state_of(backbone) | {"bn1.bias": odd}
        code, text = code_of(lambda tensors=tensors: load_tensors(backbone, tensors, "here"))
        assert code is ErrorCode.WEIGHTS_WRONG and "'bn1.bias' is not an ordinary tensor" in text


class Payload:
    def __reduce__(self) -> tuple[object, ...]:
        return Path.touch, (Path("executed"),)


def zip_bomb(path: Path) -> None:
    """A file that would load if it were unpacked: torch never compresses, so this one is not torch's."""
    zeros = {name: torch.zeros_like(t) for name, t in build_backbone("resnet18", (1,)).state_dict().items()}
    torch.save(zeros, path)
    with zipfile.ZipFile(path) as source:
        members = {entry.filename: source.read(entry) for entry in source.infolist()}
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in members.items():
            archive.writestr(name, content)


FOREIGN: dict[str, Callable[[Path], object]] = {
    "text.safetensors": lambda p: p.write_text("not tensors, but a page of text\n" * 20),
    "text.pth": lambda p: p.write_text("<html>404</html>"),
    "empty.pth": lambda p: p.write_bytes(b""),
    "empty.safetensors": lambda p: p.write_bytes(b""),
    "pickle.pth": lambda p: p.write_bytes(pickle.dumps(Payload())),
    "code.pth": lambda p: torch.save({"conv1.weight": Payload()}, p),
    "bomb.pth": zip_bomb,
    "list.pth": lambda p: torch.save([torch.zeros(2)], p),
    "really_pth.safetensors": lambda p: torch.save({"conv1.weight": torch.zeros(2)}, p),
    "weights.onnx": lambda p: p.write_bytes(b"x"),
}


@pytest.mark.parametrize("name", FOREIGN)
def test_foreign_files_are_refused(name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    path = tmp_path / name
    FOREIGN[name](path)
    code, text = code_of(lambda: load_weights(build_backbone("resnet18", (1,)), path))
    assert code is ErrorCode.WEIGHTS_WRONG and str(path) in text
    assert files_in(tmp_path) == [name], "code in the file was run"


@pytest.mark.parametrize("suffix", [".safetensors", ".pth"])
def test_truncated_files_are_refused(suffix: str, tmp_path: Path) -> None:
    path = save(state_of(lively(7)), tmp_path / f"resnet18{suffix}")
    path.write_bytes(path.read_bytes()[: path.stat().st_size * 2 // 3])
    code, text = code_of(lambda: load_weights(build_backbone("resnet18", (1,)), path))
    assert code is ErrorCode.WEIGHTS_WRONG and str(path) in text


@pytest.mark.parametrize("name", ["resnet18", "resnet50v2"])
def test_the_measuring_weights_load(name: str, shared: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ALMRR_WEIGHTS", str(shared / "weights"))
    backbone = build_backbone(name)
    load_weights(backbone, find_weights(name))
    assert weights_hash(backbone) != weights_hash(build_backbone(name))
    load_weights(build_backbone(name, (2,)), find_weights(name))
    code, text = code_of(lambda: load_weights(build_backbone(name, (4,)), find_weights(name)))
    assert code is ErrorCode.WEIGHTS_WRONG and "'layer4.0." in text and "is missing" in text
    wrong = code_of(lambda: load_weights(build_backbone("resnet50"), find_weights(name)))[0]
    assert wrong is ErrorCode.WEIGHTS_WRONG
