"""The two sides of benchmark_body_models.py: the body models of this project, and the same computation in PyTorch."""
import time

import numpy as np
from mindspore import Tensor, nn, ops

from common.body_models.files import SIZES, BodyModel
from common.body_models.lbs import LinearBlendSkinning
from common.geometry.rotation_ops import axis_angle_to_matrix

NUM_SHAPES = {"smpl": 10, "smplx": 20, "mano_right": 10}  # SMPL-X: shape and expression
RUNS = 20  # timed calls of one side before it is the other's turn


def compare(kind, batch_size, repeats, reference):
    """Both sides: {pass: (MindSpore's times in ms, PyTorch's, largest relative difference of the results)}."""
    model = random_model(kind, np.random.default_rng(1))
    rng = np.random.default_rng(2)
    pose = 0.3 * rng.standard_normal((batch_size, 3 * len(model.parents))).astype(np.float32)
    shape = rng.standard_normal((batch_size, NUM_SHAPES[kind])).astype(np.float32)
    cell, gradients = Skinning(model), Gradients(Skinning(model))
    theirs = TorchSide(model, pose, shape, reference)
    inputs = Tensor(pose), Tensor(shape)
    passes = {
        "forward": (lambda: wait(cell(*inputs)), theirs.forward),
        "forward + backward": (lambda: wait(gradients(*inputs)), theirs.backward),
    }
    rows = {}
    for label, (ours, other) in passes.items():
        difference = max(np.abs(a.asnumpy() - b).max() / np.abs(b).max() for a, b in zip(ours(), other()))
        rows[label] = (*alternate(ours, other, repeats), difference)
    return rows


def alternate(first, second, repeats):
    """Times in milliseconds of two functions in alternating rounds."""
    times = [[], []]
    for _ in range(repeats):
        for slot, function in enumerate((first, second)):
            for _ in range(2):  # until the threads of the other side are asleep
                function()
            for _ in range(RUNS):
                start = time.perf_counter()
                function()
                times[slot].append(1e3 * (time.perf_counter() - start))
    return times


def wait(outputs):
    """Graph calls return before the work is done; reading the smaller output waits for all of it."""
    outputs[-1].asnumpy()
    return outputs


class Skinning(nn.Cell):
    """Axis-angle and shape to vertices and joints."""

    def __init__(self, model):
        super().__init__()
        self.num_joints = len(model.parents)
        self.skinning = LinearBlendSkinning(model, model.shapedirs)

    def construct(self, pose, shape):
        vertices, joints, _ = self.skinning(shape, axis_angle_to_matrix(pose.reshape(-1, self.num_joints, 3)))
        return vertices, joints


class Gradients(nn.Cell):
    """Gradients of the sum of squared coordinates with respect to pose and shape."""

    def __init__(self, skinning):
        super().__init__()
        self.skinning = skinning
        self.gradients = ops.grad(self.loss, (0, 1))

    def loss(self, pose, shape):
        vertices, _ = self.skinning(pose, shape)
        return (vertices * vertices).sum()

    def construct(self, pose, shape):
        return self.gradients(pose, shape)


class TorchSide:
    """The same two passes in PyTorch."""

    def __init__(self, model, pose, shape, reference):
        import torch

        def tensor(array):
            return torch.tensor(np.ascontiguousarray(array, np.float32))

        self.lbs, self.no_grad = reference, torch.no_grad
        self.pose, self.shape = tensor(pose), tensor(shape)
        num_vertices = len(model.v_template)
        self.constants = (tensor(model.v_template), tensor(model.shapedirs),
                          tensor(model.posedirs.reshape(3 * num_vertices, -1).T), tensor(model.J_regressor),
                          torch.tensor(model.parents), tensor(model.weights))

    def forward(self):
        with self.no_grad():
            return [out.numpy() for out in self.lbs(self.shape, self.pose, *self.constants)]

    def backward(self):
        pose, shape = self.pose.clone().requires_grad_(), self.shape.clone().requires_grad_()
        vertices, _ = self.lbs(shape, pose, *self.constants)
        (vertices * vertices).sum().backward()
        return [pose.grad.numpy(), shape.grad.numpy()]


def torch_lbs():
    """The smplx package's function, or the formula, and the name to print."""
    try:
        from smplx.lbs import lbs
        return lbs, "smplx package"
    except ImportError:
        return plain_lbs, "written from the formula"


def plain_lbs(shape, pose, v_template, shapedirs, posedirs, regressor, parents, weights):
    """Linear blend skinning in the order of the SMPL paper, with the smplx package's arguments."""
    import torch
    batch, num_joints = len(pose), len(parents)
    rotation = _rodrigues(pose.reshape(-1, 3)).reshape(batch, num_joints, 3, 3)
    shaped = v_template + torch.einsum("bs,vcs->bvc", shape, shapedirs)
    joints = torch.einsum("bvc,jv->bjc", shaped, regressor)
    bend = (rotation[:, 1:] - torch.eye(3)).reshape(batch, -1)
    rest = shaped + (bend @ posedirs).reshape(batch, -1, 3)
    local = torch.cat([rotation, _bones(joints, parents)[..., None]], -1)
    chain = [local[:, 0]]
    for joint in range(1, num_joints):
        parent = chain[parents[joint]]
        moved = parent[..., :3] @ local[:, joint]
        chain.append(torch.cat([moved[..., :3], moved[..., 3:] + parent[..., 3:]], -1))
    world = torch.stack(chain, 1)
    shift = world[..., 3] - (world[..., :3] @ joints[..., None])[..., 0]
    blended = (weights @ torch.cat([world[..., :3], shift[..., None]], -1).reshape(batch, num_joints, 12))
    blended = blended.reshape(batch, -1, 3, 4)
    return (blended[..., :3] @ rest[..., None])[..., 0] + blended[..., 3], world[..., 3]


def _bones(joints, parents):
    import torch
    return torch.cat([joints[:, :1], joints[:, 1:] - joints[:, parents[1:]]], 1)


def _rodrigues(vectors):
    import torch
    angle = torch.linalg.norm(vectors + 1e-8, dim=1)
    x, y, z = (vectors / angle[:, None]).unbind(-1)
    zero = torch.zeros_like(x)
    cross = torch.stack([zero, -z, y, z, zero, -x, -y, x, zero], -1).reshape(-1, 3, 3)
    sin, cos = torch.sin(angle)[:, None, None], torch.cos(angle)[:, None, None]
    return torch.eye(3) + sin * cross + (1 - cos) * (cross @ cross)


def random_model(kind, rng):
    """A body model of random numbers with the sizes, tree depth and scale of the real one."""
    num_vertices, num_faces, num_joints = SIZES[kind]
    # Four joints for each vertex, 200 vertices for each joint.
    weights = rng.random((num_vertices, num_joints)) * _sparse_mask(rng, num_vertices, num_joints, 4)
    regressor = rng.random((num_joints, num_vertices)) * _sparse_mask(rng, num_joints, num_vertices, 200)
    # Every joint hangs on the one three before it: nine generations for 24 joints.
    parents = np.maximum(np.arange(num_joints) - 3, 0)
    parents[0] = -1
    return BodyModel(
        kind=kind, source="random", v_template=rng.standard_normal((num_vertices, 3)),
        faces=np.zeros((num_faces, 3), np.int64),
        shapedirs=0.01 * rng.standard_normal((num_vertices, 3, NUM_SHAPES[kind])),
        posedirs=0.002 * rng.standard_normal((num_vertices, 3, 9 * (num_joints - 1))),
        J_regressor=regressor / regressor.sum(1, keepdims=True), weights=weights / weights.sum(1, keepdims=True),
        parents=parents, extras={})


def _sparse_mask(rng, rows, columns, per_row):
    """(rows, columns) of zeros with `per_row` ones in each row."""
    mask = np.zeros((rows, columns))
    np.put_along_axis(mask, np.argsort(rng.random((rows, columns)), 1)[:, :per_row], 1, 1)
    return mask
