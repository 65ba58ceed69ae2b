"""Training poses seen from cameras that were not there, and 2D joints as a detector finds them.

A 3D pose in the frame of one camera is one in the frame of any other, once it is turned and moved; projecting it again
gives the other camera's 2D joints. So a few recorded views become views from all around, near and far, with long and
short lenses. Not part of the published training.
"""
import numpy as np
from scipy.spatial.transform import Rotation

from common.data.order import sample_rng
from common.joints import index_map
from pose_baseline.src.normalisation import INPUT_JOINTS, targets_to_mm

CENTRE_PX = 500.0  # middle of the 1000 x 1000 px images that the normalisation knows
YAW, PITCH, ROLL = np.pi, (-0.35, 0.8), 0.09  # rad: all around, from below and above, deviation of the camera's tilt
DISTANCE_MM = (2300.0, 9000.0)
SCALE = (0.10, 0.45)  # px per mm at the pelvis: people of 170 to 770 px
OFFSET_PX = (220.0, 130.0)  # of the pelvis from the middle, horizontal and vertical, at most
USUAL_HEIGHT_PX, HEIGHT_MM = 400.0, 1700.0


class PoseAugmentation:
    """Changes normalised training poses, each as a function of seed, epoch and sample number.

    Args:
        statistics (Statistics): of the training data, with 17 joints in the frame of the camera.
        share (float): of the poses that a new camera sees.
        noise_px (float): standard deviation of noise on 2D joints, in pixels of a person `USUAL_HEIGHT_PX` tall.
        seed (int): of the run.
    """

    def __init__(self, statistics, share, noise_px, seed):
        self.statistics, self.share, self.noise_px, self.seed = statistics, share, noise_px, seed
        self.rows = index_map("h36m_17", INPUT_JOINTS)
        self.outputs = index_map("h36m_17", statistics.output_joints)

    def __call__(self, rows, epoch, indices):
        """inputs (B, 32), targets (B, 48) -> the same of some other view, float32."""
        inputs, targets = rows
        drawn = [sample_rng(self.seed, epoch, int(index)) for index in indices]
        chance = np.stack([rng.random(9) for rng in drawn])
        noise = np.stack([rng.standard_normal((len(self.rows), 2)) for rng in drawn])
        joints = targets_to_mm(targets, self.statistics)
        pixels, scale = self.statistics.restore_2d(inputs).reshape(len(inputs), -1, 2), np.full(len(inputs), np.nan)
        chosen = chance[:, 0] < self.share
        turned, seen, scale[chosen] = virtual_view(joints[chosen], chance[chosen, 1:])
        joints[chosen], pixels[chosen] = turned, seen[:, self.rows]
        if self.noise_px:
            height = np.where(np.isnan(scale), np.ptp(pixels[..., 1], axis=1), scale * HEIGHT_MM)
            pixels += noise * (self.noise_px / USUAL_HEIGHT_PX * height)[:, None, None]
        inputs = self.statistics.normalise_2d(pixels.reshape(len(pixels), -1))
        targets = self.statistics.normalise_3d(joints[:, self.outputs].reshape(len(joints), -1))
        return [inputs.astype(np.float32), targets.astype(np.float32)]


def virtual_view(joints, chance):
    """Poses as another camera sees them.

    Args:
        joints (numpy.ndarray): (N, J, 3), mm, relative to the pelvis, in the frame of a nearly level camera (x right, y
            down, z forward).
        chance (numpy.ndarray): (N, 8) in [0, 1), decides the cameras.

    Returns:
        tuple: joints (N, J, 3) in the new camera's axes, relative to the pelvis; pixels (N, J, 2); px per mm at the
        pelvis (N,).
    """
    yaw = YAW * (2.0 * chance[:, 0] - 1.0)
    pitch = PITCH[0] + (PITCH[1] - PITCH[0]) * chance[:, 1]
    # Two chances make a triangle of about this deviation.
    roll = ROLL * np.sqrt(6.0) * (chance[:, 2] - chance[:, 7])
    turn = Rotation.from_euler("ZXY", np.column_stack([roll, pitch, yaw])).as_matrix()
    joints = joints @ turn.transpose(0, 2, 1)
    distance = DISTANCE_MM[0] * (DISTANCE_MM[1] / DISTANCE_MM[0]) ** chance[:, 3]
    scale = SCALE[0] * (SCALE[1] / SCALE[0]) ** chance[:, 4]
    offset = (2.0 * chance[:, [5, 6]] - 1.0) * OFFSET_PX
    root = np.column_stack([offset / scale[:, None], distance])
    points = joints + root[:, None]
    pixels = CENTRE_PX + (scale * distance)[:, None, None] * points[..., :2] / points[..., 2:]
    return joints, pixels, scale
