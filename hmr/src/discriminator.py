"""The discriminator: does this pose and this shape look like those of real people?

Source: Kanazawa et al., CVPR 2018. It judges 25 things at once: the rotation of each of the 23 joints (root excluded)
on its own, all of them together, and the shape. The first layers are shared by all joints. Weights of the whole-pose
part are stored joint by joint; pytorch_HMR's, which come channel by channel, are reordered when they are converted.
"""
import numpy as np
from mindspore import Parameter, Tensor, nn, ops

from common.initial import dense
from common.precision import Float32Cell, as_float32
from hmr.src.network import NUM_BETAS

NUM_JOINTS = 23
JOINT_FEATURES = 32


class Discriminator(Float32Cell):
    """Realism of poses and shapes; a real one should give 1, a predicted one 0.

    Args:
        rng (numpy.random.Generator): source of the initial weights.
        activation (bool): ReLU after the two layers that all joints share.
        shape_sizes (tuple): widths of the hidden layers of the shape part.
        hidden_size (int): width of the hidden layers of the whole-pose part.

    Inputs:
        - **rotmat** (Tensor) - (B, 24, 3, 3); the root's is not looked at.
        - **beta** (Tensor) - (B, 10).

    Outputs:
        Tensor (B, 25): joints 1 to 23 of SMPL, whole pose, shape.
    """

    def __init__(self, rng, activation=False, shape_sizes=(5,), hidden_size=1024):
        super().__init__()
        self.joint1 = dense(rng, 9, JOINT_FEATURES)
        self.joint2 = dense(rng, JOINT_FEATURES, JOINT_FEATURES)
        bound = 1.0 / np.sqrt(JOINT_FEATURES)
        self.head_weight = Parameter(Tensor(rng.uniform(-bound, bound, (NUM_JOINTS, JOINT_FEATURES))
                                            .astype(np.float32)), name="head_weight")
        self.head_bias = Parameter(Tensor(rng.uniform(-bound, bound, NUM_JOINTS).astype(np.float32)), name="head_bias")
        self.pose = _layers(rng, (NUM_JOINTS * JOINT_FEATURES, hidden_size, hidden_size, 1))
        self.shape = _layers(rng, (NUM_BETAS, *shape_sizes, 1))
        self.activation = activation

    def construct(self, rotmat, beta):
        x = as_float32(rotmat).reshape(-1, 24, 9)[:, 1:].reshape(-1, 9)
        x = self.joint1(x)
        if self.activation:
            x = ops.relu(x)
        x = self.joint2(x)
        if self.activation:
            x = ops.relu(x)
        joints = x.reshape(-1, NUM_JOINTS, JOINT_FEATURES)
        joints = (joints * self.head_weight).sum(-1) + self.head_bias
        pose = self.pose(x.reshape(-1, NUM_JOINTS * JOINT_FEATURES))
        return ops.concat((joints, pose, self.shape(as_float32(beta))), 1)


def _layers(rng, sizes):
    """Dense layers with ReLU between them, the Dense ones at even numbers."""
    cells = []
    for in_size, out_size in zip(sizes[:-1], sizes[1:]):
        cells += [dense(rng, in_size, out_size), nn.ReLU()]
    return nn.SequentialCell(cells[:-1])


def build_discriminator(convention, hidden_size=1024, seed=0):
    """A discriminator as a convention has it, with initial weights.

    Args:
        convention (Convention): conventions.
        hidden_size (int): width of the whole-pose part.
        seed (int): of the initial weights.

    Returns:
        Discriminator: its parameters are called `critic...`, so that they share a checkpoint with the generator's.
    """
    discriminator = Discriminator(np.random.default_rng([seed, 1]), convention.discriminator_activation,
                                  convention.discriminator_shape_sizes, hidden_size)
    discriminator.update_parameters_name("critic.")
    return discriminator
