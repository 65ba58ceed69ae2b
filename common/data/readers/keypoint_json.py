"""2D keypoints of people in JSON as pose programs write it; the one reader, for the lifter and the mesh models.

What is read, told apart by what it holds:

    OpenPose        {"people": [{"person_id", "pose_keypoints_2d": [x, y, score, ...]}]}, a file for each frame;
                    `pose_keypoints` before version 1.1, `body_parts` in version 0.1
    AlphaPose       [{"image_id": "12.jpg", "keypoints": [...], "idx"}]; `--format open` and `cmu`: frames as OpenPose's
                    or as {"bodies": [{"joints": [...]}]}, one by one, or all in one file by their names
    COCO's results  [{"image_id": 12, "keypoints": [...], "track_id"}] (Detectron2, HRNet, OpenPose, this project)
    MMPose          [{"frame_id", "instances": [{"keypoints": [[x, y], ...], "keypoint_scores": [...]}]}], or the
                    instances of one image; either may be the `instance_info` beside `meta_info`
    OpenPifPaf, Ultralytics, MoveNet: a list of people for each image

Sources: the output documentation of CMU-Perceptual-Computing-Lab/openpose and MVIG-SJTU/AlphaPose, cocodataset.org,
`split_instances` of open-mmlab/mmpose.
"""
import logging
import os
import re
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from common.data.readers.coco import Annotations
from common.errors import UserError
from common.joints import flip_pairs, limbs
from common.text_files import read_json

LOGGER = logging.getLogger("mindhuman")
# OpenPose's ending; of several cameras the others have a number behind it.
ENDING = re.compile(r"_keypoints(?:_(\d+))?\.json$", re.IGNORECASE)
MIN_CONFIDENCE = 0.2  # joints with a higher score count, as in the demos of HMR, SPIN and GraphCMR
LEAST_JOINTS = 6  # sure joints that make a person, as in the training data of HMR: less does not tell a pose
LEAST_EXTENT_PX = 8.0  # of people; smaller ones are specks
# Members that hold the people of a frame, the joints of a person and their scores, who somebody is, the frame's number.
PEOPLE_KEYS = ("people", "bodies", "instances", "predictions")
JOINT_KEYS = ("pose_keypoints_2d", "pose_keypoints", "body_parts", "joints", "keypoints")
SCORE_KEYS = ("keypoint_scores", "scores")
IDENTITY_KEYS = ("person_id", "track_id", "idx", "tracking_id")
FRAME_KEYS = ("image_id", "frame_id", "frame_index", "frame")
# Numbers of joints -> orders that they may be in, the usual one first. Points of hands and face follow the body's.
ORDERS = {17: ("coco_17", "h36m_17"), 18: ("openpose_18",), 25: ("openpose_25", "openpose_25b"),
          15: ("openpose_15",), 26: ("halpe_26",)}
BODY_OF = {133: "coco_17", 135: "openpose_25b", 136: "halpe_26"}
LARGEST_SCORE = 10.0  # scores of AlphaPose reach 6; pixels of people lie beyond
MOST_SURE = 100.0  # some write percent
CLEARLY = 0.6  # an order fits clearly better in which bodies are that much less asymmetric, with shorter limbs
MAX_PX = 1e6  # coordinates beyond are no pixels


@dataclass(frozen=True)
class Pose:
    """One person: joints (J, 3), x, y and score, 0 where there is none; who it is, a text, or None if not known."""

    joints: np.ndarray
    identity: str | None = None


@dataclass(frozen=True)
class FramePoses:
    """The people of one image or frame.

    Args:
        video (str): what its name is but for the number; frames of one video follow each other.
        number (int): of the frame, or None in a name without one.
        name (str): of the frame: that of its file without endings, or what its file calls it.
        poses (list[Pose]): the people, each with as many joints as its file has.
        joint_names (tuple): of the joints as the file writes them, None where it does not tell.
    """

    video: str
    number: int | None
    name: str
    poses: list[Pose]
    joint_names: tuple | None = None


def read_frames(path: str) -> list[FramePoses]:
    """The frames of a file or folder, by video, then by number.

    One damaged file of a folder is an empty frame, and a person whose joints cannot be read is left out; both are said.

    Args:
        path (str): a json file, or a folder: its files that end in `_keypoints.json`, all json files where none does.

    Raises:
        UserError: nothing is there, or nothing of it can be read.
    """
    if not os.path.isdir(path):
        return sorted(frames_of(read_json(path), path), key=frame_order)
    frames, failures, files = [], [], json_files(path)
    for file in files:
        try:
            frames += frames_of(read_json(file), file, len(files) > 1)
        except UserError as error:
            failures.append(error)
            frames.append(FramePoses(*split_name(os.path.basename(file)), []))
    if len(failures) == len(files):
        raise failures[0]
    if failures:
        LOGGER.warning("%s; it counts as a frame without people (%d of %d files)", failures[0], len(failures),
                       len(files))
    return sorted(frames, key=frame_order)


def json_files(folder: str) -> list[str]:
    """Paths of the json files with keypoints in a folder; hidden files (`._*` of macOS) are none.

    Raises:
        UserError: there is no such file.
    """
    files = sorted(name for name in os.listdir(folder) if name.lower().endswith(".json") and name[0] != ".")
    chosen = [name for name in files if ENDING.search(name)] or files
    if not chosen:
        raise UserError(f"{folder} holds no .json file; give the folder that OpenPose wrote with --write_json")
    if len(chosen) < len(files):
        LOGGER.info("%s: %d json files that do not end in _keypoints.json are left out", folder,
                    len(files) - len(chosen))
    return [os.path.join(folder, name) for name in chosen]


def split_name(name: object) -> tuple[str, int | None, str]:
    """(video, number, stem) of a frame: `a_000012_keypoints.json` gives ("a", 12, "a_000012").

    The video is the name, with its folders, without its last number; without a number every name is a video.
    """
    folder, stem = os.path.split(str(name).replace("\\", "/"))
    camera = ENDING.search(stem)
    stem = re.sub(r"(\.(json|jpe?g|png|bmp|tiff?|webp)|_keypoints(_\d+)?|\.predictions)+$", "", stem, flags=re.I)
    last = re.search(r"(\d{1,18})(\D*)$", stem)
    video = stem if last is None else (stem[:last.start()] + last[2]).rstrip("_-. ")
    video = os.path.join(folder, video).rstrip("/") + (f" camera {camera[1]}" if camera and camera[1] else "")
    return video, None if last is None else int(last[1]), stem


def frame_order(frame: FramePoses) -> tuple[str, int, str]:
    """Sorts frames: by video, then by number."""
    return frame.video, -1 if frame.number is None else frame.number, frame.name


def frames_of(content: object, path: str, one_of_many: bool = False) -> list[FramePoses]:
    """Frames of the content of one json file; arguments and errors as of `read_frames`.

    Args:
        one_of_many (bool): there are other files, so that frames that have their names within are named after this one.
    """
    if isinstance(content, dict) and isinstance(content.get("annotations"), list):
        return coco_frames(Annotations(content, path))
    grouped = _grouped(content)
    if grouped is None:
        raise UserError(f"{path} is none of the accepted kinds of JSON: neither OpenPose's `people`, nor a list with "
                        "`keypoints`, as AlphaPose, COCO's results and MMPose write it, nor COCO's `annotations`")
    meta = content.get("meta_info") if isinstance(content, dict) else None  # MMPose
    names = meta.get("keypoint_id2name") if isinstance(meta, dict) else None
    names = tuple(names.get(str(number)) for number in range(len(names))) if isinstance(names, dict) else \
        _names_of_points(grouped)
    frames, failures, file = [], [], os.path.basename(path)
    for key, people in grouped.items():
        poses = []
        for person in people:
            try:
                poses += [_pose(person, names)]
            except (ValueError, TypeError, KeyError, AttributeError, OverflowError) as error:
                failures.append(error)
        video, number, name = split_name(file if key is None else key)
        video = f"{split_name(file)[2]} {video}".strip() if one_of_many and key is not None else video
        frames.append(FramePoses(video, number, name if key is None else key, [pose for pose in poses if pose], names))
    if failures and not any(frame.poses for frame in frames):
        raise UserError(f"{path}: {failures[0]}")
    if failures:
        LOGGER.warning("%s: %s; such people are left out (%d)", path, failures[0], len(failures))
    return frames


def coco_frames(labels: Annotations) -> list[FramePoses]:
    """The images of COCO's annotations with the people whose keypoints are labelled; who they are is their `track_id`
    where all have one, else the annotation's own `id`.

    Raises:
        UserError: nobody has any.
    """
    identities = labels.track_ids if all(one is not None for one in labels.track_ids) else labels.ids
    frames = []
    for row, image in enumerate(labels.images):
        video, number, name = split_name(image.file_name or image.id)
        frames.append(FramePoses(image.video or video, number, name,
                                 [Pose(labels.keypoints[person], str(identities[person]))
                                  for person in labels.rows(row) if labels.keypoints[person].any()], labels.names))
    if not any(frame.poses for frame in frames):
        raise UserError(f"{labels.path} has no annotation with keypoints")
    return frames


def _grouped(content: object) -> dict | None:
    """{image: its people} of any layout; the image is None where the file is about one. None for another layout."""
    if isinstance(content, dict):
        inner = next((content[key] for key in ("instance_info", *PEOPLE_KEYS) if key in content), False)
        inner = [] if inner is None else inner  # nobody
        if isinstance(inner, list):
            if "instance_info" in content:
                return _grouped(inner)
            return {None: inner} if _have_joints(inner) or not inner else None
        groups = {name: _grouped(value) if isinstance(value, dict) else None for name, value in content.items()}
        if not groups or None in groups.values():
            return None
        return {name: people for name, group in groups.items() for people in group.values()}
    if not isinstance(content, list) or not all(isinstance(item, dict) for item in content):
        return None
    groups = {}
    for number, item in enumerate(content):
        nested = next((item[key] for key in PEOPLE_KEYS if isinstance(item.get(key), list)), None)
        key = next((item[key] for key in FRAME_KEYS if key in item), None if nested is None else number)
        groups.setdefault(None if key is None else identity_of(key), []).extend([item] if nested is None else nested)
    has_joints = any(_have_joints(people) for people in groups.values())
    return (groups or {None: []}) if has_joints or not any(groups.values()) else None


def _have_joints(people: list) -> bool:
    """Whether anybody has a member for joints, be it empty."""
    return any(isinstance(person, dict) and set(JOINT_KEYS) & set(person) for person in people)


def _names_of_points(grouped: dict) -> tuple[str, ...] | None:
    """Names of the joints, or None: where all people have theirs as {"x", "y", "score", "name"}, in one order."""
    found = {tuple(point.get("name") for point in _values(person)) if _are_points(_values(person)) else None
             for people in grouped.values() for person in people if isinstance(person, dict)}
    names = found.pop() if len(found) == 1 else None
    return names if names and all(isinstance(name, str) for name in names) else None


def _are_points(values: object) -> bool:
    return isinstance(values, list) and bool(values) and all(isinstance(point, dict) for point in values)


def _values(person: dict) -> object:
    """The joints of a person as the file has them."""
    return next((person[key] for key in JOINT_KEYS if person.get(key) is not None), [])


def _pose(person: dict, names: Sequence[str] | None) -> Pose | None:
    """A `Pose`, or None for somebody without joints of the body."""
    values = _values(person)
    if _are_points(values):
        values = [[point["x"], point["y"], point.get("score", point.get("visibility", 1))] for point in values]
    if isinstance(values, dict):  # Ultralytics
        values = np.stack([values["x"], values["y"], values.get("visible", np.ones(len(values["x"])))], 1)
    scores = next((person[key] for key in SCORE_KEYS if key in person), None)
    joints = as_joints(values, scores, names)
    identity = next((identity_of(person[key]) for key in IDENTITY_KEYS if key in person), None)
    return None if joints is None else Pose(joints, identity)


def identity_of(value: object) -> str | None:
    """Who somebody is, as a text: of a number, a text, or a list that holds one; None for -1 and what says nothing."""
    while isinstance(value, list | tuple | np.ndarray) and len(value):
        value = value[0]
    if isinstance(value, float) and value.is_integer():
        value = int(value)
    said = isinstance(value, str | int) and not isinstance(value, bool) and str(value) not in ("", "-1")
    return str(value) if said else None


def as_joints(values: object, scores: object = None, names: Sequence[str] | None = None) -> np.ndarray | None:
    """(J, 3) x, y, score of the keypoints of a person, see `with_scores`; None of an empty list.

    Args:
        values (sequence): x, y, score, x, y, ..., the same without scores, or rows (J, 2 or 3).
        scores (sequence): (J,), where rows have none.
        names (sequence): of the joints, or None.

    Raises:
        ValueError: something else.
    """
    try:
        values = np.asarray(values, np.float64)
    except (TypeError, ValueError, OverflowError):
        raise ValueError("the keypoints of a person are no list of numbers x, y, score for every joint") from None
    if not values.size:
        return None
    if values.ndim == 1:
        values = values.reshape(-1, _columns(values, names))
    if values.ndim != 2 or values.shape[1] not in (2, 3):
        raise ValueError(f"keypoints of shape {values.shape} are no x, y, score for every joint")
    if scores is not None:
        if values.shape[1] == 3:
            raise ValueError("joints have three coordinates and scores beside them; 2D joints are needed")
        values = np.column_stack([values, np.asarray(scores, np.float64).reshape(len(values))])
    return with_scores(values)


def with_scores(joints: np.ndarray) -> np.ndarray:
    """(..., J, 3) x, y, score of (..., J, 2 or 3) joints.

    Without scores all count as sure. What is no number, lies at exactly (0, 0) or millions of pixels away, is missing:
    0, 0, 0.

    Raises:
        ValueError: the third numbers are no scores.
    """
    if joints.shape[-1] == 2:
        joints = np.concatenate([joints, np.ones_like(joints[..., :1])], -1)
    there = (np.abs(joints) < MAX_PX).all(-1) & (joints[..., :2] != 0).any(-1)  # NaN is not
    joints = np.where(there[..., None], joints, 0.0)
    low, high = joints[..., 2].min(), joints[..., 2].max()
    if low < -1 or high > MOST_SURE:
        raise ValueError(f"the third number of a joint reaches from {low:g} to {high:g}, so that it is no confidence; "
                         "2D joints are needed")
    return joints


def _columns(flat: np.ndarray, names: Sequence[str] | None) -> int:
    """Whether a flat list is x, y, score (3) or x, y (2)."""
    fits = [count for count in (3, 2) if len(flat) % count == 0 and (names is None or len(flat) == count * len(names))]
    if len(fits) == 2:
        known = [count for count in fits if len(flat) // count in (*ORDERS, *BODY_OF)]
        pixels = np.nanmax(np.abs(flat), initial=0) > LARGEST_SCORE  # else coordinates look like scores
        third = np.nan_to_num(flat[2::3])
        if pixels or len(known) != 1:
            fits = [3 if third.min() >= -1 and third.max() <= LARGEST_SCORE else 2]
        else:
            fits = known
    if not fits:
        raise ValueError(f"{len(flat)} keypoint numbers; expected x, y, score for every joint"
                         + (f" of {len(names)}" if names else ""))
    return fits[0]


def sure(joints: np.ndarray, min_confidence: float = MIN_CONFIDENCE) -> np.ndarray:
    """Joints (..., J, 3) with a score of 0 where it is not above `min_confidence`."""
    return np.where([True, True, False] | (joints[..., 2:] > min_confidence), joints, 0.0)


def are_shares(joints: np.ndarray) -> bool:
    """Whether (..., 3) x, y, score are no pixels: enough joints have a score, and all lie within -1 to 1."""
    points = joints[..., :2][joints[..., 2] > 0]
    return len(points) >= LEAST_JOINTS and bool(np.abs(points).max() <= 1)


def better_order(joints: np.ndarray, orders: Sequence[str]) -> str | None:
    """The order that joints clearly look like rather than the first of `orders`; None where that one will do.

    A body is symmetric: left and right limbs are about as long. Of 720 poses of people in all views none was told to be
    in another order than its own; of those read in a wrong one 81 % (COCO's for Human3.6M's) to 99 % were noticed, and
    all where 20 frames were looked at together.

    Args:
        joints (array): (..., J, 3), x, y and score.
        orders (sequence): keys of `SKELETONS` with J joints.
    """
    points = joints[..., :2][joints[..., 2] > 0]
    long, wide = np.linalg.svd(points - points.mean(0), compute_uv=False) if len(points) > 1 else (1.0, 0.0)
    if wide < 0.02 * long:  # what lies on a line is no body
        return None
    for order in orders[1:]:
        (asymmetry, length), (usual_asymmetry, usual_length) = _limbs(joints, order), _limbs(joints, orders[0])
        if asymmetry < CLEARLY * usual_asymmetry and length < usual_length:
            return order
    return None


def _limbs(joints: np.ndarray, skeleton: str) -> tuple[float, float]:
    """Of the limbs that an order makes of joints: the mean of |log(left / right)|, and their mean length."""
    other_side, table = np.arange(joints.shape[-2]), np.array(limbs(skeleton))
    for pair in flip_pairs(skeleton):
        other_side[list(pair)] = pair[::-1]
    ends, mirrored = joints[..., table, :], joints[..., other_side[table], :]
    seen, both = ((pair[..., 2] > 0).all(-1) for pair in (ends, mirrored))
    # What points at the camera has no length.
    margin = 0.02 * np.ptp(joints[..., :2], axis=-2).max(-1)[..., None] + 1e-9
    length, other = (np.linalg.norm(pair[..., 0, :2] - pair[..., 1, :2], axis=-1) for pair in (ends, mirrored))
    asymmetry = np.abs(np.log((length + margin) / (other + margin)))[seen & both]
    return asymmetry.mean() if asymmetry.size else np.inf, length[seen].mean() if seen.any() else np.inf
