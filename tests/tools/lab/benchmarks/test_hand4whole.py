"""The PyTorch network of the benchmark against the published one."""

import hand4whole_network_cases as cases
import numpy as np
import pytest

from common.geometry.rotation import axis_angle_to_matrix
from tools.lab.torch_reference.hand4whole import build_whole, training_step


@pytest.mark.full
@pytest.mark.torch
def test_the_network_that_we_compare_with_is_the_published_one():
    torch = pytest.importorskip("torch")
    network = build_whole(torch, cases.reference.model("smplx")).eval()
    state = {name: torch.from_numpy(np.array(array)) for name, array in cases.state("network").items()}
    network.load_state_dict(state)
    with torch.no_grad():
        outputs = network(torch.from_numpy(cases.images("body", 512, 384)))
    rotmat, shape, expr, cam_trans, vertices, places, _, _ = (output.numpy() for output in outputs)
    case = cases.reference.load("network")
    parts = ("root_pose", "body_pose", "lhand_pose", "rhand_pose", "jaw_pose")
    pose = np.concatenate([case[f"smplx_{part}"] for part in parts], 1)
    assert np.abs(rotmat - axis_angle_to_matrix(pose.reshape(2, -1, 3))).max() < 2e-3
    for found, wanted in ((shape, "smplx_shape"), (expr, "smplx_expr"), (cam_trans, "cam_trans")):
        assert np.abs(found - case[wanted]).max() < 1e-4, wanted
    assert np.abs(vertices[:, ::53] - case["smplx_mesh_cam"]).max() < 1e-3
    assert np.abs(places[:, :25] - case["mid/body_joint_img"]).max() < 1e-3
    batch = [tensor.asnumpy() for tensor in cases.whole_batch()]
    step = training_step(torch, network, batch)
    assert step() > step()
