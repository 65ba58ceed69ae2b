"""2D joints from files for the lifter: JSON of other programs, COCO's annotations, VideoPose3D's npz, and arrays.

A file gives `RawTrack`s: the joints of one person over time, as the file has them. `keypoints.py` brings these into the
lifter's order.
"""
import logging
import os
from collections import Counter
from dataclasses import dataclass, replace

import numpy as np

from common.data.readers.coco import Annotations
from common.data.readers.keypoint_json import (
    BODY_OF,
    ORDERS,
    FramePoses,
    Pose,
    better_order,
    coco_frames,
    frame_order,
    frames_of,
    read_frames,
    sure,
    with_scores,
)
from common.data.readers.videopose3d import is_detectron, read_detections, read_detectron
from common.data.restricted_pickle import load_npy, load_npz
from common.errors import UserError, brief, counted
from common.inference.tracking import LONGEST_GAP, Tracker
from common.joints import SKELETONS, joint_name
from common.text_files import read_json

# What a bare array may be by its number of joints, the usual order first.
ARRAY_ORDERS = {16: ("h36m_16", "hourglass_16", "mpii_16"), 17: ("h36m_17", "coco_17"),
                18: ORDERS[18], 25: ORDERS[25], 26: ORDERS[26], 32: ("h36m_32",)}
ARRAY_KEYS = ("keypoints", "joints_2d", "positions_2d", "poses_2d", "keypoints_2d", "j2d", "poses")
SCORE_KEYS = ("confidence", "scores", "conf", "keypoint_scores")
LOGGER = logging.getLogger("mindhuman")


@dataclass
class RawTrack:
    """One person in a file.

    joints (T, J, 2) float64, pixels, NaN where the file has none; confidence (T, J); joint_names (J,); frames: T
    numbers; frame_names: T; image_size: (width, height) in px or None.
    """
    person: str
    joints: np.ndarray
    confidence: np.ndarray
    joint_names: tuple
    frames: list
    frame_names: list
    image_size: tuple = None


class _KeypointInput:
    """What is read, and what its user said about it: path, `--joint_order` or None, least confidence of a joint."""

    def __init__(self, path, joint_order, min_confidence):
        self.path, self.joint_order, self.min_confidence, self.said = path, joint_order, min_confidence, set()

    def names_of(self, joints, names, orders=ORDERS):
        """Names, in their order, of (..., J, 3) joints: as the user says, by `names` of the file, else by their number.

        The joints of hands and face behind those of the body are not named.

        Raises:
            UserError: an order with another number of joints, none of that number, or one that another fits better.
        """
        count, known = joints.shape[-2], [name for name in (self.joint_order, BODY_OF.get(joints.shape[-2])) if name]
        if self.joint_order is not None and count not in (len(SKELETONS[known[0]]), *BODY_OF):
            raise UserError(f"{self.path} has {count} joints, but --joint_order {self.joint_order} has "
                            f"{len(SKELETONS[self.joint_order])}")
        if self.joint_order is None and names is not None:
            names = tuple(map(joint_name, names))
            if len(names) != count or len(set(names)) != count:
                raise UserError(f"{self.path} has {count} joints, but {len(set(names))} joint_names")
            self.say(f"{count} joints by the names in the file")
            return names
        if not known and count not in orders:
            accepted = ", ".join(f"{number} ({order[0]})" for number, order in orders.items())
            raise UserError(f"{self.path} has {count} joints; accepted are {accepted}, or any order with joint_names "
                            "in the file or --joint_order")
        orders = known[:1] or orders[count]
        usual, better = orders[0], better_order(joints, orders)
        if better is not None:
            raise UserError(f"{self.path}: {count} joints would be {usual}, but these look like {better}: say "
                            f"--joint_order {better}, or {usual} if they are that")
        if self.joint_order is None:
            self.say(f"{count} joints are taken as {usual}; --joint_order says otherwise")
        return SKELETONS[usual]

    def say(self, text):
        """Log what was assumed, once."""
        if text not in self.said:
            LOGGER.info("%s: %s", self.path, text)
        self.said.add(text)


def read_raw(path, joint_order=None, min_confidence=0.0):
    """`RawTrack`s of every person of a file or of a folder of OpenPose files, each with a name of its own.

    Args:
        path (str): .npz, .npy, .json or a folder with one JSON per frame.
        joint_order (str): key of `common.joints.SKELETONS`, instead of what names or number of joints say.
        min_confidence (float): joints with a higher score count when people are followed.

    Raises:
        UserError: no such file, another format, a damaged file, or a number of joints that no known order has.
    """
    if joint_order is not None and joint_order not in SKELETONS:
        raise UserError(f"--joint_order {joint_order} is unknown; use one of {', '.join(SKELETONS)}")
    try:
        tracks, names = _read(path, _KeypointInput(path, joint_order, min_confidence)), set()
    # Any part of a file may be of another type than the format says.
    except (TypeError, AttributeError, KeyError, IndexError, ValueError, OverflowError) as error:
        raise UserError(f"{path} is not laid out as its format says ({error}); write it again") from error
    for track in tracks:
        wanted, number = track.person, 2
        while track.person in names:
            track.person, number = f"{wanted} ({number})", number + 1
        names.add(track.person)
    return tracks


def _read(path, source):
    if os.path.isdir(path):
        return _follow(read_frames(path), source)
    if not os.path.isfile(path):
        raise UserError(f"{path} does not exist; give a .npz, .npy or .json file or a folder of OpenPose .json files")
    ending = os.path.splitext(path)[1].lower()
    if ending == ".npz":
        return _from_npz(load_npz(path), source)
    if ending == ".npy":
        return _array_tracks(load_npy(path), source)
    if ending == ".json":
        return _from_json(read_json(path), source)
    raise UserError(f"{path}: unknown format {ending or '(no ending)'}; give .npz, .npy, .json or a folder")


def _numbers(values, what, source):
    try:
        return np.asarray(values, np.float64)
    except (TypeError, ValueError):
        raise UserError(f"{source.path}: {what} is not an array of numbers with equal rows") from None


def _array_tracks(array, source, names=None, scores=None, orders=ARRAY_ORDERS, **known):
    """Tracks of an array (J, 2 or 3), (T, J, 2 or 3) or (people, T, J, 2 or 3); the third column is a confidence."""
    array = _numbers(array, "the joints", source)
    array = array.reshape((1,) * (4 - array.ndim) + array.shape) if array.ndim in (2, 3) else array
    if array.ndim != 4 or array.shape[-1] not in (2, 3) or 0 in array.shape:
        raise UserError(f"{source.path} holds an array of shape {array.shape}; expected (frames, joints, 2) pixels or "
                        "(frames, joints, 3) with a confidence")
    if scores is not None:
        scores = _numbers(scores, "the confidence", source)
        if scores.size != array[..., 0].size:
            raise UserError(f"{source.path}: the confidence has shape {scores.shape}; expected {array.shape[:-1]}")
        array = np.concatenate([array[..., :2], scores.reshape(*array.shape[:-1], 1)], -1)
    array = with_scores(array)
    joint_names = source.names_of(array, names, orders)
    array = array[..., :len(joint_names), :]
    people = known.pop("people", None) or [str(number) for number in range(len(array))]
    frames = np.asarray(known.pop("frames", None) or range(array.shape[1]), np.int64).ravel().tolist()
    frame_names = list(known.pop("frame_names", None) or frames)
    if not len(frames) == len(frame_names) == array.shape[1]:
        raise UserError(f"{source.path}: {array.shape[1]} poses, but {len(frames)} frames and {len(frame_names)} "
                        "frame_names")
    return [RawTrack(person, joints[..., :2], joints[..., 2], joint_names, frames, frame_names, **known)
            for person, joints in zip(people, array)]


def _image_size(size, source):
    if size is None:
        return None
    size = _numbers(size, "image_size", source).ravel()
    if size.shape != (2,) or not np.all(size > 0):
        raise UserError(f"{source.path}: image_size is {size.tolist()}; give width and height in pixels")
    return tuple(size.tolist())


def _from_npz(content, source):
    if "positions_2d" in content and isinstance(content["positions_2d"], dict):
        return [track for person, joints, skeleton, size in read_detections(content, source.path)
                for track in _array_tracks(joints, source, orders={joints.shape[1]: (skeleton, *ARRAY_ORDERS.get(
                    joints.shape[1], ()))}, people=[person], image_size=size)]
    if is_detectron(content):
        source.say("written by Detectron (VideoPose3D's infer_video.py): COCO's joints, all of which count as sure")
        people, size = read_detectron(content, source.path)
        return [replace(track, image_size=size) for track in _follow([
            FramePoses("", number, str(number), [Pose(with_scores(joints)) for joints in poses])
            for number, poses in enumerate(people)], source)]
    key = next((key for key in ARRAY_KEYS if key in content), None)
    if key is None:
        raise UserError(f"{source.path} has no array of 2D joints; name it {' or '.join(ARRAY_KEYS[:3])} "
                        f"(found: {', '.join(map(str, content)) or 'nothing'})")
    content = {name: value.tolist() if name.startswith("frame") else value for name, value in content.items()}
    if "person" not in content:
        return _object_tracks(content, key, source)
    # This project's predictions: rows of several people, told apart by the column `person`.
    person, tracks = np.asarray(content["person"]).ravel(), []
    if len(person) != len(content[key]):
        raise UserError(f"{source.path}: {len(content[key])} poses, but {len(person)} entries in person")
    per_row = [name for name in (key, "frames", "frame_names", *SCORE_KEYS) if name in content]
    for name in dict.fromkeys(person.tolist()):
        rows = np.flatnonzero(person == name)
        chosen = {column: [content[column][row] for row in rows] for column in per_row}
        tracks += [replace(track, person=str(name)) for track in _object_tracks({**content, **chosen}, key, source)]
    return tracks


def _object_tracks(content, key, source):
    """Tracks of the array `content[key]` with what else is said beside it."""
    names = content.get("joint_names_2d", content.get("joint_names"))
    scores = next((content[name] for name in SCORE_KEYS if name in content), None)
    return _array_tracks(content[key], source, names, scores,
                         frames=content.get("frames"), frame_names=content.get("frame_names"),
                         image_size=_image_size(content.get("image_size"), source))


def _from_json(content, source):
    if isinstance(content, dict):
        if isinstance(content.get("annotations"), list):
            return _coco_annotations(content, source)
        if isinstance(content.get("people"), list) and {"joint_names", "joint_names_2d"} & set(content):
            return _own_people(content, source)
        key = next((key for key in ARRAY_KEYS if key in content), None)
        if key is not None:
            return _object_tracks(content, key, source)
    if isinstance(content, list) and content and not isinstance(content[0], dict):
        return _array_tracks(content, source)
    return _follow(sorted(frames_of(content, source.path), key=frame_order), source)


def _own_people(content, source):
    """This project's predictions: {joint_names_2d, people: [{person, frames, frame_names, joints_2d}]}."""
    names, tracks = content.get("joint_names_2d", content.get("joint_names")), []
    for number, person in enumerate(content["people"]):
        key = next((key for key in ARRAY_KEYS if isinstance(person, dict) and key in person), None)
        if key is None:
            raise UserError(f"{source.path}: person {number} has no {ARRAY_KEYS[1]}")
        tracks += [replace(track, person=str(person.get("person", number))) for track in _object_tracks(
            {"joint_names": names, **person}, key, source)]
    return tracks


def _coco_annotations(content, source):
    """Labels: with `track_id` people are followed, otherwise the images are unrelated and each label stands alone."""
    labels = Annotations(content, source.path)
    frames = coco_frames(labels)
    if all(one is not None for one in labels.track_ids):
        return _follow(sorted(frames, key=frame_order), source)
    return [track for image, frame in zip(labels.images, frames) for pose in frame.poses
            for track in _array_tracks(pose.joints, source, labels.names, people=[pose.identity], image_size=image.size,
                                       frame_names=[image.file_name or str(image.id)])]


def raw_detections(images, min_confidence):
    """Tracks of the people in openpose's `Poses2D`s, frames of one video or single images, and what to call these.

    Raises:
        UserError: nobody is in any of them.
    """
    if not images:
        raise UserError("there are no detections to lift")
    frames, video = [], images[0].ids is not None
    for number, image in enumerate(images):
        ids = [None] * len(image.joints) if image.ids is None else map(str, image.ids)
        poses = [Pose(joints, identity) for joints, identity in zip(image.joints, ids)]
        # Frames of one name follow each other; images do not.
        frames.append(FramePoses("" if video else image.name, number, image.name, poses, image.joint_names))
    what = images[0].image if len(images) == 1 else f"the detections from {images[0].name} on"
    tracks = _follow(frames, _KeypointInput(what, None, min_confidence))
    return [replace(track, image_size=images[0].photo.shape[1::-1]) for track in tracks], what


def _follow(frames, source):
    """Tracks of the people of frames, video by video: by who they are in the file, else by their positions."""
    people = [pose.joints for frame in frames for pose in frame.poses]
    if not people:
        raise UserError(f"{source.path}: nobody was found in any frame")
    counts = Counter(map(len, people))
    count = counts.most_common(1)[0][0]
    if len(counts) > 1:
        LOGGER.warning("%s: people have %s joints; only those with %d are taken", source.path,
                       " or ".join(map(str, sorted(counts))), count)
    named = next((frame.joint_names for frame in frames if frame.joint_names), None)
    names = source.names_of(np.stack([joints for joints in people if len(joints) == count]), named)
    frames = [replace(frame, poses=[Pose(pose.joints[:len(names)], pose.identity) for pose in frame.poses
                                    if len(pose.joints) == count]) for frame in frames]
    videos = {}
    for frame in frames:
        videos.setdefault(frame.video, []).append(frame)
    if len(frames) > 1:
        source.say(f"{len(frames)} frames, told by their numbers, of {counted(len(videos), 'video')}, told by the "
                   "names before")
    return [track for video, own in videos.items()
            for track in _follow_video(own, f"{video} " if len(videos) > 1 else "", names, source)]


def _follow_video(frames, prefix, joint_names, source):
    """Tracks of the people of one video; frames in which somebody is not seen for long are not theirs."""
    numbers = [frame.number for frame in frames]
    if None in numbers or len(set(numbers)) < len(numbers):
        numbers = list(range(len(frames)))
    # Programs that know nobody give all the same number, which would lead astray where somebody is alone.
    counts = [Counter(pose.identity for pose in frame.poses) for frame in frames]
    shared = {identity for count in counts for identity in count if count[identity] > 1} - {None}
    if shared:
        source.say(f"{brief(min(shared))} and {len(shared) - 1} other numbers are given to several people of a frame; "
                   "positions tell who these are")
    step, tracker, people, names = int(min(np.diff(numbers), default=1)), Tracker(), {}, {}
    for index, frame in enumerate(frames):
        poses = [pose for pose in frame.poses if (pose.joints[:, 2] > source.min_confidence).any()]
        given = [None if pose.identity in shared else pose.identity for pose in poses]
        ids = tracker.update([sure(pose.joints, source.min_confidence) for pose in poses],
                             (numbers[index] - numbers[0]) // step, given)
        for one, pose, identity in zip(ids, poses, given):
            people.setdefault(one, {})[index] = pose.joints
            names[one] = names.get(one) or identity
    tracks = []
    for one, seen in people.items():
        shown = sorted(seen)
        rows = [row for first, after in zip(shown, [*shown[1:], shown[-1] + 1])
                for row in (range(first, after) if after - first <= LONGEST_GAP else [first])]
        joints = np.stack([seen.get(row, np.zeros((len(joint_names), 3))) for row in rows])
        tracks.append(RawTrack(f"{prefix}{names[one] or one}".strip(), joints[..., :2], joints[..., 2], joint_names,
                               [numbers[row] for row in rows], [frames[row].name for row in rows]))
    return tracks
