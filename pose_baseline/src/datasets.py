"""The batches of a training, and what a folder of Human3.6M holds and lacks."""
import os

import numpy as np
from tqdm import tqdm

from common.data.arrays import ArrayLoader, DropoutMasks
from common.data.findings import ERROR, NOTE, OK, Finding
from common.data.readers import human36m
from common.data.readers.stacked_hourglass import FOLDERS, find_detections
from common.data.readers.videopose3d import POSES_FILE
from common.errors import UserError, counted
from pose_baseline.src.augment import PoseAugmentation
from pose_baseline.src.dataset import open_poses
from pose_baseline.src.normalisation import Statistics

RECORDINGS_PER_SUBJECT = 2 * len(human36m.ACTIONS)


def build_loader(config, runtime, data):
    """`ArrayLoader` of the training poses, shuffled, with dropout masks where units are dropped.

    Raises:
        UserError: fewer poses than one batch.
    """
    masks = augment = None
    if config.dropout < 1.0:
        masks = DropoutMasks((config.batch_size, config.linear_size), 1 + 2 * config.num_layers, config.dropout,
                             config.seed, runtime.rank)
    if config.virtual_cameras or config.noise_px:
        augment = PoseAugmentation(data.statistics, config.virtual_cameras, config.noise_px, config.seed)
    on_device = {"true": True, "false": False, "auto": runtime.device_target != "CPU"}[config.data_on_device]
    loader = ArrayLoader([data.train.inputs, data.train.targets], config.batch_size, config.seed, True, runtime.rank,
                         runtime.rank_size, masks, on_device and augment is None, augment)
    if loader.steps_per_epoch == 0:
        raise UserError(f"--batch_size {config.batch_size} on {counted(runtime.rank_size, 'worker')} is more than "
                        f"the {counted(len(data.train.inputs), 'training pose')}: make it smaller")
    return loader


def require_same_poses(checkpoint, statistics):
    """Refuse to continue a run on other poses than it was trained on; None, for no checkpoint, passes.

    Sums may differ in their last digits between machines, so nearly equal statistics are equal.
    """
    before = Statistics.from_arrays(checkpoint.extra) if checkpoint is not None else statistics
    for key, array in statistics.to_arrays().items():
        if not np.allclose(getattr(before, key), array, rtol=1e-6, atol=1e-6):
            raise UserError(f"--resume: {checkpoint.path} was trained on other poses ({key} differs): name the same "
                            "--data_dir, or start a new run from its weights with --ckpt_file and without --resume")


def check_folder(data_path):
    """`Finding`s of what a Human3.6M folder holds and lacks, for `tools/check_data.py`; all 3D poses are read."""
    try:
        human36m.read_cameras(os.path.join(data_path, "metadata.xml"))
        cameras = Finding(OK, "metadata.xml", f"{len(human36m.CAMERA_NAMES)} cameras of every subject")
    except UserError as error:
        cameras = Finding(ERROR, "metadata.xml", str(error))
    has_tree = any(human36m.cdf_files(data_path, subject) for subject in human36m.SUBJECTS)
    has_packed = os.path.isfile(os.path.join(data_path, POSES_FILE))
    if not has_tree and not has_packed:
        return [cameras, Finding(ERROR, "3D poses", f"neither S<subject>/{human36m.POSE_FOLDER}/*.cdf nor {POSES_FILE}",
                                 _advice_for_nothing(data_path))]
    layout = f"{POSES_FILE} of VideoPose3D"
    if has_tree:
        also = f"; {POSES_FILE} is there too and is not used" if has_packed else ""
        layout = f"CDF files of Poses_D3_Positions{also}"
    return [cameras, Finding(OK, "3D poses", layout), *_check_subjects(data_path), *_check_detections(data_path)]


def _advice_for_nothing(data_path):
    """What looks like a step that was left out."""
    names = sorted(os.listdir(data_path))
    archives = [name for name in names if name.startswith("Poses_D3_Positions") and name.endswith((".tgz", ".tar.gz"))]
    if archives:
        return f"unpack {', '.join(archives)} here: for file in *.tgz; do tar -xzf $file; done"
    nested = [name for name in names if os.path.isdir(os.path.join(data_path, name, "S1"))]
    if nested:
        return f"use {os.path.join(data_path, nested[0])}, where S1 lies"
    if os.path.isdir(os.path.join(data_path, "S1", "MyPoses")):
        return "MyPoses is the layout of before 2020: download D3 Positions, whose files end in .cdf"
    return "download D3 Positions of subjects 1 5 6 7 8 9 11 from vision.imar.ro/human3.6m and unpack them here"


def _check_subjects(data_path):
    """A row per subject; a split without any recording is an error."""
    poses = open_poses(data_path)
    try:
        recordings = poses.recordings(human36m.SUBJECTS, human36m.ACTIONS)
    except UserError as error:
        return [Finding(ERROR, POSES_FILE, str(error))]
    findings = []
    for split, subjects in (("train", human36m.TRAIN_SUBJECTS), ("test", human36m.TEST_SUBJECTS)):
        own = {subject: [recording for recording in recordings if recording.subject == subject]
               for subject in subjects}
        for subject in subjects:
            findings += _check_subject(poses, subject, split, own[subject], data_path)
        if not any(own.values()):
            wanted = ", ".join(map(str, subjects))
            findings.append(Finding(ERROR, f"{split} split", f"no recordings of subjects {wanted}",
                                    "at least one of them is needed"))
    return findings


def _check_subject(poses, subject, split, recordings, data_path):
    item = f"S{subject} ({split})"
    if not recordings:
        return [Finding(NOTE, item, "no recordings")]
    frames, unreadable = 0, []
    for recording in tqdm(recordings, f"reading S{subject}", disable=None, leave=False):
        try:
            frames += len(poses.read(recording))
        except UserError as error:
            unreadable.append(Finding(ERROR, item, str(error)))
    missing = [f"{action} ({count})" for action in human36m.ACTIONS
               if (count := sum(recording.action == action for recording in recordings)) < 2]
    found = f"{len(recordings)} of {RECORDINGS_PER_SUBJECT} recordings, {frames:,} frames"
    if missing:
        found += f"; fewer than two of {', '.join(missing)}"
    findings = [Finding(NOTE if missing else OK, item, found), *unreadable]
    names = [os.path.basename(path) for path in human36m.cdf_files(data_path, subject)]
    odd = [name for name in names if human36m.parse_name(os.path.splitext(name)[0]) is None]
    if odd:
        findings.append(Finding(NOTE, item, f"not read, no name of a recording: {', '.join(odd)}",
                                "names are <Action>.cdf or <Action> <number>.cdf"))
    return findings


def _check_detections(data_path):
    """A row per 2D source; projecting the 3D joints needs none of them."""
    findings = [Finding(OK, "detections gt", "projected from the 3D joints")]
    for kind, folder in FOLDERS.items():
        paths = find_detections(data_path, kind)
        if paths:
            subjects = ", ".join(f"S{subject} {sum(key[0] == subject for key in paths)}"
                                 for subject in sorted({key[0] for key in paths}))
            findings.append(Finding(OK, f"detections {kind}", f"files in {folder}: {subjects}"))
    prefix = "data_2d_h36m_"
    packed = [name for name in sorted(os.listdir(data_path)) if name.startswith(prefix) and name.endswith(".npz")]
    # The file called gt holds what projecting gives, and is not read.
    kinds = [name.removeprefix(prefix).removesuffix(".npz") for name in packed]
    findings += [Finding(OK, f"detections {kind}", f"{prefix}{kind}.npz") for kind in kinds if kind != "gt"]
    return findings
