"""The code of docs/deploy.md: it runs on exported networks; MindSpore Lite's in C++ goes through a compiler only."""
import pathlib
import re
import shutil
import subprocess

import cv2
import numpy as np
import onnxruntime
import pytest

from common.engine.checkpoint import write_checkpoint
from openpose.export import main as export_openpose
from openpose.src.config import read_settings
from openpose.src.decode import Placement
from openpose.src.network import build_network
from openpose.src.skeleton import COCO_18
from pose_baseline.export import main as export_pose_baseline

ROOT = pathlib.Path(__file__).parents[1]
OPENCV = pathlib.Path("/usr/include/opencv4/opencv2")
MODULES = ("dnn", "imgcodecs", "imgproc", "core")


def example(mark):
    """The code block of docs/deploy.md behind a mark."""
    text = (ROOT / "docs" / "deploy.md").read_text(encoding="utf-8")
    return re.search(rf"<!-- {mark} -->\n```\w+\n(.*?)```", text, re.DOTALL)[1]


def test_a_network_that_takes_images_in_python(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    config = read_settings(["--width", "0.0625", "--num_stages", "1"])
    write_checkpoint("net.ckpt", build_network(config, COCO_18), meta={"model": "openpose", "config": dict(config)})
    for kind in ("ONNX", "MINDIR"):
        export_openpose(["--ckpt_file", "net.ckpt", "--insize", "64", "--file_format", kind, "--file_name", "network",
                         "--batch_size", "2", "--device_target", "CPU"])
    photo = np.zeros((60, 120, 3), np.uint8)
    photo[:, 60:] = (0, 128, 255)  # blue, green, red
    cv2.imwrite("photo.jpg", photo, [cv2.IMWRITE_JPEG_QUALITY, 100])
    seen = {}
    exec(example("run: onnx"), seen)
    assert seen["outputs"]["paf"].shape == (2, 38, 8, 8) and seen["outputs"]["heatmap"].shape == (2, 19, 8, 8)
    # CMU's scale, blue first; the image fills the middle of the square, its right half is orange.
    column = seen["inputs"][0, :, 32, 48]
    assert np.abs(column - (np.array([0, 128, 255]) / 256 - 0.5)).max() < 0.02
    assert np.abs(seen["inputs"][0, :, 4, 48] + 0.5).max() < 1e-6
    onnx = list(seen["outputs"].values())
    exec(example("run: mindir of images"), seen)
    for output, expected in zip(seen["outputs"], onnx, strict=True):
        np.testing.assert_allclose(output.asnumpy(), expected, atol=1e-4)


def test_mindir_in_python(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    export_pose_baseline(["--file_name", "lifter", "--batch_size", "0", "--pixel_input", "--device_target", "CPU"])
    capsys.readouterr()
    exec(example("run: mindir"), {})
    assert capsys.readouterr().out.splitlines() == ["(3, 16, 3)", "(1, 16, 3)"]


@pytest.mark.skipif(not (shutil.which("g++") and all((OPENCV / f"{name}.hpp").is_file() for name in MODULES)),
                    reason="needs g++, libopencv-dnn-dev and libopencv-imgcodecs-dev")
def test_opencv_in_cpp(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    config = read_settings(["--width", "0.0625", "--num_stages", "1"])
    write_checkpoint("net.ckpt", build_network(config, COCO_18), meta={"model": "openpose", "config": dict(config)})
    export_openpose(["--ckpt_file", "net.ckpt", "--insize", "192", "--file_format", "ONNX", "--file_name", "network",
                     "--device_target", "CPU"])
    photo = cv2.GaussianBlur(np.random.default_rng(0).integers(0, 256, (96, 48, 3), np.uint8), (0, 0), 4)
    cv2.imwrite("photo.jpg", photo)
    pathlib.Path("nose.cc").write_text(example("run: opencv"), encoding="utf-8")
    subprocess.run(["g++", "-std=c++17", "-Wall", f"-I{OPENCV.parent}", "nose.cc", "-o", "nose",
                    *(f"-lopencv_{name}" for name in MODULES)], check=True)
    printed = subprocess.run(["./nose"], capture_output=True, text=True, check=True).stdout

    whole = np.full((192, 192, 3), 128, np.uint8)
    whole[:, :96] = cv2.resize(cv2.imread("photo.jpg"), None, fx=2, fy=2)
    network = onnxruntime.InferenceSession("network.onnx", providers=["CPUExecutionProvider"])
    heatmap, = network.run(["heatmap"], {"image": np.float32(whole.transpose(2, 0, 1)[None] / 255 - 0.5)})
    y, x = divmod(heatmap[0, 0].argmax(), 24)
    x, y = Placement(image=(96, 48), inner=(192, 96)).to_image(8 * x + 3.5, 8 * y + 3.5)
    words, confidence = printed.split(", ")
    assert words == f"nose at {x:g} {y:g}"
    assert float(confidence) == pytest.approx(heatmap[0, 0].max(), rel=1e-3)


@pytest.mark.skipif(not shutil.which("g++"), reason="needs g++")
def test_the_code_in_cpp_compiles(tmp_path):
    source = tmp_path / "example.cc"
    source.write_text(example("compile: lite"), encoding="utf-8")
    done = subprocess.run(["g++", "-std=c++17", "-Wall", "-Werror", "-fsyntax-only",
                           f"-I{ROOT / 'tests' / 'tools' / 'lite'}", str(source)], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
