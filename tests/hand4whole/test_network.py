"""Both networks against the published ones, at full size; and the parts of them by property."""

import hand4whole_network_cases as cases
import numpy as np
import pytest
from mindspore import Tensor

from common.geometry.rotation import axis_angle_to_matrix
from hand4whole.src.body import condense
from hand4whole.src.config import read_settings
from hand4whole.src.network import HAND_OUTPUTS, OUTPUTS, Hand4Whole, Sizes, WholeBody, build_network

# Parameters before they become rotations, boxes in px, positions in cells, metres; about ten times the rounding.
TOLERANCES = {"shape": 1e-5, "expr": 1e-5, "cam_trans": 1e-4, "vertices": 1e-3, "joint_proj": 5e-3, "joint_img": 1e-3,
              "lhand_bbox": 2e-3, "rhand_bbox": 2e-3, "face_bbox": 2e-3}


def matrices(pose):
    return axis_angle_to_matrix(pose.reshape(len(pose), -1, 3))


@pytest.mark.slow
def test_whole():
    case = cases.reference.load("network")
    outputs = cases.whole()(Tensor(cases.images("body", 512, 384)))
    found = {name: output.asnumpy() for name, output in zip(OUTPUTS, outputs)}
    found["vertices"] = found["vertices"][:, ::53]
    published = {"shape": "smplx_shape", "expr": "smplx_expr", "vertices": "smplx_mesh_cam",
                 "joint_proj": "smplx_joint_proj"}
    for name, tolerance in TOLERANCES.items():
        assert np.abs(found[name] - case[published.get(name, name)]).max() < tolerance, name
    for name in OUTPUTS[:5]:
        assert np.abs(matrices(found[name]) - matrices(case[f"smplx_{name}"])).max() < 2e-3, name


def test_hand_only():
    case = cases.reference.load("hand_only")
    outputs = cases.hand()(Tensor(cases.images("hand", 256, 256)))
    found = {name: output.asnumpy() for name, output in zip(HAND_OUTPUTS, outputs)}
    for name, wanted in (("cam_trans", "cam_trans"), ("joint_img", "joint_img"), ("mano_shape", "mano_shape"),
                         ("joints", "mano_joint_cam")):
        assert np.abs(found[name] - case[wanted]).max() < 1e-4, name
    assert np.abs(found["vertices"][:, ::7] - case["mano_mesh_cam"]).max() < 1e-4
    assert np.abs(matrices(found["mano_pose"]) - matrices(case["mano_pose"])).max() < 1e-4


def test_condensed_body_has_the_joints_of_the_whole():
    model, rng = cases.reference.model("smplx"), np.random.default_rng(0)
    rotations = [axis_angle_to_matrix(0.5 * rng.standard_normal((2, count, 3))) for count in (1, 21, 1)]
    numbers = [0.5 * rng.standard_normal((2, size)) for size in (45, 45, 10, 10)]
    inputs = [Tensor(array.astype(np.float32)) for array in
              (*rotations[:2], *numbers[:2], rotations[2], *numbers[2:])]
    vertices, joints = WholeBody(model)(*inputs)
    few, same = WholeBody(model, joints_only=True)(*inputs)
    assert joints.shape == (2, 137, 3) and np.abs(joints.asnumpy() - same.asnumpy()).max() < 1e-6
    assert few.shape[1] < vertices.shape[1] / 2
    # The first 21 places are those of the points on the skin.
    condensed, skin = condense(model)
    assert np.array_equal(condensed.v_template[skin[:2]], model.v_template[[9120, 9929]])


def test_the_resnets_have_widths_of_their_own():
    sizes = Sizes((64, 64), (64, 64), (2, 2, 2), (32, 32), (2, 1, 1), (32, 32))
    network = Hand4Whole(sizes, None, 18, 18, 18, 0.25, (2.0, 1.0, 0.5))
    resnets = network.backbone, network.hand_roi_net.backbone, network.face_roi_net.backbone
    assert [resnet.out_channels for resnet in resnets] == [256, 128, 64]
    # What follows them keeps the width of the network: a quarter of 512 channels.
    assert network.body_rotation_net.body_conv[0].weight.shape[:2] == (128, 256)
    hand = build_network(read_settings(["--parts", "hand", "--width", "0.25", "--resnet_type", "18",
                                        "--resnet_widths", "1,0.5,1"]), None)
    assert hand.backbone.out_channels == 64 and hand.rotation_net.conv[0].weight.shape[:2] == (128, 64)
