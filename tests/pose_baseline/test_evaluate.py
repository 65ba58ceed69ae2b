"""The whole small reference data set, evaluated with the reference network; and the rules by hand."""
import json

import numpy as np
import pytest
from golden_files import GOLDEN, load_module

from common.errors import UserError
from pose_baseline.src.config import read_settings
from pose_baseline.src.dataset import Sequence, Split, load_dataset
from pose_baseline.src.evaluate import evaluate
from pose_baseline.src.normalisation import Statistics

FOLDER = GOLDEN / "pose_baseline"
EPSILON = 1e-3


@pytest.fixture(scope="module")
def tree(tmp_path_factory):
    folder = str(tmp_path_factory.mktemp("h36m"))
    metadata = load_module(FOLDER / "metadata.py")
    metadata.write_sequences(folder, 1)
    metadata.write_metadata(folder + "/metadata.xml", 1)
    return folder


def reference_network(predict_14):
    """The residual network of the reference case `outputs_full` or `outputs_predict_14`, in numpy."""
    keys = json.loads((FOLDER / "tensorflow.keys.json").read_text())
    if predict_14:
        keys.update({"linear_model/w4": [1024, 42], "linear_model/b4": [42]})
    values = {name.removeprefix("linear_model/"): value
              for name, value in load_module(FOLDER / "variables.py").variables(keys, 1, True).items()}

    def linear(x, weight, bias):
        matrix = values[weight]
        return x @ (matrix / max(np.linalg.norm(matrix), 1.0)) + values[bias]

    def activate(x, norm):
        gamma, beta, mean, variance = (values[f"{norm}/{part}"]
                                       for part in ("gamma", "beta", "moving_mean", "moving_variance"))
        return np.maximum((x - mean) / np.sqrt(variance + EPSILON) * gamma + beta, 0.0)

    def predict(inputs):
        x = activate(linear(inputs, "w1", "b1"), "batch_normalization")
        for stage in (0, 1):
            block = f"two_linear_{stage}/"
            y = activate(linear(x, f"{block}w2_{stage}", f"{block}b2_{stage}"), f"{block}batch_normalization1{stage}")
            y = activate(linear(y, f"{block}w3_{stage}", f"{block}b3_{stage}"), f"{block}batch_normalization2{stage}")
            x = x + y
        return linear(x, "w4", "b4").astype(np.float32)

    return predict


@pytest.mark.parametrize("predict_14", [False, True])
def test_reference_errors(tree, predict_14):
    case = np.load(FOLDER / "dataset.npz")
    joints = "14" if predict_14 else "17"
    dataset = load_dataset(read_settings(["--data_dir", tree, "--camera_frame"]).replace(predict_14=predict_14))
    network = reference_network(predict_14)
    for procrustes, suffix in ((False, ""), (True, "_procrustes")):
        result = evaluate(network, dataset.test, dataset.statistics, procrustes, drop_remainder_of=64)
        assert tuple(result.actions) == load_module(FOLDER / "metadata.py").ACTIONS
        np.testing.assert_allclose(list(result.actions.values()), case[f"action_error_{joints}{suffix}"], atol=1e-3)
        np.testing.assert_allclose(result.total_error, case[f"total_error_{joints}{suffix}"], atol=1e-3)
        np.testing.assert_allclose(list(result.joints.values()), case[f"joint_error_{joints}{suffix}"], atol=1e-3)
        np.testing.assert_allclose(result.loss, case[f"loss_{joints}{suffix}"], rtol=1e-5)
        assert result.error == result.action_mean == pytest.approx(np.mean(list(result.actions.values())))

        mean_pose = evaluate(lambda inputs: np.zeros((len(inputs), 42 if predict_14 else 48), np.float32),
                             dataset.test, dataset.statistics, procrustes, drop_remainder_of=64)
        np.testing.assert_allclose(list(mean_pose.actions.values()),
                                   case[f"mean_pose_action_error_{joints}{suffix}"], atol=1e-3)


def small_split():
    """Three Walking frames and one Eating frame; statistics with mean 0 and deviation 1, so values are mm."""
    statistics = Statistics(np.zeros(64), np.ones(64), np.zeros(96), np.ones(96))
    targets = np.zeros((4, 48), np.float32)
    targets[3] = 0.5
    sequences = (Sequence(9, "Eating", "Eating", "54138969", 3, 4), Sequence(9, "Walking", "Walking", "54138969", 0, 3))
    return Split(np.arange(128, dtype=np.float32).reshape(4, 32), targets, sequences), statistics


def test_root_counts_and_actions_weigh_the_same():
    split, statistics = small_split()

    def predict(inputs):  # every joint is off by (3, 4, 0) mm, except in the last frame
        outputs = np.tile(np.float32([3, 4, 0]), (len(inputs), 16))
        outputs[inputs[:, 0] == 96] = 0.5
        return outputs

    result = evaluate(predict, split, statistics)
    walking = 5 * 16 / 17
    assert result.actions == pytest.approx({"Eating": 0.0, "Walking": walking})
    assert result.action_mean == result.error == pytest.approx(walking / 2)
    assert result.total_error == pytest.approx(walking * 3 / 4)
    assert evaluate(predict, split, statistics, action_wise=False).error == result.total_error
    assert result.joints["pelvis"] == 0 and result.joints["head"] == pytest.approx(5 * 3 / 4)
    assert result.loss == pytest.approx(25 / 3 * 3 / 4)


def test_remainder_is_left_out_per_action_and_of_the_whole():
    split, statistics = small_split()

    def predict(inputs):  # the frame's number as an error along x
        outputs = np.zeros((len(inputs), 48), np.float32)
        outputs[:, 0::3] = inputs[:, :1] / 32
        return outputs

    walking_only = Split(split.inputs[:3], split.targets[:3], split.sequences[1:])
    result = evaluate(predict, walking_only, statistics, drop_remainder_of=2)
    assert result.actions["Walking"] == pytest.approx(0.5 * 16 / 17)
    with pytest.raises(UserError, match="Eating has 1 frames"):
        evaluate(predict, split, statistics, drop_remainder_of=2)


def test_a_network_of_another_width_is_refused():
    split, statistics = small_split()
    with pytest.raises(ValueError, match="broadcast"):
        evaluate(lambda inputs: np.zeros((len(inputs), 42)), split, statistics)


def test_frames_are_measured_part_by_part(monkeypatch):
    split, statistics = small_split()
    calls = []

    def predict(inputs):
        calls.append(inputs[:, 0].tolist())
        outputs = np.zeros((len(inputs), 48), np.float32)
        outputs[:, 0::3] = inputs[:, :1] / 32
        return outputs

    monkeypatch.setattr("pose_baseline.src.evaluate.BATCH", 3)
    parts = evaluate(predict, split, statistics)
    assert calls == [[0, 32, 64], [96]]
    monkeypatch.setattr("pose_baseline.src.evaluate.BATCH", 2)
    assert evaluate(predict, split, statistics) == parts and [len(rows) for rows in calls[2:]] == [2, 2]
    monkeypatch.undo()
    assert evaluate(predict, split, statistics) == parts and len(calls[-1]) == 4 and len(calls) == 5
