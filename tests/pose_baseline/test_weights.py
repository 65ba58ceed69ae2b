"""Published weights through tools/pth2ckpt.py, measured on the reference data set."""
import json
import os

import numpy as np
import pytest

from common.engine.checkpoint import read_checkpoint
from common.errors import UserError
from pose_baseline import eval as eval_script
from pose_baseline import infer, train
from pose_baseline.src.config import read_settings
from pose_baseline.src.network import load_trained
from pose_baseline.src.weights import convert_weights
from tools.pth2ckpt import main as pth2ckpt


@pytest.fixture(scope="module")
def full_tree(tmp_path_factory, golden):
    folder = tmp_path_factory.mktemp("full")
    golden.metadata.write_sequences(str(folder), 1)
    golden.metadata.write_metadata(str(folder / "metadata.xml"), 1)
    return str(folder)


def _real_variables(golden, **settings):
    """As in a real checkpoint: with step, rate and the optimizer's slots."""
    arrays = golden.tensorflow_variables(**settings)
    slots = {f"{name}/Adam{end}": array for name, array in arrays.items() for end in ("", "_1") if "moving" not in name}
    return {**arrays, **slots, "global_step": np.array(4874200, np.int32), "learning_rate": np.float32(0.001),
            "beta1_power": np.float32(0), "beta2_power": np.float32(0)}


@pytest.mark.parametrize("predict_14, suffix", [(False, "_17"), (True, "_14")])
def test_tensorflow_variables_give_the_original_errors(full_tree, tmp_path, golden, predict_14, suffix, capsys):
    np.savez(tmp_path / "tf.npz", **_real_variables(golden, predict_14=predict_14))
    ckpt = str(tmp_path / "tf.ckpt")
    pth2ckpt(["--model", "pose_baseline", "--pth_path", str(tmp_path / "tf.npz"), "--ckpt_path", ckpt])
    said = capsys.readouterr().out
    assert "linear_model/w1 -> first.dense.weight (1024, 32)" in said and "32 arrays mapped, 48 left out" in said
    assert read_checkpoint(ckpt).meta["step"] == 4874200
    case = golden.load("dataset")
    for flags, key in (([], ""), (["--procrustes"], "_procrustes")):
        if f"action_error{suffix}{key}" not in case:
            continue
        eval_script.main(["--ckpt_file", ckpt, "--data_dir", full_tree, "--output_dir", str(tmp_path), "--camera_frame",
                          "--drop_remainder", "--device_target", "CPU", *flags])
        result = json.loads((tmp_path / "eval_result.json").read_text())
        expected = case[f"action_error{suffix}{key}"]
        assert np.abs(np.array(list(result["actions"].values())) - expected).max() < 1e-3


def test_the_recipe_gives_way_to_the_checkpoint(full_tree, tmp_path, golden, capsys):
    np.savez(tmp_path / "tf.npz", **golden.tensorflow_variables(width=16, max_norm=False))
    ckpt, recipe = str(tmp_path / "tf.ckpt"), os.path.join(os.path.dirname(eval_script.__file__), "recipe.yaml")
    pth2ckpt(["--model", "pose_baseline", "--pth_path", str(tmp_path / "tf.npz"), "--ckpt_path", ckpt, "--variant",
              "no_max_norm", "--quiet"])
    arguments = ["--config_path", recipe, "--ckpt_file", ckpt, "--data_dir", full_tree, "--output_dir", str(tmp_path),
                 "--device_target", "CPU"]
    eval_script.main(arguments)
    assert "max_norm is False, as checkpoint" in capsys.readouterr().out
    with pytest.raises(UserError, match="--max_norm True contradicts"):
        eval_script.main([*arguments, "--max_norm"])


def test_published_weights_predict_in_the_frame_of_the_camera(golden):
    arrays = golden.torch_state(width=16)
    assert convert_weights(arrays, {}, "", "file")[1]["camera_frame"] is True
    assert convert_weights(arrays, {}, "world_frame", "file")[1]["camera_frame"] is False


def test_training_from_weights_of_other_settings_says_so(full_tree, tmp_path, golden, capsys):
    np.savez(tmp_path / "in.npz", **golden.torch_state(width=16))
    ckpt = str(tmp_path / "start.ckpt")
    pth2ckpt(["--model", "pose_baseline", "--pth_path", str(tmp_path / "in.npz"), "--ckpt_path", ckpt, "--quiet"])
    arguments = ["--ckpt_file", ckpt, "--data_dir", full_tree, "--train_dir", str(tmp_path), "--epochs", "1",
                 "--linear_size", "16", "--batch_norm", "--residual", "--camera_frame", "--batch_size", "4096",
                 "--device_target", "CPU"]
    train.main(arguments)
    assert "was made with bn_epsilon 1e-05, bn_momentum 0.9, bn_unbiased True" in capsys.readouterr().out
    train.main([*arguments, "--bn_epsilon", "1e-5", "--bn_momentum", "0.9", "--bn_unbiased"])
    assert "was made with" not in capsys.readouterr().out


def test_statistics_travel_with_converted_weights(full_tree, tmp_path, golden):
    np.savez(tmp_path / "tf.npz", **golden.tensorflow_variables(width=16))
    ckpt, keypoints = str(tmp_path / "tf.ckpt"), str(tmp_path / "in.npy")
    np.save(keypoints, np.random.default_rng(0).uniform(200, 800, (3, 16, 2)))
    arguments = ["--model", "pose_baseline", "--pth_path", str(tmp_path / "tf.npz"), "--ckpt_path", ckpt, "--quiet"]
    run = ["--ckpt_file", ckpt, "--input", keypoints, "--output_dir", str(tmp_path / "out"), "--device_target", "CPU"]
    pth2ckpt(arguments)
    with pytest.raises(UserError, match="--statistics"):
        infer.main(run)
    case = golden.load("dataset")
    np.savez(tmp_path / "statistics.npz", predict_14=np.array(0),
             **{name: case[name] for name in ("mean_2d", "std_2d", "mean_3d", "std_3d")})
    pth2ckpt([*arguments, "--statistics", str(tmp_path / "statistics.npz")])
    infer.main(run)
    assert os.path.isfile(tmp_path / "out" / "predictions.npz")


@pytest.mark.torch
@pytest.mark.parametrize("form", ["plain", "module", "no_counts", "legacy"])
def test_pytorch_checkpoints_convert(tmp_path, golden, form):
    torch = pytest.importorskip("torch")
    state = {name: torch.tensor(array) for name, array in golden.torch_state(width=16).items()}
    if form == "module":
        state = {f"module.{name}": value for name, value in state.items()}
    if form == "no_counts":
        state = {name: value for name, value in state.items() if "num_batches" not in name}
    content = {"epoch": 200, "lr": 1e-4, "step": 24371, "err": 43.0, "state_dict": state,
               "optimizer": {"state": {}, "param_groups": []}}
    path, ckpt = str(tmp_path / "ckpt_best.pth.tar"), str(tmp_path / "out.ckpt")
    torch.save(content, path, _use_new_zipfile_serialization=form != "legacy")
    pth2ckpt(["--model", "pose_baseline", "--pth_path", path, "--ckpt_path", ckpt])
    found = read_checkpoint(ckpt)
    assert found.meta["step"] == 24371 and found.meta["config"]["bn_epsilon"] == 1e-5
    assert found.meta["config"]["max_norm"] is False
    assert (found.weights["stages.1.second.norm.moving_variance"]
            == golden.torch_state(width=16)["linear_stages.1.batch_norm2.running_var"]).all()


@pytest.mark.torch
@pytest.mark.parametrize("form", ["parameters", "half", "bfloat16", "double"])
def test_tensors_of_all_kinds_convert(tmp_path, golden, form):
    torch = pytest.importorskip("torch")
    state = {name: torch.tensor(array) for name, array in golden.torch_state(width=16).items()}
    change = {"parameters": torch.nn.Parameter, "half": torch.Tensor.half, "bfloat16": torch.Tensor.bfloat16,
              "double": torch.Tensor.double}[form]
    state = {name: change(value) if value.is_floating_point() else value for name, value in state.items()}
    torch.save(state, tmp_path / "in.pth")
    pth2ckpt(["--model", "pose_baseline", "--pth_path", str(tmp_path / "in.pth"), "--ckpt_path",
              str(tmp_path / "out.ckpt")])
    found = read_checkpoint(str(tmp_path / "out.ckpt")).weights["first.dense.bias"]
    assert found.dtype == np.float32 and (found == state["w1.bias"].detach().float().numpy()).all()


@pytest.mark.torch
@pytest.mark.parametrize("change, words", [
    ({"state_dict": {"note": "text"}}, "note are no plain arrays"), ({"state_dict": {1: np.zeros(2)}}, "no names"),
    ({"step": "late"}, "step is 'late'"),
    ({"state_dict": {"linear_stages.99999.w1.bias": np.zeros(2)}}, "numbered .*99999")])
def test_odd_pytorch_files_are_refused(tmp_path, golden, change, words):
    torch = pytest.importorskip("torch")
    state = {name: torch.tensor(array) for name, array in golden.torch_state(width=16).items()}
    state.update({name: torch.tensor(value) if isinstance(value, np.ndarray) else value
                  for name, value in change.get("state_dict", {}).items()})
    torch.save({"step": 1, **change, "state_dict": state}, tmp_path / "in.pth")
    with pytest.raises(UserError, match=words):
        pth2ckpt(["--model", "pose_baseline", "--pth_path", str(tmp_path / "in.pth"), "--ckpt_path",
                  str(tmp_path / "out.ckpt")])


@pytest.mark.torch
def test_what_is_no_weight_is_listed(tmp_path, golden, capsys):
    torch = pytest.importorskip("torch")
    state = {name: torch.tensor(array) for name, array in golden.torch_state(width=16).items()}
    torch.save({"state_dict": state, "err": torch.tensor(43.0), "lr": 0.1}, tmp_path / "in.pth")
    pth2ckpt(["--model", "pose_baseline", "--pth_path", str(tmp_path / "in.pth"), "--ckpt_path",
              str(tmp_path / "out.ckpt")])
    said = capsys.readouterr().out
    assert "err left out: not a weight" in said and "lr left out: not a weight" in said


@pytest.mark.torch
def test_a_pytorch_file_cannot_run_code(tmp_path):
    torch = pytest.importorskip("torch")
    marker = tmp_path / "ran"

    class Payload:
        def __reduce__(self):
            return os.mkdir, (str(marker),)

    torch.save({"state_dict": Payload()}, str(tmp_path / "bad.pth"))
    with pytest.raises(UserError, match="refused"):
        pth2ckpt(["--model", "pose_baseline", "--pth_path", str(tmp_path / "bad.pth"), "--ckpt_path",
                  str(tmp_path / "out.ckpt")])
    assert not marker.exists() and not (tmp_path / "out.ckpt").exists()


def _broken(arrays, how):
    arrays = dict(arrays)
    if how == "missing":
        del arrays["linear_model/two_linear_1/b3_1"]
    elif how == "unknown":
        arrays["linear_model/w9"] = np.zeros(3, np.float32)
    elif how == "shape":
        arrays["linear_model/b1"] = np.zeros(15, np.float32)
    elif how == "nan":
        arrays["linear_model/b1"] = np.full(16, np.nan, np.float32)
    return arrays


@pytest.mark.parametrize("how, words", [("missing", "missing for stages.1.second.dense.bias"),
                                        ("unknown", "unknown names: linear_model/w9"),
                                        ("shape", r"first.dense.bias is \(15,\), the network has \(16,\)"),
                                        ("nan", "not finite")])
def test_any_doubt_is_an_error(golden, how, words):
    with pytest.raises(UserError, match=words):
        convert_weights(_broken(golden.tensorflow_variables(width=16), how), {}, "", "tf.npz")


@pytest.mark.parametrize("argv, words", [
    (["--model", "none"], "--model none"), (["--pth_path", "/nowhere.npz"], "/nowhere.npz"),
    (["--ckpt_path", "out.bin"], ".ckpt"), (["--variant", "best"], "--variant best"),
    (["--variant", "weigq,tensorflow"], "contradict"), (["--unknown"], "--unknown"),
    (["--statistics", "/nowhere.npz"], "--statistics /nowhere.npz does not exist"),
    (["--statistics", "/nowhere.ckpt"], "--statistics /nowhere.ckpt does not exist"),
    (["--ckpt_path", "/dev/null/a.ckpt"], "cannot be written")])
def test_bad_arguments_are_named(golden, tmp_path, argv, words):
    np.savez(tmp_path / "tf.npz", **golden.tensorflow_variables(width=16))
    arguments = {"--model": "pose_baseline", "--pth_path": str(tmp_path / "tf.npz"),
                 "--ckpt_path": str(tmp_path / "out.ckpt")}
    arguments.update(dict(zip(argv[::2], argv[1::2])) if len(argv) == 2 else {})
    flat = [word for pair in arguments.items() for word in pair] + (argv if len(argv) == 1 else [])
    with pytest.raises(UserError, match=words):
        pth2ckpt(flat)


def test_checkpoints_of_other_makers_are_read_by_name(tmp_path, golden):
    from common.engine.checkpoint import write_checkpoint

    write_checkpoint(str(tmp_path / "port.ckpt"), golden.torch_state(width=16))
    pth2ckpt(["--model", "pose_baseline", "--pth_path", str(tmp_path / "port.ckpt"), "--ckpt_path",
              str(tmp_path / "out.ckpt"), "--quiet"])
    found = read_checkpoint(str(tmp_path / "out.ckpt")).weights["first.dense.bias"]
    assert (found == golden.torch_state(width=16)["w1.bias"]).all()


@pytest.mark.parametrize("change", [{"linear_size": 8192}, {"num_layers": 32}])
def test_sizes_that_are_not_those_of_the_weights(tmp_path, golden, change):
    from common.engine.checkpoint import write_checkpoint

    np.savez(tmp_path / "tf.npz", **_real_variables(golden))
    ckpt = str(tmp_path / "tf.ckpt")
    pth2ckpt(["--model", "pose_baseline", "--pth_path", str(tmp_path / "tf.npz"), "--ckpt_path", ckpt])
    good = read_checkpoint(ckpt)
    meta = {**good.meta, "config": {**good.meta["config"], "linear_size": 1024, "num_layers": 2, **change}}
    write_checkpoint(ckpt, good.weights, good.extra, meta)
    with pytest.raises(UserError, match="tf.ckpt is damaged: it states .*, its weights have 1024 and 2"):
        load_trained(read_settings(["--ckpt_file", ckpt]), need_statistics=False)
