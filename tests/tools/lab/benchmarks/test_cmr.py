"""The PyTorch network of the benchmark against the published one."""

import cmr_golden as golden
import numpy as np
import pytest
from mindspore import Tensor

from cmr.src.loss import CMRLoss
from cmr.src.mesh import GraphBody
from common.data.crops import crop_stretched
from tools.lab.torch_reference.cmr import build_loss, build_reference
from tools.lab.torch_reference.layers import build_smpl


@pytest.mark.slow
@pytest.mark.torch
def test_the_network_that_we_compare_with_is_the_published_one():
    torch = pytest.importorskip("torch")
    body = GraphBody(golden.body(), golden.mesh(), golden.regressor())
    network = build_reference(torch, body).eval()
    state = {name: torch.from_numpy(np.array(array)) for name, array in golden.torch_state().items()}
    missing, surplus = network.load_state_dict(state, strict=False)
    # Arrays that the published forward pass does not use.
    assert not missing and all(".skip_conv." in name or ".fc." in name for name in surplus)
    image = golden.seeded.image("cmr/person", 361, 481, 1) // 2 + 40
    crop = crop_stretched(image, (240.3, 181.1), 241 / 200, 224) / 255
    crop = (crop - (0.485, 0.456, 0.406)) / (0.229, 0.224, 0.225)
    with torch.no_grad():
        outputs = network(torch.from_numpy(crop.transpose(2, 0, 1)[None].astype(np.float32)))
    expected = golden.load("cmr")
    for name, value in zip(("vertices", "camera", "vertices_smpl", "rotmat", "betas"), outputs):
        value = value.numpy()[:, ::13] if name.startswith("vertices") else value.numpy()
        assert np.abs(value - expected[name][:1]).max() < 1e-4, name


@pytest.mark.torch
def test_the_loss_that_we_compare_with_is_ours():
    torch = pytest.importorskip("torch")
    body = GraphBody(golden.body(), golden.mesh(), golden.regressor())
    shapes = {"vertices": (2, 6890, 3), "camera": (2, 3), "smpl_vertices": (2, 6890, 3), "rotmat": (2, 24, 3, 3),
              "betas": (2, 10), "j2d": (2, 24, 3), "j3d": (2, 24, 4), "pose": (2, 72), "shape": (2, 10)}
    arrays = [golden.array(f"benchmark/{name}", shape) for name, shape in shapes.items()]
    everybody = Tensor(np.ones(2, np.float32))
    ours, _ = CMRLoss(golden.smpl(), body.regressor)(tuple(map(Tensor, arrays[:5])), *map(Tensor, arrays[5:]),
                                                     everybody, everybody)
    outputs, labels = ([torch.from_numpy(array.copy()) for array in part] for part in (arrays[:5], arrays[5:]))
    theirs = build_loss(torch, body, build_smpl(torch, body.model))(outputs, *labels)
    assert abs(float(ours.asnumpy()) / float(theirs) - 1) < 1e-5
