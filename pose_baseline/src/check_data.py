"""What a Human3.6M folder holds and lacks, for `tools/check_data.py`."""
import os

from tqdm import tqdm

from common.data.findings import ERROR, NOTE, OK, Finding
from common.data.readers import human36m
from common.data.readers.stacked_hourglass import FOLDERS, find_detections
from common.data.readers.videopose3d import POSES_FILE
from common.errors import UserError
from pose_baseline.src.dataset import open_poses

RECORDINGS_PER_SUBJECT = 2 * len(human36m.ACTIONS)


def check(data_path):
    """Look through a data folder, reading every file of 3D poses.

    Returns:
        list of Finding: with an ERROR where training on this folder would stop.
    """
    if not os.path.isdir(data_path):
        return [Finding(ERROR, "folder", f"{data_path} does not exist or is no folder",
                        "name the folder that holds S1, S5, ...")]
    findings = [_check_cameras(data_path), _check_layout(data_path)]
    if findings[-1].level == OK:
        findings += _check_subjects(data_path) + _check_detections(data_path)
    return findings


def _check_cameras(data_path):
    path = os.path.join(data_path, "metadata.xml")
    try:
        human36m.read_cameras(path)
    except UserError as error:
        return Finding(ERROR, "metadata.xml", str(error))
    return Finding(OK, "metadata.xml", f"{len(human36m.CAMERA_NAMES)} cameras of every subject")


def _check_layout(data_path):
    """Which layout there is; without one, what looks like a step that was left out."""
    has_tree = any(human36m.cdf_files(data_path, subject) for subject in human36m.SUBJECTS)
    has_packed = os.path.isfile(os.path.join(data_path, POSES_FILE))
    if has_tree:
        also = f"; {POSES_FILE} is there too and is not used" if has_packed else ""
        return Finding(OK, "3D poses", f"CDF files of Poses_D3_Positions{also}")
    if has_packed:
        return Finding(OK, "3D poses", f"{POSES_FILE} of VideoPose3D")
    return Finding(ERROR, "3D poses", f"neither S<subject>/{human36m.POSE_FOLDER}/*.cdf nor {POSES_FILE}",
                   _advice_for_nothing(data_path))


def _advice_for_nothing(data_path):
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
            findings += _check_subject(poses, subject, split, own[subject], _odd_names(data_path, subject))
        if not any(own.values()):
            wanted = ", ".join(map(str, subjects))
            findings.append(Finding(ERROR, f"{split} split", f"no recordings of subjects {wanted}",
                                    "at least one of them is needed"))
    return findings


def _check_subject(poses, subject, split, recordings, odd_names):
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
    if odd_names:
        findings.append(Finding(NOTE, item, f"not read, no name of a recording: {', '.join(odd_names)}",
                                "names are <Action>.cdf or <Action> <number>.cdf"))
    return findings


def _odd_names(data_path, subject):
    names = [os.path.basename(path) for path in human36m.cdf_files(data_path, subject)]
    return [name for name in names if human36m.parse_name(os.path.splitext(name)[0]) is None]


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
