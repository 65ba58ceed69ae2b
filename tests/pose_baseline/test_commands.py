"""The commands from training to inference on a small tree, and what they say to bad input."""
import glob
import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from mindspore import Tensor

from common.convert.named_weights import SMALL_FOLDER
from common.engine.checkpoint import read_checkpoint
from common.engine.export import load_mindir
from common.errors import UserError
from pose_baseline import eval as eval_script
from pose_baseline import export, infer, train
from pose_baseline.src import predict_3dpose
from pose_baseline.src.config import experiment_folder, read_settings
from pose_baseline.src.dataset import load_dataset
from pose_baseline.src.network import Lifter, load_trained
from pose_baseline.src.normalisation import targets_to_mm

ROOT = Path(__file__).parents[2]
SMALL = ["--camera_frame", "--residual", "--batch_norm", "--max_norm", "--dropout", "0.5", "--linear_size", "32",
         "--batch_size", "32", "--evaluateActionWise", "--device_target", "CPU"]  # as in conftest.py


def _only(folder, pattern):
    found = glob.glob(os.path.join(folder, "**", pattern), recursive=True)
    assert len(found) == 1, found
    return found[0]


def _checkpoint(trained):
    return max(glob.glob(os.path.join(trained, "**", "*.ckpt"), recursive=True), key=os.path.getmtime)


def test_a_run_leaves_checkpoints_settings_table_and_curves(trained):
    folder = os.path.dirname(_checkpoint(trained))
    assert folder.endswith("All/dropout_0.5/epochs_2/lr_0.001/residual/depth_2/linear_size32/batch_size_32/"
                           "no_procrustes/maxnorm/batch_normalization/predict_17")
    checkpoint = read_checkpoint(_checkpoint(trained))
    steps = checkpoint.meta["step"]
    assert checkpoint.meta["epoch"] == 2 and checkpoint.meta["batch"] == 0 and steps % 2 == 0
    assert checkpoint.meta["config"]["linear_size"] == 32
    assert checkpoint.extra["mean_2d"].shape == (64,)
    assert os.path.isfile(os.path.join(folder, f"checkpoint-{steps // 2}.ckpt"))
    lines = Path(folder, "metrics.csv").read_text().splitlines()
    assert lines[0] == "step,epoch,learning_rate,loss,mse,error_mm"
    rows = [dict(zip(lines[0].split(","), line.split(","))) for line in lines[1:]]
    losses = [float(row["loss"]) for row in rows if row["loss"]]
    assert [int(row["step"]) for row in rows if row["loss"]] == list(range(2, steps + 1, 2))
    assert losses[-1] < losses[0]
    assert len([row for row in rows if row["error_mm"]]) == 2
    assert Path(folder, "metrics.png").stat().st_size > 5000
    assert read_settings(["--config_path", os.path.join(folder, "config.yaml")]).batch_size == 32


def test_the_log_has_the_original_lines(tree, tmp_path, capsys):
    train.main([*SMALL, "--data_dir", tree, "--train_dir", str(tmp_path), "--epochs", "1", "--log_interval", "5"])
    text = capsys.readouterr().out
    assert re.search(r"^Working on epoch 1, batch 5 / \d+, loss [\d.]+ \.\.\. done in [\d.]+ ms$", text, re.M)
    for line in (r"={29}", r"Global step:         \d+", r"Learning rate:       1.00e-03",
                 r"Train loss avg:      [\d.]+", r"===Action=== ==mm==", r"Eating       +[\d.]+",
                 r"Average      +[\d.]+", r"={19}", r"Saving the model\.\.\. done in [\d.]+ ms .*"):
        assert re.search(f"^{line}$", text, re.M), line


def test_without_a_run_the_small_network_is_measured_and_nothing_goes_beside_it(tree, tmp_path, monkeypatch, capsys):
    before = sorted(os.listdir(SMALL_FOLDER))
    monkeypatch.chdir(tmp_path)
    eval_script.main(["--data_dir", tree, "--device_target", "CPU"])
    assert "using weights/pose_baseline_small.ckpt" in capsys.readouterr().out
    with open(tmp_path / "output" / "infer" / "eval_result.json", encoding="utf-8") as stream:
        assert json.load(stream)["error"] < 200  # the mean pose alone: more than 220
    assert sorted(os.listdir(SMALL_FOLDER)) == before


def test_the_lifter_works_in_parts(trained, monkeypatch):
    network, *_ = load_trained(read_settings(["--train_dir", trained]))
    whole = Lifter(network)(_inputs(11))
    monkeypatch.setattr("pose_baseline.src.network.PART", 4)
    assert np.abs(Lifter(network)(_inputs(11)) - whole).max() < 1e-5
    assert Lifter(network)(_inputs(1)).shape == (1, 48)


def test_tensorboard_gets_the_original_tags_and_the_profile_is_written(tree, tmp_path):
    train.main([*SMALL, "--data_dir", tree, "--train_dir", str(tmp_path), "--epochs", "1", "--log_interval", "2",
                "--tensorboard", "--profile"])
    content = Path(_only(str(tmp_path), "events.out.*")).read_bytes()
    for tag in (b"loss/loss", b"learning_rate/learning_rate", b"loss/error_mm"):
        assert tag in content
    assert "MatMul" in Path(_only(str(tmp_path), "operators.csv")).read_text()


def test_eval_repeats_the_figure_of_the_training(trained, tree, tmp_path):
    eval_script.main(["--train_dir", trained, "--data_dir", tree, "--output_dir", str(tmp_path),
                      "--device_target", "CPU"])
    result = json.loads((tmp_path / "eval_result.json").read_text())
    lines = Path(_only(trained, "metrics.csv")).read_text().splitlines()
    assert result["error"] == pytest.approx(float(lines[-1].split(",")[-1]), rel=1e-6)
    assert result["unit"] == "mm" and set(result["actions"]) == {"Eating", "Walking"}
    assert result["error"] == pytest.approx(np.mean(list(result["actions"].values())))
    assert list(result["joints"])[0] == "pelvis"
    eval_script.main(["--train_dir", trained, "--data_dir", tree, "--output_dir", str(tmp_path), "--procrustes",
                      "--evaluateActionWise", "false", "--drop_remainder", "--device_target", "CPU"])
    aligned = json.loads((tmp_path / "eval_result.json").read_text())
    assert aligned["metric"].startswith("PA-MPJPE") and aligned["error"] < result["error"]


def _inputs(count):
    return np.random.default_rng(1).standard_normal((count, 32)).astype(np.float32)


def test_exported_files_compute_what_the_network_computes(trained, tmp_path):
    network, *_ = load_trained(read_settings(["--train_dir", trained]))
    expected = Lifter(network)(_inputs(5))
    export.main(["--train_dir", trained, "--file_name", str(tmp_path / "free"), "--batch_size", "0",
                 "--device_target", "CPU"])
    cell = load_mindir(str(tmp_path / "free.mindir"), [(1, 32)])
    for size in (5, 2, 4):
        assert np.abs(cell(Tensor(_inputs(5)[:size])).asnumpy() - expected[:size]).max() < 1e-5
    description = json.loads((tmp_path / "free.json").read_text())
    assert description["input"]["joints"][0] == "pelvis" and description["batch_size"] == "free"
    assert len(description["input"]["mean"]) == 32 and len(description["output"]["std"]) == 48
    export.main(["--checkpoint", _checkpoint(trained), "--file_name", str(tmp_path / "five.onnx"), "--batch_size", "5",
                 "--file_format", "ONNX", "--device_target", "CPU"])
    import onnxruntime

    session = onnxruntime.InferenceSession(str(tmp_path / "five.onnx"))
    found = session.run(None, {session.get_inputs()[0].name: _inputs(5)})[0]
    assert np.abs(found - expected).max() < 1e-5


def test_the_pixel_export_takes_pixels_and_gives_millimetres(trained, tmp_path):
    network, _, statistics, _ = load_trained(read_settings(["--train_dir", trained]))
    pixels = statistics.restore_2d(_inputs(3)).astype(np.float32)
    millimetres = statistics.restore_3d(Lifter(network)(_inputs(3)))
    export.main(["--train_dir", trained, "--file_name", str(tmp_path / "px"), "--batch_size", "3", "--pixel_input",
                 "--device_target", "CPU"])
    found = load_mindir(str(tmp_path / "px.mindir"))(Tensor(pixels)).asnumpy()
    assert np.abs(found - millimetres).max() < 0.05
    assert json.loads((tmp_path / "px.json").read_text())["input"]["unit"] == "px"


def test_inference_from_a_file(trained, tree, tmp_path):
    data = load_dataset(read_settings(["--data_dir", tree, "--camera_frame"]))
    statistics, sequence = data.statistics, data.test.sequences[0]
    rows = slice(sequence.start, sequence.stop)
    pixels = statistics.restore_2d(data.test.inputs[rows]).reshape(-1, 16, 2)
    truth = targets_to_mm(data.test.targets[rows], statistics)
    np.save(tmp_path / "in.npy", pixels)
    np.save(tmp_path / "truth.npy", truth)
    out = tmp_path / "out"
    infer.main(["--train_dir", trained, "--input", str(tmp_path / "in.npy"), "--output_dir", str(out),
                "--ground_truth", str(tmp_path / "truth.npy"), "--animation", "mp4", "--device_target", "CPU"])
    network, *_ = load_trained(read_settings(["--train_dir", trained]))
    expected = targets_to_mm(Lifter(network)(data.test.inputs[rows]), statistics)
    with np.load(out / "predictions.npz") as found:
        assert found["joints_3d"].shape == (len(pixels), 17, 3)
        names = found["joint_names_3d"].tolist()
        assert np.abs(found["joints_3d"][:, names.index("right_knee")] - expected[:, 2]).max() < 0.1
        assert np.abs(found["joints_3d"][:, names.index("left_wrist")] - expected[:, 13]).max() < 0.1
    content = json.loads((out / "predictions.json").read_text())
    assert "mm" in json.dumps(content["units"])
    assert (out / "predictions.png").stat().st_size > 10000 and (out / "predictions.mp4").stat().st_size > 5000


def test_sample_draws_the_grid_of_the_step_that_is_asked_for(trained, tree):
    first = min(glob.glob(os.path.join(trained, "**", "checkpoint-*.ckpt"), recursive=True), key=os.path.getmtime)
    step = Path(first).stem.split("-")[1]
    arguments = [*SMALL, "--data_dir", tree, "--train_dir", trained, "--epochs", "2", "--sample", "--load"]
    predict_3dpose.main([*arguments, step])
    assert _only(trained, f"samples-{step}.png")
    with pytest.raises(UserError, match=f"step 99999 .*there: {step}, "):
        predict_3dpose.main([*arguments, "99999"])


def test_train_draws_samples_too_and_of_its_own_experiment(trained, tree, tmp_path):
    """A newer checkpoint of another experiment below the same folder is not taken."""
    arguments = [*SMALL, "--data_dir", tree, "--train_dir", str(tmp_path)]
    shutil.copytree(trained, tmp_path, dirs_exist_ok=True)
    other = tmp_path / "other" / "checkpoint-1.ckpt"
    other.parent.mkdir()
    other.write_bytes(b"newer")
    train.main([*arguments, "--epochs", "2", "--sample"])
    step = Path(_checkpoint(trained)).stem.split("-")[1]
    assert "epochs_2" in _only(str(tmp_path), f"samples-{step}.png")


def test_a_loss_scale_that_always_overflows_is_told(tree, tmp_path, capsys):
    train.main([*SMALL, "--data_dir", tree, "--train_dir", str(tmp_path), "--epochs", "1", "--amp_level", "O2",
                "--loss_scale", "1e30"])
    said = capsys.readouterr().out
    assert "every step of this epoch was skipped" in said and "Train loss avg:      nan" in said


def test_all_actions_are_one_experiment():
    folders = {experiment_folder(read_settings(["--action", name])) for name in ("All", "all")}
    assert len(folders) == 1 and "/All/" in folders.pop()


def test_world_frame_and_14_joints_train(tree, tmp_path):
    train.main(["--data_dir", tree, "--train_dir", str(tmp_path), "--epochs", "1", "--linear_size", "16",
                "--predict_14", "--device_target", "CPU"])
    folder = os.path.dirname(_only(str(tmp_path), "*.ckpt"))
    assert folder.endswith("not_residual/depth_2/linear_size16/batch_size_64/no_procrustes/no_maxnorm/"
                           "no_batch_normalization/predict_14")
    eval_script.main(["--train_dir", str(tmp_path), "--data_dir", tree, "--device_target", "CPU"])
    assert len(json.loads(Path(folder, "eval_result.json").read_text())["joints"]) == 14


@pytest.mark.parametrize("flag", ["--use_cpu", "--use_fp16"])
def test_flags_of_the_original_lead_somewhere(flag):
    config = read_settings([flag])
    assert (config.device_target == "CPU") == (flag == "--use_cpu")
    assert (config.amp_level == "O2") == (flag == "--use_fp16")


TRAIN, EVAL, EXPORT, INFER = train.main, eval_script.main, export.main, infer.main


@pytest.mark.parametrize("main, argv, words", [
    (TRAIN, ["--epoch", "1"], ["--epoch", "--epochs"]),
    (TRAIN, ["--dropout", "1.5"], ["--dropout", "above 0, up to 1"]),
    (TRAIN, ["--batch_size", "0"], ["--batch_size"]),
    (TRAIN, ["--batch_size", "100000"], ["--batch_size", "100000"]),
    (TRAIN, ["--batch_size", "400", "--drop_remainder"], ["Eating has", "fewer than one batch of 400"]),
    (TRAIN, ["--lr", "0"], ["--lr", "above 0"]),
    (TRAIN, ["--bn_momentum", "2"], ["--bn_momentum"]),
    (TRAIN, ["--bn_epsilon", "-1"], ["--bn_epsilon"]),
    (TRAIN, ["--fps", "0"], ["--fps"]),
    (TRAIN, ["--seed", "4294967296"], ["--seed", "4,294,967,295"]),
    (TRAIN, ["--batch_size", "2", "--accumulate", "2", "--batch_norm", "--bn_unbiased"], ["--bn_unbiased"]),
    (TRAIN, ["--train_dir", "/dev/null/x"], ["/dev/null/x", "cannot be written"]),
    (TRAIN, ["--accumulate", "5"], ["--accumulate", "--batch_size"]),
    (TRAIN, ["--amp_level", "O1"], ["--amp_level", "O0"]),
    (TRAIN, ["--loss_scale", "big"], ["--loss_scale", "dynamic"]),
    (TRAIN, ["--optimizer", "sgd"], ["--optimizer", "torch_adam"]),
    (TRAIN, ["--data_on_device", "maybe"], ["--data_on_device"]),
    (TRAIN, ["--device_target", "TPU"], ["TPU"]),
    (TRAIN, ["--data_dir", "/nowhere"], ["/nowhere"]),
    (TRAIN, ["--cameras_path", "/nowhere/metadata.xml"], ["/nowhere/metadata.xml"]),
    (TRAIN, ["--action", "Dancing"], ["Dancing"]),
    (TRAIN, ["--resume"], ["--resume", "no checkpoint"]),
    (TRAIN, ["--ckpt_file", "/nowhere/a.ckpt"], ["/nowhere/a.ckpt"]),
    (TRAIN, ["--enable_modelarts"], ["moxing"]),
    *((EVAL, [flag, "/nowhere/a.ckpt"], ["/nowhere/a.ckpt"]) for flag in (
        "--checkpoint", "--checkpoint_file_path", "--model_path", "--pretrained_model")),
    (EXPORT, ["--file_format", "TXT"], ["TXT", "MINDIR"]),
    (EXPORT, ["--file_format", "AIR"], ["AIR", "Ascend"]),
    (EXPORT, ["--file_format", "ONNX", "--batch_size", "0"], ["ONNX", "--batch_size"]),
    (EXPORT, ["--linear_size", "64"], ["--linear_size", "contradicts"]),
    (INFER, [], ["--input"]),
    (INFER, ["--input", "/nowhere.json"], ["--input /nowhere.json does not exist"]),
    (INFER, ["--input", "INPUT", "--animation", "avi"], ["--animation", "gif"]),
    (INFER, ["--input", "INPUT", "--rescale", "image", "--image_size", "wide"], ["--image_size", "wide"]),
    (INFER, ["--input", "INPUT", "--ground_truth", "/nowhere.npy"], ["/nowhere.npy"]),
])
def test_bad_input_is_one_sentence(main, argv, words, tree, trained, tmp_path):
    np.save(tmp_path / "input.npy", np.random.default_rng(0).uniform(100, 900, (2, 16, 2)))
    argv = [str(tmp_path / "input.npy") if value == "INPUT" else value for value in argv]
    defaults = {"--device_target": "CPU", "--output_dir": str(tmp_path / "out")}
    if main is TRAIN:
        defaults.update({"--data_dir": tree, "--train_dir": str(tmp_path), "--linear_size": "8"})
    else:
        defaults.update({"--train_dir": str(tmp_path) if main is EVAL else trained})
    for flag, value in defaults.items():
        if flag not in argv:
            argv += [flag, value]
    if main is EXPORT:
        argv += ["--file_name", str(tmp_path / "out")]
    with pytest.raises(UserError) as error:
        main(argv)
    assert all(word in str(error.value) for word in words), str(error.value)
    assert "\n" not in str(error.value)


def test_the_flag_at_fault_is_named():
    for flags, words in (([], "--input /nowhere.json does not"), (["--joint_order", "coco"], "--joint_order coco is")):
        with pytest.raises(UserError, match=f"^{words}"):
            infer.main(["--input", "/nowhere.json", *flags])


def test_the_shell_sees_one_line_and_status_1(tmp_path):
    done = subprocess.run([sys.executable, "train.py", "--data_dir", str(tmp_path / "none")],
                          cwd=ROOT / "pose_baseline", capture_output=True, text=True, timeout=120)
    assert done.returncode == 1
    assert done.stderr.startswith("error: ") and len(done.stderr.splitlines()) == 1
    assert "Traceback" not in done.stdout + done.stderr
