"""Body models leave the training process: exported files with a free batch, and graphs for GPU."""
import platform
from pathlib import Path

import mindspore as ms
import numpy as np
import pytest
from golden_files import seeded
from mindspore import Tensor, nn, ops

from common.body_models.files import build_body_model
from common.body_models.mano import MANO
from common.body_models.smpl import SMPL
from common.body_models.smplx import SMPLX
from common.geometry import rotation_ops
from tools.lab import gpu_dry_compile

GOLDEN = Path(__file__).resolve().parents[2] / "golden"


def seeded_model(kind):
    return build_body_model(kind, seeded.body_model(kind, 1), "seeded")


class FromRot6D(nn.Cell):
    """SMPL behind the 6D rotations of a network."""

    def __init__(self):
        super().__init__()
        self.smpl = SMPL(seeded_model("smpl"), vertex_joints=True)

    def construct(self, rot6d, beta):
        return self.smpl(rotation_ops.rot6d_to_matrix(rot6d.reshape(-1, 24, 6)), beta)


def batch(size):
    rng = np.random.default_rng(size)
    return [rng.standard_normal((size, width)).astype(np.float32) for width in (144, 10)]


def test_mindir_with_a_free_batch(tmp_path):
    ms.set_context(mode=ms.GRAPH_MODE)
    cell = FromRot6D()
    expected = {size: [out.asnumpy() for out in cell(*map(Tensor, batch(size)))] for size in (3, 1)}
    free = [Tensor(shape=(None, width), dtype=ms.float32) for width in (144, 10)]
    ms.export(FromRot6D(), *free, file_name=str(tmp_path / "smpl"), file_format="MINDIR")
    graph = nn.GraphCell(ms.load(str(tmp_path / "smpl.mindir")))
    for size, wanted in expected.items():  # without set_inputs, which graphs that read the batch size need
        for actual, out in zip(graph(*map(Tensor, batch(size))), wanted):
            np.testing.assert_array_equal(actual.asnumpy(), out)


def test_onnx(tmp_path):
    onnxruntime = pytest.importorskip("onnxruntime")
    ms.set_context(mode=ms.GRAPH_MODE)
    cell, arrays = FromRot6D(), batch(2)
    expected = [out.asnumpy() for out in cell(*map(Tensor, arrays))]
    ms.export(cell, *map(Tensor, arrays), file_name=str(tmp_path / "smpl"), file_format="ONNX")
    session = onnxruntime.InferenceSession(str(tmp_path / "smpl.onnx"), providers=["CPUExecutionProvider"])
    outputs = session.run(None, {slot.name: array for slot, array in zip(session.get_inputs(), arrays)})
    for actual, wanted in zip(outputs, expected):
        np.testing.assert_allclose(actual, wanted, atol=1e-5)


class AllModels(nn.Cell):
    """Every body model and rotation behind one scalar, with its gradients."""

    def __init__(self):
        super().__init__()
        self.smpl = SMPL(seeded_model("smpl"), rotate_base=True, vertex_joints=True)
        self.smplx = SMPLX(seeded_model("smplx"))
        self.mano = MANO(seeded_model("mano_right"), num_pca=6, finger_tips=True)
        self.gradients = ops.grad(self.loss, (0, 1, 2))

    def loss(self, pose, beta, translation):
        root, hand = pose[:, :3], pose[:, 27:]
        meshes = (self.smpl(pose, beta, translation), self.mano(root, pose[:, :6], beta, translation),
                  self.smplx(root, pose[:, :63], hand, hand, root, root, root, beta, beta, translation))
        total = 0.0
        for vertices, joints in meshes:
            total += (vertices * vertices).sum() + (joints * joints).sum()
        matrices = rotation_ops.rot6d_to_matrix(pose.reshape(-1, 12, 6))
        return total + rotation_ops.quaternion_to_matrix(rotation_ops.axis_angle_to_quaternion(
            rotation_ops.matrix_to_axis_angle(matrices))).sum()

    def construct(self, pose, beta, translation):
        return self.gradients(pose, beta, translation)


def all_models():
    """What `gpu_dry_compile` compiles: a Cell and its inputs."""
    return AllModels(), tuple(Tensor(np.full((2, width), 0.1, np.float32)) for width in (72, 10, 3))


@pytest.mark.full
@pytest.mark.gpu
@pytest.mark.skipif(bool(gpu_dry_compile.missing_tools()) or platform.machine() != "x86_64",
                    reason="needs gcc and nm on x86-64")
def test_every_operator_has_a_gpu_kernel(tmp_path, monkeypatch):
    monkeypatch.setenv("PYTHONPATH", str(Path(__file__).resolve().parents[2] / "support"))  # this file is loaded there
    gpu_dry_compile.build_stubs(tmp_path / "cuda")
    result = gpu_dry_compile.dry_compile(f"{Path(__file__).resolve()}:all_models", tmp_path / "cuda")
    assert result.passed, str(result)
