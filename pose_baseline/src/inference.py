"""What infer.py and --sample do with a trained network: lift people, and compare them with the truth."""
import logging
import os

import numpy as np

from common.data.restricted_pickle import load_npy, load_npz
from common.engine.checkpoint import CheckpointFolder
from common.errors import UserError
from common.joints import SKELETONS
from common.metrics import mpjpe
from pose_baseline.src.config import experiment_folder, results_folder
from pose_baseline.src.dataset import load_dataset
from pose_baseline.src.drawing import Sample, sample_grid
from pose_baseline.src.keypoint_files import raw_detections
from pose_baseline.src.keypoints import fit_to_camera, lifter_tracks, read_keypoints
from pose_baseline.src.network import Lifter, load_trained
from pose_baseline.src.normalisation import targets_to_mm
from pose_baseline.src.outputs import LiftedTrack

LOGGER = logging.getLogger("mindhuman")
NUM_SAMPLES = 15


def read_truth(path, predictions, statistics):
    """True joints for one person, relative to the pelvis, or None without a path.

    Args:
        path (str): npy, or npz with one array or `joints_3d`: (T, 17, 3) or (T, 32, 3), mm, axes as predicted.

    Raises:
        UserError: several people, or another number of frames or joints.
    """
    if not path:
        return None
    if len(predictions) != 1:
        raise UserError(f"--ground_truth {path}: the input holds {len(predictions)} people; truth is drawn for one")
    if not os.path.isfile(path):
        raise UserError(f"--ground_truth {path} does not exist")
    try:
        content = load_npz(path) if path.endswith(".npz") else {"joints_3d": load_npy(path)}
        truth = np.asarray(content["joints_3d"] if "joints_3d" in content else next(iter(content.values())))
    except (ValueError, StopIteration):
        raise UserError(f"--ground_truth {path} is damaged or is no npy or npz of plain numbers") from None
    frames = len(predictions[0].joints_3d)
    names = {32: SKELETONS["h36m_32"], 17: SKELETONS["h36m_17"]}.get(truth.shape[1] if truth.ndim == 3 else None)
    if names is None or truth.shape[2] != 3 or len(truth) != frames:
        raise UserError(f"--ground_truth {path} has shape {truth.shape}; ({frames}, 17, 3) or ({frames}, 32, 3) is "
                        "needed")
    truth = truth - truth[:, names.index("pelvis")][:, None]
    return truth[:, [names.index(joint) for joint in statistics.evaluated_joints]].astype(np.float32)


def _space(config):
    return "camera" if config.camera_frame else "world"


def sample(config):
    """The original's --sample: 15 random test poses as a grid of 2D input, truth and prediction -> its path."""
    config = config.replace(ckpt_file=config.ckpt_file or _checkpoint_of(config))
    network, config, statistics, checkpoint = load_trained(config, need_statistics=False)
    data = load_dataset(config, ("test",) if statistics else ("train", "test"), statistics)
    split, statistics = data.test, data.statistics
    rows = np.random.default_rng(config.seed).choice(len(split.inputs), min(NUM_SAMPLES, len(split.inputs)), False)
    joints_2d = statistics.restore_2d(split.inputs[rows]).reshape(len(rows), -1, 2)
    truth = targets_to_mm(split.targets[rows], statistics)
    predicted = targets_to_mm(Lifter(network)(split.inputs[rows]), statistics)
    sequences = [next(one for one in split.sequences if one.start <= row < one.stop) for row in rows]
    samples = [Sample(*arrays, f"S{sequence.subject} {sequence.name}")
               for *arrays, sequence in zip(joints_2d, truth, predicted, sequences)]
    path = os.path.join(results_folder(config, checkpoint), f"samples-{checkpoint.meta.get('step', 0)}.png")
    sample_grid(samples, path, _space(config))
    LOGGER.info("MPJPE of the %d poses: %.2f mm", len(rows), mpjpe(predicted, truth))
    LOGGER.info("Wrote %s", path)
    return path


def _checkpoint_of(config):
    """--load N names a step of this experiment; else its newest checkpoint is taken, or the newest of all."""
    store = CheckpointFolder(experiment_folder(config))
    if config.load:
        return store.at(config.load).path
    newest = store.newest()
    return newest.path if newest else ""


class Lifting:
    """pose_baseline in Python: 2D joints in, 3D joints out.

    Args:
        space (str): axes of its results, a key of `outputs.SPACES`.
        min_confidence (float): joints with a higher score count.
        fps (float): frames per second where nothing says it.
    """

    name = "pose_baseline"

    def __init__(self, lifter, statistics, space, min_confidence, fps):
        self.lifter, self.statistics, self.space = lifter, statistics, space
        self.min_confidence, self.fps = min_confidence, fps

    @property
    def joint_names(self):
        """Names of the joints of `LiftedTrack.joints_3d`."""
        return tuple(self.statistics.evaluated_joints)

    def __call__(self, source, joint_order=None, image_size=None, rescale=None):
        """A list of `LiftedTrack`, one for each person.

        Args:
            source: file or folder of 2D joints (docs/inputs.md), or what `load("openpose")` gave: one or a list of
                `Poses2D`. Those of a video are one person over time each, those of images stand alone.
            joint_order (str): of a file that does not say it. image_size (tuple): (width, height), px, of its images.
            rescale (str): none, image or body, see `fit_to_camera`. Else none for files, as infer.py has it, and body
                for what openpose gave: it suits images of any size.

        Raises:
            UserError: nothing can be read, or nobody has the whole body.
        """
        if isinstance(source, str | os.PathLike):
            tracks = read_keypoints(os.fspath(source), joint_order, self.min_confidence, image_size)
            return self.lift(tracks, rescale or "none", image_size)
        images = [source] if hasattr(source, "joints") else list(source)
        return self.lift(lifter_tracks(*raw_detections(images, self.min_confidence), self.min_confidence),
                         rescale or "body", image_size, _mean_fps(images))

    def lift(self, tracks, rescale, image_size=None, fps=0.0):
        """A `LiftedTrack` of each `KeypointTrack`; see `fit_to_camera`. fps: frames per second where it is known."""
        statistics = self.statistics
        fitted = fit_to_camera(tracks, rescale, image_size, statistics.mean_2d[statistics.use_2d].reshape(16, 2))
        joints = np.concatenate([track.joints.reshape(-1, 32) for track in fitted])
        poses = targets_to_mm(self.lifter(statistics.normalise_2d(joints).astype(np.float32)), statistics)
        lifted = np.split(poses.astype(np.float32), np.cumsum([len(track.joints) for track in fitted])[:-1])
        return [LiftedTrack(track.person, track.frames, track.frame_names, track.joints, track.observed, poses,
                            "h36m_14" if statistics.predict_14 else "h36m_17", self.space, fps or self.fps)
                for track, poses in zip(tracks, lifted)]


def _mean_fps(images):
    """Of `Poses2D`s of a video; 0 where they tell no times."""
    times = [image.time_s for image in images if image.time_s is not None]
    return (len(times) - 1) / (times[-1] - times[0]) if len(times) > 1 and times[-1] > times[0] else 0.0


def open_model(config):
    """The trained pose_baseline of the settings, and its settings with those of its checkpoint.

    Raises:
        UserError: no checkpoint, or weights that do not fit.
    """
    network, config, statistics, checkpoint = load_trained(config)
    model = Lifting(Lifter(network), statistics, _space(config), config.min_confidence, config.fps)
    return model, config.replace(ckpt_file=checkpoint.path)
