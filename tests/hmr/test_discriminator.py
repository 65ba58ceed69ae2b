"""The discriminator against the published implementation, and its parts by hand."""

import hmr_golden as golden
import numpy as np
import pytest
from mindspore import Tensor

from common.errors import UserError
from common.geometry.rotation import axis_angle_to_matrix
from hmr.src.conventions import CONVENTIONS, convention_of
from hmr.src.discriminator import Discriminator, build_discriminator
from hmr.src.weights import convert_weights


def inputs(theta):
    """(B, 85) -> what the discriminator takes."""
    rotmat = axis_angle_to_matrix(theta[:, 3:75].reshape(-1, 24, 3)).astype(np.float32)
    return Tensor(rotmat), Tensor(np.ascontiguousarray(theta[:, 75:]))


def test_values_of_pytorch_hmr():
    case = golden.load("discriminator")
    conversion, settings, _ = convert_weights(golden.state("discriminator"), {}, "", "case")
    assert settings["part"] == "critic" and convention_of(settings, "case").name == "pytorch_hmr"
    discriminator = golden.fill(build_discriminator(CONVENTIONS["pytorch_hmr"]), conversion.weights)
    assert all(parameter.name.startswith("critic.") for parameter in discriminator.get_parameters())
    assert np.abs(discriminator(*inputs(case["theta"])).asnumpy() - case["out"]).max() < 1e-4


def slim_discriminator(rng, hidden):
    """Variables of the original's discriminator, as TensorFlow stores them."""
    shapes = {"D_conv1": (1, 1, 9, 32), "D_conv2": (1, 1, 32, 32), "D_alljoints_fc1": (736, hidden),
              "D_alljoints_fc2": (hidden, hidden), "D_alljoints_out": (hidden, 1), "shape_fc1/shape_fc1_1": (10, 10),
              "shape_fc1/shape_fc1_2": (10, 5), "shape_final": (5, 1),
              **{f"pose_out_j{joint}": (32, 1) for joint in range(23)}}
    arrays = {}
    for name, shape in shapes.items():
        arrays[f"D/{name}/weights"] = (rng.standard_normal(shape) / np.sqrt(shape[-2])).astype(np.float32)
        arrays[f"D/{name}/biases"] = rng.standard_normal(shape[-1]).astype(np.float32)
    return arrays


def test_values_of_the_original():
    """Against the layers of the original's Discriminator_separable_rotations, written out in numpy."""
    rng = np.random.default_rng(1)
    arrays = slim_discriminator(rng, 48)
    state = {"global_step": np.array(7), "mean_param": np.zeros((1, 85)), "D/D_conv1/weights/Adam": np.zeros(3),
             "beta1_power_1": np.array(0.5), "3D_module/fc1/weights": np.zeros((2, 2))}
    conversion, settings, step = convert_weights({**arrays, **state}, {}, "tf_critic", "case")
    assert step == 7 and settings["convention"] == "tf" and settings["hidden_size"] == 48
    discriminator = golden.fill(build_discriminator(CONVENTIONS["tf"], 48), conversion.weights)
    theta = golden.load("discriminator")["theta"]
    rotmat, beta = inputs(theta)

    def layer(x, name, active=True):
        weight = arrays[f"D/{name}/weights"]
        y = x @ weight.reshape(weight.shape[-2:]) + arrays[f"D/{name}/biases"]
        return np.maximum(y, 0) if active else y

    joints = layer(layer(rotmat.asnumpy().reshape(-1, 24, 9)[:, 1:], "D_conv1"), "D_conv2")
    each = [layer(joints[:, joint], f"pose_out_j{joint}", False) for joint in range(23)]
    whole = layer(layer(joints.reshape(len(joints), -1), "D_alljoints_fc1"), "D_alljoints_fc2")
    shape = layer(layer(beta.asnumpy(), "shape_fc1/shape_fc1_1"), "shape_fc1/shape_fc1_2")
    expected = np.concatenate([*each, layer(whole, "D_alljoints_out", False), layer(shape, "shape_final", False)], 1)
    assert np.abs(discriminator(rotmat, beta).asnumpy() - expected).max() < 1e-5


def test_what_each_value_looks_at():
    discriminator = Discriminator(np.random.default_rng(0), hidden_size=16)
    theta = golden.load("discriminator")["theta"][:1].repeat(4, 0)
    theta[1, 3:6] += 1  # the root
    theta[2, 3 + 3 * 5] += 1  # joint 5
    theta[3, 80] += 1  # shape
    values = discriminator(*inputs(theta)).asnumpy()
    changed = np.abs(values[1:] - values[0]) > 1e-7
    assert not changed[0].any()
    assert np.flatnonzero(changed[1]).tolist() == [4, 23]
    assert np.flatnonzero(changed[2]).tolist() == [24]


def test_incomplete_discriminator_is_refused():
    arrays = golden.state("discriminator")
    del arrays["pose_discriminator.fc_layer.7.bias"]
    with pytest.raises(UserError, match=r"case cannot be converted: it has no pose_discriminator.fc_layer.7.bias"):
        convert_weights(arrays, {}, "", "case")
