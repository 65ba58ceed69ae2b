"""What export.py writes: the network, or the network with the normalisation inside, and a description beside it."""
import json
import os

import numpy as np
from mindspore import Tensor, nn

from common.files import atomic_write
from pose_baseline.src.normalisation import INPUT_JOINTS, OUTPUT_JOINTS, OUTPUT_JOINTS_14


class PixelLifter(nn.Cell):
    """The network between pixels and millimetres.

    Args:
        network (LinearModel): normalised 2D to normalised 3D.
        statistics (Statistics): of the data that it was trained on.

    Inputs:
        - **pixels** (Tensor) - (B, 32), x y of 16 joints in pixels.

    Outputs:
        Tensor (B, 48 or 42), x y z of the joints in mm, relative to the pelvis.
    """

    def __init__(self, network, statistics):
        super().__init__(auto_prefix=False)
        self.network = network
        used_2d, used_3d = statistics.use_2d, statistics.use_3d
        # The way of `Statistics.normalise_2d` and `restore_3d`, applied to the unit poses, as factors and offsets.
        zero_2d, zero_3d = np.zeros((1, len(used_2d))), np.zeros((1, len(used_3d)))
        offset_in = statistics.normalise_2d(zero_2d)[0]
        factor_in = statistics.normalise_2d(zero_2d + 1.0)[0] - offset_in
        offset_out = statistics.restore_3d(zero_3d)[0, used_3d]
        factor_out = statistics.restore_3d(zero_3d + 1.0)[0, used_3d] - offset_out
        self.factor_in, self.mean_in = _constant(factor_in), _constant(-offset_in / factor_in)
        self.factor_out, self.offset_out = _constant(factor_out), _constant(offset_out)

    def construct(self, pixels):
        # The mean is taken off first: pixels times factor plus offset would lose digits in float32.
        return self.network((pixels - self.mean_in) * self.factor_in) * self.factor_out + self.offset_out


def _constant(values):
    return Tensor(np.asarray(values, np.float32))


def example_inputs(statistics, pixel_input):
    """Function batch size -> [array (B, 32)]: poses such as the exported network will see."""
    def make(batch_size):
        poses = np.random.default_rng(0).standard_normal((batch_size, 32))
        if pixel_input:
            poses = statistics.restore_2d(poses)[:, statistics.use_2d]
        return [poses.astype(np.float32)]
    return make


def write_description(path, config, statistics, checkpoint):
    """Write `<path without ending>.json`: joints, units and normalisation of an exported file."""
    outputs = OUTPUT_JOINTS_14 if config.predict_14 else OUTPUT_JOINTS
    content = {
        "model": "pose_baseline", "file": os.path.basename(path), "checkpoint": os.path.basename(checkpoint.path),
        "batch_size": config.batch_size or "free",
        "input": {"shape": [config.batch_size or "B", 32], "joints": list(INPUT_JOINTS),
                  "unit": "px" if config.pixel_input else "normalised: (px - mean) / std"},
        "output": {"shape": [config.batch_size or "B", 3 * len(outputs)], "joints": list(outputs),
                   "unit": "mm, relative to pelvis" if config.pixel_input else
                   "normalised: output * std + mean = mm, relative to pelvis",
                   "frame": "camera: x right, y down, z forward" if config.camera_frame else "world: z up"}}
    if statistics is not None and not config.pixel_input:
        for side, mean, std, used in (("input", statistics.mean_2d, statistics.std_2d, statistics.use_2d),
                                      ("output", statistics.mean_3d, statistics.std_3d, statistics.use_3d)):
            content[side].update(mean=mean[used].tolist(), std=std[used].tolist())
    atomic_write(os.path.splitext(path)[0] + ".json", (json.dumps(content, indent=1) + "\n").encode())
