"""The commands from training to inference on a small set, and what they say to bad input."""
import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import cv2
import numpy as np
import openpose_coco_set as coco_set
import openpose_golden as golden
import pytest
from mindspore import Tensor

from common.engine.checkpoint import read_checkpoint, write_checkpoint
from common.engine.export import load_mindir
from common.errors import UserError
from common.visual.video import write_video
from openpose import eval as eval_script
from openpose import export, infer, mindspore_hub_conf, train
from openpose.src.config import read_settings
from openpose.src.decode import decode
from openpose.src.network import load_trained
from openpose.src.normalisation import normalise

HERE = Path(__file__).parent
ROOT = HERE.parents[1]


# One stage of four or five channels: what costs time here is compiling.
SMALL = ["--width", "0.0625", "--num_stages", "1", "--insize", "64", "--min_scale", "0.2", "--max_scale", "0.4",
         "--batch_size", "1", "--log_interval", "1", "--vgg_frozen_steps", "2", "--lr", "0.001", "--seed", "3",
         "--device_target", "CPU"]


@pytest.fixture(scope="module")
def data(tmp_path_factory):
    folder = tmp_path_factory.mktemp("data")
    return coco_set.write_set(folder, golden)


@pytest.fixture(scope="module")
def flags(data):
    return [*SMALL, "--jsonpath_train", data[0], "--imgpath_train", data[1]]


@pytest.fixture(scope="module")
def trained(flags, tmp_path_factory):
    """Output folder of two epochs of three steps."""
    folder = tmp_path_factory.mktemp("trained")
    train.main([*flags, "--epochs", "2", "--save_model_path", str(folder)])
    return folder


def test_a_run_leaves_named_checkpoints_settings_and_curves(trained):
    names = sorted(os.listdir(trained / "ckpt_0"))
    assert names == ["0-1_3.ckpt", "0-2_3.ckpt", "config.yaml", "metrics.csv", "metrics.png"]
    checkpoint = read_checkpoint(str(trained / "ckpt_0" / "0-2_3.ckpt"))
    assert checkpoint.meta["step"] == 6 and checkpoint.meta["epoch"] == 2 and checkpoint.meta["skeleton"] is None
    assert read_settings(["--config_path", str(trained / "ckpt_0" / "config.yaml")]).width == 0.0625
    header, *rows = (trained / "ckpt_0" / "metrics.csv").read_text().splitlines()
    assert header == "step,epoch,learning_rate,loss,paf_1,heat_1" and len(rows) == 6


def test_the_backbone_stands_still_while_it_is_frozen_and_the_rest_moves(trained, flags, tmp_path):
    train.main([*flags, "--epochs", "1", "--ckpt_interval", "1", "--save_model_path", str(tmp_path)])
    begin, before, after = (read_checkpoint(str(tmp_path / "ckpt_0" / f"0-1_{step}.ckpt")).weights
                            for step in (1, 2, 3))
    assert (begin["backbone.layers.0.weight"] == before["backbone.layers.0.weight"]).all()
    assert (before["backbone.layers.0.weight"] != after["backbone.layers.0.weight"]).any()
    assert (begin["stages.0.paf.convs.0.weight"] != before["stages.0.paf.convs.0.weight"]).any()
    # The first epoch of a shorter run is that of the longer one.
    longer = read_checkpoint(str(trained / "ckpt_0" / "0-1_3.ckpt")).weights
    assert all((after[name] == longer[name]).all() for name in after)


def test_resuming_within_an_epoch_changes_no_bit(trained, flags, tmp_path, capsys):
    shutil.copytree(trained, tmp_path / "broken")
    folder = tmp_path / "broken" / "ckpt_0"
    for name in ("0-1_3.ckpt", "0-2_3.ckpt"):
        os.remove(folder / name)
    train.main([*flags, "--epochs", "2", "--ckpt_interval", "2", "--keep_checkpoint_max", "0",
                "--save_model_path", str(tmp_path / "whole")])
    shutil.copy(tmp_path / "whole" / "ckpt_0" / "0-1_2.ckpt", folder)
    capsys.readouterr()
    train.main([*flags, "--epochs", "2", "--resume", "--save_model_path", str(tmp_path / "broken")])
    said = capsys.readouterr().out
    assert "epoch 1, step 2 of 3" in said
    assert re.search(r"^epoch\[1\], iter\[2\], mean loss is \d\.\d{9}$", said, re.M)
    one, other = (read_checkpoint(str(path / "ckpt_0" / "0-2_3.ckpt")) for path in (trained, tmp_path / "broken"))
    for group in ("weights", "optimizer", "scaler"):
        left, right = getattr(one, group), getattr(other, group)
        assert set(left) == set(right) and left
        assert all((left[name] == right[name]).all() for name in left)
    assert (folder / "metrics.csv").read_text() == (trained / "ckpt_0" / "metrics.csv").read_text()


def test_evaluation_writes_coco_results_and_the_documented_line(trained, data, tmp_path, capsys):
    eval_script.main(["--save_model_path", str(trained), "--imgpath_val", data[1], "--ann", data[0],
                      "--output_img_path", str(tmp_path), "--vis", "--inference_img_size", "64",
                      "--device_target", "CPU"])
    said = capsys.readouterr().out
    line = re.search(r"^result: (\{'AP': .*\})$", said, re.M).group(1)
    assert list(json.loads(line.replace("'", '"'))) == ["AP", "Ap .5", "AP .75", "AP (M)", "AP (L)", "AR", "AR .5",
                                                        "AR .75", "AR (M)", "AR (L)"]
    assert isinstance(json.loads((tmp_path / "eval_result.json").read_text()), list)
    assert cv2.imread(str(tmp_path / "1.png")).shape == cv2.imread(os.path.join(data[1], f"{1:012d}.png")).shape


@pytest.fixture(scope="module")
def finding(tmp_path_factory):
    """A checkpoint whose maps hold noise, so that decoding has something to find."""
    folder = tmp_path_factory.mktemp("finding")
    config = read_settings(["--width", "0.0625", "--num_stages", "1"])
    from openpose.src.network import build_network
    from openpose.src.skeleton import COCO_18

    network = build_network(config, COCO_18)
    for parameter in network.get_parameters():
        if re.fullmatch(r"stages\.0\.(paf|heat)\.convs\.3\.weight", parameter.name):
            parameter.set_data(Tensor(parameter.asnumpy() * 150))
    write_checkpoint(str(folder / "noise.ckpt"), network, meta={"model": "openpose", "config": dict(config), "step": 0,
                                                                "epoch": 0})
    return str(folder / "noise.ckpt")


def test_the_exported_file_gives_the_same_people(finding, data, tmp_path):
    network, config, skeleton, _ = load_trained(read_settings(["--ckpt_file", finding]))
    export.main(["--ckpt_file", finding, "--insize", "128", "--file_name", str(tmp_path / "net"),
                 "--device_target", "CPU"])
    cell = load_mindir(str(tmp_path / "net.mindir"))
    image = cv2.resize(cv2.imread(os.path.join(data[1], f"{2:012d}.png")), (128, 128))
    batch = Tensor(normalise(image, config.normalisation)[None])
    paf, heat = (output.asnumpy()[0] for output in cell(batch))
    assert paf.shape == (38, 16, 16) and heat.shape == (19, 16, 16)
    own = [output.asnumpy()[0] for output in network(batch)[-2:]]
    exported, trained_ones = decode(heat, paf), decode(own[1], own[0])
    assert len(exported) == len(trained_ones) > 0
    assert np.abs(exported.joints - trained_ones.joints).max() < 1e-2
    description = json.loads((tmp_path / "net.json").read_text())
    assert description["outputs"][0]["shape"] == [1, 38, 16, 16] and description["input"]["normalisation"] == "port"
    export.main(["--ckpt_file", finding, "--insize", "64", "--file_name", str(tmp_path / "net"), "--file_format",
                 "ONNX", "--device_target", "CPU"])
    assert (tmp_path / "net.onnx").stat().st_size > 1000


def test_inference_on_a_folder_skips_damaged_images(finding, data, tmp_path, capsys):
    photos = tmp_path / "photos"
    shutil.copytree(data[1], photos)
    (photos / "broken.jpg").write_bytes(b"no image")
    out = tmp_path / "out"
    infer.main(["--ckpt_file", finding, "--input", str(photos), "--output_dir", str(out), "--net_resolution", "-1x64",
                "--number_people_max", "2", "--write_heatmaps", "--device_target", "CPU"])
    said = capsys.readouterr().out
    assert "broken.jpg" in said and "(1 so far)" in said and "in 3 images" in said
    content = json.loads((out / f"{1:012d}_keypoints.json").read_text())
    assert content["version"] == 1.3 and 0 < len(content["people"]) <= 2
    person = content["people"][0]
    assert person["person_id"] == [-1] and len(person["pose_keypoints_2d"]) == 54
    assert person["hand_left_keypoints_3d"] == []
    entries = json.loads((out / "coco_results.json").read_text())
    assert {entry["image_id"] for entry in entries} <= {1, 2, 3} and len(entries[0]["keypoints"]) == 51
    assert cv2.imread(str(out / f"{1:012d}_rendered.png")).shape == cv2.imread(str(photos / f"{1:012d}.png")).shape
    with np.load(out / f"{1:012d}_heatmaps.npz") as maps:
        assert maps["heat"].shape[0] == 19 and maps["paf"].shape[1:] == maps["heat"].shape[1:]
    assert (out / f"{1:012d}_heatmaps.png").is_file()


def test_people_of_a_film_keep_their_numbers(finding, data, tmp_path):
    image = cv2.imread(os.path.join(data[1], f"{1:012d}.png"))[:128, :128, ::-1]
    write_video(str(tmp_path / "still.mp4"), [image] * 3, 10.0)
    out = tmp_path / "out"
    infer.main(["--ckpt_file", finding, "--input", str(tmp_path / "still.mp4"), "--output_dir", str(out),
                "--net_resolution", "64x64", "--frame_max", "2", "--keypoint_scale", "3", "--device_target", "CPU"])
    frames = [json.loads((out / f"still_{number:012d}_keypoints.json").read_text())["people"] for number in (0, 1)]
    assert frames[0] and sorted(person["person_id"][0] for person in frames[0]) == list(range(len(frames[0])))
    assert {person["person_id"][0] for person in frames[1]} & {person["person_id"][0] for person in frames[0]}
    values = np.array([person["pose_keypoints_2d"] for person in frames[0]])
    assert values.min() >= 0 and values.max() <= 1
    assert not (out / "still_000000000002_keypoints.json").exists()
    assert cv2.VideoCapture(str(out / "still.mp4")).read()[1].shape == (128, 128, 3)
    assert "track_id" in json.loads((out / "coco_results.json").read_text())[0]


def test_the_hub_builds_the_network_by_name(tmp_path):
    """Loaded by its path, under both names, from another folder."""
    folder = os.path.dirname(mindspore_hub_conf.__file__)
    code = ("import runpy, sys\nfor path in sys.argv[1:]:\n"
            "    print(runpy.run_path(path)['create_network'].__module__)")
    names = [os.path.join(folder, f"mindspore_hub_{ending}.py") for ending in ("conf", "config")]
    done = subprocess.run([sys.executable, "-c", code, *names], cwd=tmp_path, capture_output=True, text=True,
                          check=True)
    assert len(done.stdout.split()) == 2
    assert len(mindspore_hub_conf.create_network("openposenet", num_stages=1, width=0.0625).stages) == 1
    with pytest.raises(NotImplementedError, match="resnet"):
        mindspore_hub_conf.create_network("resnet")


@pytest.mark.slow
def test_the_settings_of_the_small_configuration_from_training_to_the_exported_file(data, tmp_path, capsys):
    small = ["--config_path", str(ROOT / "openpose" / "small.yaml"), "--device_target", "CPU"]
    train.main([*small, "--jsonpath_train", data[0], "--imgpath_train", data[1], "--width", "0.125", "--backbone_width",
                "0.0625", "--insize", "64", "--batch_size", "3", "--warmup_epoch", "0", "--epochs", "2",
                "--save_model_path", str(tmp_path)])
    checkpoint = str(tmp_path / "ckpt_0" / "0-2_1.ckpt")
    # The network's settings come from the checkpoint.
    flags = ["--ckpt_file", checkpoint, "--device_target", "CPU"]
    eval_script.main([*flags, "--imgpath_val", data[1], "--ann", data[0], "--output_img_path", str(tmp_path / "eval")])
    assert "result: {'AP':" in capsys.readouterr().out
    export.main([*flags, "--file_name", str(tmp_path / "net"), "--insize", "64"])
    network, config, _, _ = load_trained(read_settings(flags))
    assert (config.width, config.backbone_width, config.stages_with_bn) == (0.125, 0.0625, True)
    assert config.inference_img_size == 240
    image = np.random.default_rng(1).random((1, 3, 64, 64), np.float32)
    for one, other in zip(load_mindir(str(tmp_path / "net.mindir"))(Tensor(image)), network(Tensor(image))):
        np.testing.assert_allclose(one.asnumpy(), other.asnumpy(), atol=1e-5)


TRAIN, EVAL, EXPORT, INFER = train.main, eval_script.main, export.main, infer.main


@pytest.mark.parametrize("main, argv, words", [
    (TRAIN, ["--epoch", "1"], ["--epoch"]),
    (TRAIN, ["--batch_size", "0"], ["--batch_size"]),
    (TRAIN, ["--batch_size", "100"], ["--batch_size", "3 samples"]),
    (TRAIN, ["--insize", "100"], ["--insize", "8"]),
    (TRAIN, ["--lr_type", "linear"], ["--lr_type", "cosine"]),
    (TRAIN, ["--optimizer", "SGD"], ["--optimizer", "Momentum"]),
    (TRAIN, ["--normalisation", "none"], ["--normalisation", "imagenet"]),
    (TRAIN, ["--imgpath_train", ""], ["--imgpath_train"]),
    (TRAIN, ["--imgpath_train", "/nowhere"], ["/nowhere"]),
    (TRAIN, ["--jsonpath_train", "/nowhere.json"], ["/nowhere.json"]),
    (TRAIN, ["--maskpath_train", "/nowhere"], ["/nowhere", "gen_ignore_mask.py"]),
    (TRAIN, ["--skeleton", "/nowhere.yaml"], ["/nowhere.yaml"]),
    (TRAIN, ["--vgg_path", "/nowhere.ckpt"], ["/nowhere.ckpt"]),
    (TRAIN, ["--load_pretrain"], ["--pretrained_model_path"]),
    (TRAIN, ["--load_pretrain", "--pretrained_model_path", "STRANGE"], ["strange.ckpt", "missing", "nobody.knows"]),
    (TRAIN, ["--resume"], ["--resume", "--save_model_path"]),
    (TRAIN, ["--amp_level", "O1"], ["--amp_level"]),
    (TRAIN, ["--enable_modelarts"], ["moxing"]),
    (EVAL, ["--ann", ""], ["--ann"]),
    (EVAL, ["--model_path", "/nowhere.ckpt"], ["/nowhere.ckpt"]),
    (EVAL, ["--model_path", "BACKBONE"], ["backbone only", "--vgg_path"]),
    (EVAL, ["--decoder", "fast"], ["--decoder", "cmu"]),
    (EVAL, ["--merge_halves", "maybe"], ["--merge_halves"]),
    (EVAL, ["--width", "0.5"], ["--width", "contradicts"]),
    (EVAL, ["--ann", "DAMAGED"], ["damaged.json"]),
    (EXPORT, ["--file_format", "TXT"], ["TXT", "MINDIR"]),
    (EXPORT, ["--file_format", "AIR"], ["AIR", "Ascend"]),
    (INFER, [], ["--input"]),
    (INFER, ["--input", "/nowhere.jpg"], ["/nowhere.jpg"]),
    (INFER, ["--input", "/nowhere/*.jpg"], ["no images"]),
    (INFER, ["--input", "DAMAGED"], ["damaged.json", "video"]),
    (INFER, ["--input", "IMAGES", "--net_resolution", "wide"], ["--net_resolution", "-1x368"]),
    (INFER, ["--input", "IMAGES", "--keypoint_scale", "7"], ["--keypoint_scale"]),
])
def test_bad_input_is_one_sentence(main, argv, words, flags, data, finding, tmp_path):
    (tmp_path / "damaged.json").write_text("{")
    weights = {"nobody.knows": np.zeros(3, np.float32)}
    write_checkpoint(str(tmp_path / "strange.ckpt"), weights)
    write_checkpoint(str(tmp_path / "backbone.ckpt"), weights, meta={"config": {"backbone_only": True}})
    places = {"DAMAGED": tmp_path / "damaged.json", "STRANGE": tmp_path / "strange.ckpt",
              "BACKBONE": tmp_path / "backbone.ckpt", "IMAGES": data[1]}
    defaults = {"--save_model_path": str(tmp_path / "run"), "--output_img_path": str(tmp_path / "out"),
                "--output_dir": str(tmp_path / "out"), "--file_name": str(tmp_path / "net"), "--device_target": "CPU"}
    if main is TRAIN:
        defaults.update(zip(flags[0::2], flags[1::2]))
    else:
        defaults.update({"--ckpt_file": finding, "--imgpath_val": data[1], "--ann": data[0]})
    argv = [str(places.get(word, word)) for word in argv]
    if "--model_path" in argv:
        del defaults["--ckpt_file"]
    for flag, value in defaults.items():
        argv += [] if flag in argv else [flag, value]
    with pytest.raises(UserError) as error:
        main(argv)
    assert all(word in str(error.value) for word in words), str(error.value)
    assert "\n" not in str(error.value)


def test_modelarts_fetches_the_data_and_sends_the_results(flags, data, tmp_path, monkeypatch):
    (tmp_path / "moxing.py").write_text(
        "class file:\n    calls = []\n\n    @classmethod\n    def copy_parallel(cls, source, target):\n"
        "        cls.calls.append((source, target))\n")
    monkeypatch.syspath_prepend(str(tmp_path))
    monkeypatch.delitem(sys.modules, "moxing", raising=False)
    with pytest.raises(UserError, match="batch_size"):  # ends early; the results are sent all the same
        train.main([*flags, "--enable_modelarts", "--data_url", "obs://in", "--train_url", "obs://out", "--data_path",
                    str(tmp_path / "data"), "--output_path", str(tmp_path / "results"), "--batch_size", "100"])
    import moxing

    assert moxing.file.calls == [("obs://in", str(tmp_path / "data")), (str(tmp_path / "results"), "obs://out")]
    del sys.modules["moxing"]  # monkeypatch would put it back at the end


@pytest.mark.parametrize("script, arguments, words", [
    ("run_standalone_train.sh", ["IMAGES", "ANN", "", "vgg.ckpt", "0"],
     ["--device_target Ascend --device_id 0 --imgpath_train IMAGES --jsonpath_train ANN", "--vgg_path vgg.ckpt"]),
    ("run_standalone_train_gpu.sh", ["1", "--lr", "0.1"], ["--device_target GPU --device_id 1 --lr 0.1"]),
    ("run_eval_ascend.sh", ["a.ckpt", "IMAGES", "ANN", "2", "--flip_test"],
     ["--device_id 2 --model_path a.ckpt --imgpath_val IMAGES --ann ANN --flip_test"]),
    ("run_eval_gpu.sh", ["a.ckpt", "IMAGES"], ["Usage:"]),
])
def test_launch_scripts_take_the_original_arguments(script, arguments, words, data, tmp_path):
    shutil.copytree(ROOT / "scripts", tmp_path / "scripts")
    shutil.copytree(ROOT / "openpose" / "scripts", tmp_path / "openpose" / "scripts")
    for entry in ("train.py", "eval.py"):
        (tmp_path / "openpose" / entry).write_text("import sys\nprint(*sys.argv[1:])\n")
    places = {"IMAGES": data[1], "ANN": data[0]}
    done = subprocess.run(["bash", str(tmp_path / "openpose" / "scripts" / script),
                           *(places.get(word, word) for word in arguments)], capture_output=True, text=True,
                          cwd=tmp_path, env={**os.environ, "PYTHON": sys.executable}, timeout=60)
    said = done.stdout + done.stderr
    for name, path in places.items():
        said = said.replace(path, name)
    assert all(text in said for text in words), said
    assert (done.returncode == 0) == ("Usage:" not in words)


def _launch(script, *arguments):
    done = subprocess.run(["bash", str(ROOT / "openpose" / "scripts" / script), *arguments], capture_output=True,
                          text=True, timeout=300, env={**os.environ, "DEVICE_TARGET": "CPU", "PYTHON": sys.executable})
    assert done.returncode == 0, done.stdout[-2000:] + done.stderr[-2000:]
    return done.stdout


@pytest.mark.full
def test_two_workers_train_as_one_with_the_double_batch(tmp_path):
    path, images = coco_set.write_set(tmp_path, golden, ("single", "scales", "overlap", "truncated"))
    flags = [*SMALL, "--jsonpath_train", path, "--imgpath_train", images, "--vgg_frozen_steps", "0",
             "--epochs", "2"]
    train.main([*flags, "--batch_size", "2", "--save_model_path", str(tmp_path / "one")])
    _launch("run_distribute_train.sh", "2", "--config_path", "default_config.yaml", *flags[:-2], "--epochs",
            "2", "--batch_size", "1", "--save_model_path", str(tmp_path / "two"))
    assert os.listdir(tmp_path / "two") == ["ckpt_0"]
    one, two = (read_checkpoint(str(tmp_path / name / "ckpt_0" / "0-2_2.ckpt")).weights for name in ("one", "two"))
    assert all(np.abs(one[name] - two[name]).max() < 1e-3 for name in one)
    tables = [np.genfromtxt(tmp_path / name / "ckpt_0" / "metrics.csv", delimiter=",", names=True)["loss"]
              for name in ("one", "two")]
    assert len(tables[0]) == 4 and np.abs(tables[1] / tables[0] - 1).max() < 1e-3


@pytest.mark.full
def test_two_workers_evaluate_as_one(finding, data, tmp_path, capsys):
    flags = ["--model_path", finding, "--imgpath_val", data[1], "--ann", data[0], "--inference_img_size", "64"]
    eval_script.main([*flags, "--output_img_path", str(tmp_path / "one"), "--device_target", "CPU"])
    alone = capsys.readouterr().out
    together = _launch("run_distribute_eval.sh", "2", *flags, "--output_img_path", str(tmp_path / "two"))
    assert os.listdir(tmp_path / "two") == ["eval_result.json"]
    one, two = (json.loads((tmp_path / name / "eval_result.json").read_text()) for name in ("one", "two"))
    assert one == two and len(one) > 0
    assert re.search(r"result: .*", alone).group(0) == re.search(r"result: .*", together).group(0)
