"""Evaluation of an exported network through files."""
import json
import os
import re
from pathlib import Path

import cv2
import numpy as np
import openpose_coco_set as coco_set
import openpose_golden as golden
import pytest
from mindspore import Tensor

from common.engine.checkpoint import write_checkpoint
from common.errors import UserError
from openpose import export, postprocess, preprocess
from openpose.src.bins import fit_square
from openpose.src.config import read_settings
from openpose.src.decode import decode
from openpose.src.network import build_network, load_trained
from openpose.src.normalisation import normalise
from openpose.src.skeleton import COCO_18
from tools import infer_mindir

HERE = Path(__file__).parent




@pytest.fixture(scope="module")
def data(tmp_path_factory):
    """Annotation file and folder of three images; the last one is damaged."""
    path, images = coco_set.write_set(tmp_path_factory.mktemp("data"), golden)
    name = json.loads(Path(path).read_text())["images"][2]["file_name"]
    Path(images, name).write_bytes(b"no image")
    return path, images


@pytest.fixture(scope="module")
def checkpoint(tmp_path_factory):
    """A checkpoint whose maps hold noise, so that decoding has something to find."""
    config = read_settings(["--width", "0.0625", "--num_stages", "1"])
    network = build_network(config, COCO_18)
    for parameter in network.get_parameters():
        if re.fullmatch(r"stages\.0\.(paf|heat)\.convs\.3\.weight", parameter.name):
            parameter.set_data(Tensor(parameter.asnumpy() * 150))
    path = tmp_path_factory.mktemp("checkpoint") / "noise.ckpt"
    write_checkpoint(str(path), network, meta={"model": "openpose", "config": dict(config)})
    return str(path)


@pytest.fixture(scope="module")
def exported(checkpoint, tmp_path_factory):
    path = tmp_path_factory.mktemp("exported") / "net.mindir"
    export.main(["--ckpt_file", checkpoint, "--insize", "128", "--export_batch_size", "2", "--file_name", str(path),
                 "--device_target", "CPU"])
    return str(path)


def test_images_fit_into_the_square():
    image = np.full((50, 100, 3), 200, np.uint8)
    square, frame = fit_square(image, 64)
    assert square.shape == (64, 64, 3) and frame.image == (50, 100) and frame.inner == (32, 64)
    assert (square[:32] == 200).all() and (square[32:] == 128).all()


@pytest.mark.slow
def test_people_are_those_of_the_network_itself(checkpoint, exported, data, tmp_path, capsys):
    common = ["--ann", data[0], "--imgpath_val", data[1], "--preprocess_path", str(tmp_path / "bins")]
    preprocess.main([*common, "--file_name", exported])
    assert os.listdir(tmp_path / "bins" / "img_data") == ["0.bin"]
    infer_mindir.main(["--model_path", exported, "--dataset_path", str(tmp_path / "bins" / "img_data"), "--result_path",
                       str(tmp_path / "results"), "--time_path", str(tmp_path / "time"), "--device_target", "CPU"])
    capsys.readouterr()
    postprocess.main([*common, "--result_path", str(tmp_path / "results"), "--output_img_path", str(tmp_path)])
    said = capsys.readouterr().out
    assert re.search(r"^result: \{'AP': ", said, re.M) and "in 2 images" in said and "1 could not be used" in said
    records = json.loads((tmp_path / "eval_result.json").read_text())
    network, config, _, _ = load_trained(read_settings(["--ckpt_file", checkpoint]))
    expected = 0
    for entry in json.loads(Path(data[0]).read_text())["images"][:2]:
        square, frame = fit_square(cv2.imread(os.path.join(data[1], entry["file_name"])), 128)
        paf, heat = (output.asnumpy()[0] for output in
                     network(Tensor(normalise(square, config.normalisation)[None]))[-2:])
        people = decode(heat, paf, frame)
        found = [record for record in records if record["image_id"] == entry["id"]]
        nose = [record["keypoints"][:2] for record in found]
        own = [person[0, :2] for person in people.joints if (person[1:, 2] > 0).any()]
        assert len(found) == len(own) and np.abs(np.array(nose) - np.array(own)).max() < 0.02
        expected += len(own)
    assert len(records) == expected > 0


@pytest.mark.parametrize("argv, words", [
    (["--file_name", "nowhere/net"], "nowhere/net.json does not exist"),
    (["--file_name", "bad"], "bad.json describes no exported network of openpose"),
    (["--file_name", "dog"], "has the joints nose, tail: name the --skeleton"),
    (["--imgpath_val", ""], "--imgpath_val is missing"), (["--imgpath_val", "EMPTY"], "EMPTY"),
])
def test_preprocess_refuses_bad_input(exported, data, tmp_path, monkeypatch, argv, words):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "EMPTY").mkdir()
    (tmp_path / "bad.json").write_text('{"model": "hmr"}')
    content = json.loads(Path(exported).with_suffix(".json").read_text())
    content["outputs"][1]["joints"] = ["nose", "tail"]
    (tmp_path / "dog.json").write_text(json.dumps(content))
    with pytest.raises(UserError, match=words):
        preprocess.main(["--file_name", exported, "--ann", data[0], "--imgpath_val", data[1], *argv])


@pytest.mark.parametrize("broken, words", [
    ("samples.json", "samples.json is not readable"), ("0_1.bin", "bytes instead of"), ("missing", "0_0.bin does not"),
])
def test_postprocess_refuses_damaged_files(data, tmp_path, broken, words):
    samples = {"size": 64, "batch_size": 1, "images": [{"id": 1, "file_name": "a", "size": [4, 4], "inner": [64, 64]}]}
    (tmp_path / "samples.json").write_text(json.dumps(samples))
    np.zeros((1, 38, 8, 8), np.float32).tofile(tmp_path / "0_0.bin")
    np.zeros((1, 19, 8, 8), np.float32).tofile(tmp_path / "0_1.bin")
    if broken == "missing":
        os.remove(tmp_path / "0_0.bin")
    else:
        (tmp_path / broken).write_text("{")
    with pytest.raises(UserError, match=words):
        postprocess.main(["--ann", data[0], "--preprocess_path", str(tmp_path), "--result_path", str(tmp_path)])
