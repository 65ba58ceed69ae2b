"""Generator, regressor and body against the published implementations, and their conventions by property."""

import h5py
import hmr_golden as golden
import mindspore as ms
import numpy as np
import pytest
from mindspore import Tensor, nn

from common.backbones.folding import fold_batch_norm
from common.body_models.companions import MeanParams, load_mean_params
from common.body_models.files import load_body_model
from common.body_models.smpl import SMPL
from common.data.crops import crop_cubic, grown_square
from common.errors import UserError
from common.geometry import rotation
from hmr.src.conventions import CONVENTIONS, convention_of, network_input
from hmr.src.network import (
    JOINTS,
    OUTPUTS,
    IterativeRegressor,
    build_parts,
    mean_state,
    posed_rotmat,
    split_theta,
)
from hmr.src.weights import convert_weights

ZERO_MEAN = MeanParams(pose=np.zeros(72), shape=np.zeros(10), cam=np.array([0.9, 0, 0]))


def network_of(name):
    """A generator with published weights, and its convention."""
    conversion, settings, _ = convert_weights(golden.state(name), {}, "", "case")
    convention = convention_of(settings, "case")
    sizes = {key: settings[key] for key in ("depth", "width", "hidden_size", "iterations")}
    network = golden.build_hmr(convention, golden.body_model(), ZERO_MEAN, **sizes)
    return golden.fill(network, conversion.weights), convention


@pytest.fixture(scope="module")
def pytorch_hmr():
    return network_of("generator")


@pytest.fixture(scope="module")
def spin():
    return network_of("spin")


class AllRounds(nn.Cell):
    """Features and the body of every round."""

    def __init__(self, network):
        super().__init__(auto_prefix=False)
        self.network = network

    def construct(self, image):
        results = ()
        for state in self.network.states(image):
            results += (self.network.body(state),)
        return self.network.encoder(image), results


def inputs(images, convention):
    return np.stack([network_input(image, convention) for image in images])


def crops():
    """The persons of the case `lsp/0` and `lsp/1`, cut out of their images."""
    boxes = golden.load("preprocess")["lsp/box"].astype(np.float64)
    images = [golden.seeded.image(f"hmr/image{number}", *size, golden.SEED)
              for number, size in enumerate(((240, 320), (300, 200)))]
    return [crop_cubic(image, grown_square(box[:2], box[2:]), 224) for image, box in zip(images, boxes)]


@pytest.mark.parametrize("prefix, images", [("square", golden.squares), ("crop", crops)])
def test_all_rounds_of_pytorch_hmr(pytorch_hmr, prefix, images):
    network, convention = pytorch_hmr
    case = golden.load("generator")
    image = inputs(images(), convention)
    if prefix == "crop":
        assert np.abs(image[:, :, ::7, ::7] - case["crop_input"]).max() < 0.008
    features, rounds = AllRounds(network)(Tensor(image))
    assert np.abs(features.asnumpy() - case[f"{prefix}_features"]).max() < 1e-4
    keys = dict(zip(OUTPUTS, ("theta", "verts", "j2d", "j3d", "rotmat")))
    for number, outputs in enumerate(rounds):
        for name, value in zip(OUTPUTS, outputs):
            found = value.asnumpy()[:, ::53] if name == "vertices" else value.asnumpy()
            assert np.abs(found - case[f"{prefix}_{keys[name]}"][number]).max() < 1e-4, (number, name)
    for value, last in zip(network(Tensor(image)), rounds[-1]):
        assert np.array_equal(value.asnumpy(), last.asnumpy())


def test_folded(pytorch_hmr):
    network, convention = pytorch_hmr
    image = Tensor(inputs(golden.squares(), convention))
    folded = fold_batch_norm(golden.build_hmr(convention, golden.body_model(), ZERO_MEAN), network)
    for found, wanted in zip(folded(image), network(image)):
        assert np.abs(found.asnumpy() - wanted.asnumpy()).max() < 1e-4


def test_spin(spin):
    network, convention = spin
    case = golden.load("spin")
    image = inputs(golden.squares(), convention)
    assert np.abs(image[:, :, ::7, ::7] - case["input"]).max() < 1e-6
    _, rounds = AllRounds(network)(Tensor(image))
    for number, (theta, _, _, _, rotmat) in enumerate(rounds):
        cam, pose, beta = split_theta(theta.asnumpy())
        assert np.abs(cam - case["cam"][number]).max() < 1e-4
        assert np.abs(beta - case["betas"][number]).max() < 1e-4
        assert np.abs(rotmat.asnumpy() - case["rotmat"][number]).max() < 1e-4
        # The pose in theta says the same as the matrices.
        assert np.abs(rotation.axis_angle_to_matrix(pose.reshape(-1, 24, 3)) - case["rotmat"][number]).max() < 1e-4


def test_mean_params_files(tmp_path):
    path = tmp_path / "neutral_smpl_mean_params.h5"
    with h5py.File(path, "w") as file:
        for name, value in golden.mean_arrays().items():
            file[name] = value
    assert np.abs(mean_state(load_mean_params(str(path)), "axis_angle") - golden.mean_theta()).max() < 1e-7
    case = golden.load("spin")
    path = tmp_path / "smpl_mean_params.npz"
    np.savez(path, **{name: case[f"init_{name}"].reshape(-1) for name in ("pose", "shape", "cam")})
    mean = load_mean_params(str(path))
    expected = np.concatenate([case[f"init_{name}"].reshape(-1) for name in ("cam", "pose", "shape")])
    assert np.abs(mean_state(mean, "rot6d") - expected).max() < 1e-7
    # A 6D mean as axis-angle, and back again, is the same set of rotations.
    back = mean_state(mean, "axis_angle")[3:75].reshape(24, 3)
    matrices = rotation.rot6d_to_matrix(case["init_pose"].reshape(24, 6))
    assert np.abs(rotation.axis_angle_to_matrix(back) - matrices).max() < 1e-5


@pytest.mark.parametrize("convention", CONVENTIONS.values(), ids=CONVENTIONS)
@pytest.mark.parametrize("mean_pose", ["axis_angle", "rot6d"])
def test_first_body_stands_upright(convention, mean_pose):
    """The camera's y axis points down, so the head has the smaller y, in every convention and from both mean files."""
    mean = load_mean_params()
    if mean_pose == "rot6d":
        turned = rotation.axis_angle_to_matrix(np.concatenate([[[np.pi, 0, 0]], np.zeros((23, 3))]))
        mean = MeanParams(pose=rotation.matrix_to_rot6d(turned).reshape(-1), shape=mean.shape, cam=mean.cam)
    network = golden.build_hmr(convention, load_body_model("smpl"), mean, width=0.125, hidden_size=8)
    state = network.regressor.mean.asnumpy()
    assert state[:3] == pytest.approx([0.9, 0, 0])
    _, vertices, joints2d, _, rotmat = network.body(Tensor(state[None]))
    joints = dict(zip(JOINTS, joints2d.asnumpy()[0]))
    assert joints["head_top"][1] < joints["neck"][1] < joints["left_hip"][1] < joints["left_ankle"][1]
    # Seen from the front: the left hand is on the right of the image.
    assert joints["left_wrist"][0] > joints["right_wrist"][0]
    standard = SMPL(load_body_model("smpl"))
    expected, _ = standard(Tensor(posed_rotmat(rotmat.asnumpy(), convention.rotate_base)), Tensor(state[None, -10:]))
    assert np.abs(vertices.asnumpy() - expected.asnumpy()).max() < 1e-6


def test_regressor_by_hand():
    """One feature, no activation, one round: state + w3 (w2 (w1 [f, state] + b1) + b2) + b3."""
    regressor = IterativeRegressor(np.random.default_rng(0), 1, np.zeros(85), hidden_size=1, iterations=2,
                                   activation=True)
    for layer in (regressor.fc1, regressor.fc2):
        layer.weight.set_data(Tensor(np.eye(1, layer.weight.shape[1], dtype=np.float32)))
        layer.bias.set_data(Tensor(np.zeros(1, np.float32)))
    regressor.fc3.weight.set_data(Tensor(np.full((85, 1), 2, np.float32)))
    first, second = regressor(Tensor([[3.0], [-3.0]], ms.float32))
    # ReLU stops the negative feature; the state does not enter, its weights are zero.
    assert np.array_equal(first.asnumpy(), np.repeat([[6.0], [0.0]], 85, 1))
    assert np.array_equal(second.asnumpy(), np.repeat([[12.0], [0.0]], 85, 1))
    keep = np.ones((2, 4, 1), np.float32)
    keep[0, 1] = 0  # second hidden layer of the first round
    keep[0, 2] = 2  # first hidden layer of the second
    first, second = regressor(Tensor([[3.0], [3.0]], ms.float32), Tensor(keep))
    assert np.array_equal(first.asnumpy()[:, 0], [0.0, 6.0])
    assert np.array_equal(second.asnumpy()[:, 0], [12.0, 12.0])


def test_convention_settings():
    for convention in CONVENTIONS.values():
        assert convention_of(convention.settings(), "case") is convention
    with pytest.raises(UserError, match="rotate_base False"):
        convention_of({**CONVENTIONS["pytorch_hmr"].settings(), "rotate_base": False}, "case.ckpt")
    with pytest.raises(UserError, match="does not say"):
        convention_of({}, "case.ckpt")
    for name in ("hmr3", ["spin"], {}):
        with pytest.raises(UserError, match="choose one of"):
            convention_of({"convention": name}, "case.ckpt")
    with pytest.raises(UserError, match="frozen batch norm"):
        build_parts(CONVENTIONS["tf"], ZERO_MEAN, depth=18)


def test_network_input():
    image = np.zeros((2, 4, 3), np.uint8)
    image[..., 0] = 255
    assert np.abs(network_input(image, CONVENTIONS["tf"])[:, 0, 0] - [1, -1, -1]).max() < 1e-6
    assert np.abs(network_input(image, CONVENTIONS["pytorch_hmr"])[:, 0, 0] - [-1, -1, 1]).max() < 1e-6
    expected = [(1 - 0.485) / 0.229, -0.456 / 0.224, -0.406 / 0.225]
    found = network_input(image, CONVENTIONS["spin"])
    assert found.dtype == np.float32 and found.shape == (3, 2, 4)
    assert np.abs(found[:, 1, 1] - expected).max() < 1e-6


def test_joint_names():
    assert len(JOINTS) == 19 and JOINTS[2:4] == ("right_hip", "left_hip") and len(set(JOINTS)) == 19
