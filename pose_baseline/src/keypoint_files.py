"""2D joints from files: npy and npz arrays, VideoPose3D's data_2d npz, and JSON of OpenPose, COCO and this project.

A file gives `RawTrack`s: the joints of one person over time, as the file has them. `keypoints.py` brings these into the
lifter's order. Formats: CMU OpenPose "output" documentation (`pose_keypoints_2d`: x, y, score triplets), COCO keypoint
annotations and results, AlphaPose results (COCO's with `idx`), facebookresearch/VideoPose3D `data/`.
"""
import os
import re
from dataclasses import dataclass, replace

import numpy as np

from common.data.restricted_pickle import load_npz
from common.errors import UserError
from common.joints import SKELETONS
from common.text_files import read_json
from pose_baseline.src.tracking import follow

# What a bare array means by its number of joints.
ARRAY_ORDERS = {16: "h36m_16", 17: "h36m_17", 18: "openpose_18", 25: "openpose_25", 32: "h36m_32"}
# What keypoints in JSON mean by their number of joints: detectors write COCO's or OpenPose's.
JSON_ORDERS = {17: "coco_17", 18: "openpose_18", 25: "openpose_25"}
ARRAY_KEYS = ("keypoints", "joints_2d", "positions_2d", "poses_2d", "keypoints_2d", "j2d", "poses")
SCORE_KEYS = ("confidence", "scores", "conf", "keypoint_scores")


@dataclass
class RawTrack:
    """One person in a file.

    joints (T, J, 2) float64, pixels, NaN where the file has none; confidence (T, J); skeleton: name of the joint order;
    joint_names (J,); frames: T numbers; frame_names: T; image_size: (width, height) in px or None.
    """
    person: str
    joints: np.ndarray
    confidence: np.ndarray
    skeleton: str
    joint_names: tuple
    frames: list
    frame_names: list
    image_size: tuple = None


def read_raw(path, joint_order=None):
    """Read every person of a file, or of a folder of OpenPose files.

    Args:
        path (str): .npz, .npy, .json or a folder with one OpenPose JSON per frame.
        joint_order (str): key of `common.joints.SKELETONS`, instead of what names or number of joints say.

    Returns:
        list: of RawTrack.

    Raises:
        UserError: no such file, another format, a damaged file, or a number of joints that no known order has.
    """
    if joint_order is not None and joint_order not in SKELETONS:
        raise UserError(f"--joint_order {joint_order} is unknown; use one of {', '.join(SKELETONS)}")
    try:
        return _read(path, joint_order)
    # Any part of a file may be of another type than the format says.
    except (TypeError, AttributeError, KeyError, IndexError, ValueError, OverflowError) as error:
        raise UserError(f"{path} is not laid out as its format says ({error}); write it again") from error


def _read(path, joint_order):
    if os.path.isdir(path):
        return _openpose_frames(_json_files(path), path, joint_order)
    if not os.path.isfile(path):
        raise UserError(f"{path} does not exist; give a .npz, .npy or .json file or a folder of OpenPose .json files")
    ending = os.path.splitext(path)[1].lower()
    if ending == ".npz":
        return _from_npz(load_npz(path), path, joint_order)
    if ending == ".npy":
        try:
            array = np.load(path, allow_pickle=False)
        except (ValueError, EOFError, OSError) as error:
            raise UserError(f"{path} is not a readable npy file of numbers ({error}); save it again") from error
        return _array_tracks(array, path, joint_order)
    if ending == ".json":
        return _from_json(read_json(path), path, joint_order)
    raise UserError(f"{path}: unknown format {ending or '(no ending)'}; give .npz, .npy, .json or a folder")


def _skeleton(count, names, joint_order, orders, path):
    """(name, joint names) of an order with `count` joints: by `joint_order`, else by names, else by number."""
    if joint_order is not None:
        if len(SKELETONS[joint_order]) != count:
            raise UserError(f"{path} has {count} joints, but --joint_order {joint_order} has "
                            f"{len(SKELETONS[joint_order])}")
        return joint_order, SKELETONS[joint_order]
    if names is not None:
        names = tuple(re.sub(r"[\s-]+", "_", str(name).strip().lower()) for name in names)
        if len(names) != count:
            raise UserError(f"{path} has {count} joints, but {len(names)} joint_names")
        known = [skeleton for skeleton, joints in SKELETONS.items() if joints == names]
        return (known or ["joint_names"])[0], names
    if count not in orders:
        accepted = ", ".join(f"{number} ({order})" for number, order in orders.items())
        raise UserError(f"{path} has {count} joints; accepted are {accepted}, or any order with joint_names in the "
                        "file or --joint_order")
    return orders[count], SKELETONS[orders[count]]


def _numbers(values, what, path):
    try:
        array = np.asarray(values, np.float64)
    except (TypeError, ValueError):
        raise UserError(f"{path}: {what} is not an array of numbers with equal rows") from None
    return array


def _array_tracks(array, path, joint_order, names=None, scores=None, orders=ARRAY_ORDERS, **known):
    """Tracks of an array (J, 2 or 3), (T, J, 2 or 3) or (people, T, J, 2 or 3); the third column is a confidence."""
    array = _numbers(array, "the joints", path)
    if array.ndim == 2:
        array = array[None]
    if array.ndim == 3:
        array = array[None]
    if array.ndim != 4 or array.shape[-1] not in (2, 3) or 0 in array.shape:
        raise UserError(f"{path} holds an array of shape {array.shape}; expected (frames, joints, 2) pixels or "
                        "(frames, joints, 3) with a confidence")
    if scores is not None:
        scores = _numbers(scores, "the confidence", path)
        if scores.size != array[..., 0].size:
            raise UserError(f"{path}: the confidence has shape {scores.shape}; expected {array.shape[:-1]}")
        scores = scores.reshape(array.shape[:-1])
    elif array.shape[-1] == 3:
        scores = array[..., 2]
    else:
        scores = np.ones(array.shape[:-1])
    skeleton, joint_names = _skeleton(array.shape[2], names, joint_order, orders, path)
    people = known.pop("people", None) or [str(number) for number in range(len(array))]
    frames = [int(frame) for frame in known.pop("frames", None) or range(array.shape[1])]
    frame_names = list(known.pop("frame_names", None) or frames)
    if not len(frames) == len(frame_names) == array.shape[1]:
        raise UserError(f"{path}: {array.shape[1]} poses, but {len(frames)} frames and {len(frame_names)} frame_names")
    return [RawTrack(person, joints[..., :2], score, skeleton, joint_names, frames, frame_names, **known)
            for person, joints, score in zip(people, array, scores)]


def _image_size(size, path):
    if size is None:
        return None
    size = _numbers(size, "image_size", path).ravel()
    if size.shape != (2,) or not np.all(size > 0):
        raise UserError(f"{path}: image_size is {size.tolist()}; give width and height in pixels")
    return tuple(size.tolist())


def _from_npz(content, path, joint_order):
    key = next((key for key in ARRAY_KEYS if key in content), None)
    if key is None:
        raise UserError(f"{path} has no array of 2D joints; name it {' or '.join(ARRAY_KEYS[:3])} "
                        f"(found: {', '.join(content) or 'nothing'})")
    if isinstance(content[key], dict):
        return _videopose3d(content, key, path, joint_order)
    content = {name: value.tolist() if name.startswith("frame") else value for name, value in content.items()}
    if "person" not in content:
        return _object_tracks(content, key, path, joint_order)
    return _table_tracks(content, key, path, joint_order)


def _table_tracks(content, key, path, joint_order):
    """Tracks of this project's predictions: rows of several people, told apart by the column `person`."""
    person, tracks = np.asarray(content["person"]).ravel(), []
    if len(person) != len(content[key]):
        raise UserError(f"{path}: {len(content[key])} poses, but {len(person)} entries in person")
    per_row = [name for name in (key, "frames", "frame_names", *SCORE_KEYS) if name in content]
    for name in dict.fromkeys(person.tolist()):
        rows = np.flatnonzero(person == name)
        chosen = {column: [content[column][row] for row in rows] for column in per_row}
        for track in _object_tracks({**content, **chosen}, key, path, joint_order):
            tracks.append(replace(track, person=str(name)))
    return tracks


def _object_tracks(content, key, path, joint_order):
    """Tracks of the array `content[key]` with what else is said beside it."""
    names = content.get("joint_names_2d", content.get("joint_names"))
    return _array_tracks(content[key], path, joint_order, names=names,
                         scores=next((content[name] for name in SCORE_KEYS if name in content), None),
                         frames=content.get("frames"), frame_names=content.get("frame_names"),
                         image_size=_image_size(content.get("image_size"), path))


def _videopose3d(content, key, path, joint_order):
    """Tracks of {subject or video: {action: array or [array per camera]}}, each named by its keys."""
    metadata = content.get("metadata") if isinstance(content.get("metadata"), dict) else {}
    orders = {**ARRAY_ORDERS, 16: "hourglass_16"}
    if metadata.get("layout_name") == "coco":
        orders[17] = "coco_17"
    tracks = []
    for video, actions in content[key].items():
        if not isinstance(actions, dict):
            raise UserError(f"{path}: {key} is not of the form video -> action -> array")
        size = metadata.get("video_metadata", {}).get(video, {})
        size = (float(size["w"]), float(size["h"])) if {"w", "h"} <= set(size) else None
        for action, views in actions.items():
            views = views if isinstance(views, list | tuple) else [views]
            for number, view in enumerate(views):
                person = f"{video} {action}" + (f" camera {number}" if len(views) > 1 else "")
                tracks += _array_tracks(view, path, joint_order, orders=orders, people=[person], image_size=size)
    return tracks


def _json_files(folder):
    """(path, frame number, frame name) of the JSON files of a folder, by the last number in their names."""
    names = [name for name in os.listdir(folder) if name.lower().endswith(".json")]
    if not names:
        raise UserError(f"{folder} holds no .json file; give the folder that OpenPose wrote with --write_json")
    stems = {name: name[:-5].removesuffix("_keypoints") for name in names}
    digits = {name: re.search(r"(\d+)$", stem) for name, stem in stems.items()}
    numbered = all(digits.values()) and len({int(match[1]) for match in digits.values()}) == len(names)
    order = sorted(names, key=lambda name: int(digits[name][1]) if numbered else name)
    return [(os.path.join(folder, name), int(digits[name][1]) if numbered else position, stems[name])
            for position, name in enumerate(order)]


def _from_json(content, path, joint_order):
    if isinstance(content, dict) and isinstance(content.get("annotations"), list):
        return _coco_annotations(content, path, joint_order)
    if isinstance(content, dict) and isinstance(content.get("people"), list):
        if any(name in content for name in ("joint_names", "joint_names_2d")):
            return _own_people(content, path, joint_order)
        return _openpose_frames([(path, 0, os.path.basename(path)[:-5].removesuffix("_keypoints"))], path, joint_order)
    if isinstance(content, list) and content and all(isinstance(item, dict) for item in content):
        return _coco_results(content, path, joint_order)
    if isinstance(content, list):
        return _array_tracks(content, path, joint_order)
    key = next((key for key in ARRAY_KEYS if isinstance(content, dict) and key in content), None)
    if key is None:
        raise UserError(f"{path} is none of the accepted kinds of JSON: OpenPose (people), COCO results or "
                        f"annotations, or an object with joint_names and {ARRAY_KEYS[0]}")
    return _object_tracks(content, key, path, joint_order)


def _own_people(content, path, joint_order):
    """This project's predictions: {joint_names_2d, people: [{person, frames, frame_names, joints_2d}]}."""
    names, tracks = content.get("joint_names_2d", content.get("joint_names")), []
    for number, person in enumerate(content["people"]):
        key = next((key for key in ARRAY_KEYS if isinstance(person, dict) and key in person), None)
        if key is None:
            raise UserError(f"{path}: person {number} has no {ARRAY_KEYS[1]}")
        tracks += _array_tracks(person[key], path, joint_order, names=names, people=[str(person.get("person", number))],
                                frames=person.get("frames"), frame_names=person.get("frame_names"),
                                image_size=_image_size(person.get("image_size"), path))
    return tracks


def _triplets(values, path):
    """Flat x, y, confidence values as (J, 3)."""
    flat = _numbers(values, "a list of keypoints", path).ravel()
    if len(flat) == 0 or len(flat) % 3:
        raise UserError(f"{path}: {len(flat)} keypoint numbers; expected x, y, confidence for every joint")
    return flat.reshape(-1, 3)


def _openpose_frames(files, path, joint_order):
    poses = []
    for file, _, _ in files:
        content = read_json(file)
        people = content.get("people") if isinstance(content, dict) else None
        if not isinstance(people, list):
            raise UserError(f"{file} is not an OpenPose file: it has no list of people")
        found = [person.get("pose_keypoints_2d", person.get("pose_keypoints")) for person in people
                 if isinstance(person, dict)]
        poses.append([_triplets(values, file) for values in found if values])
    if not any(poses):
        raise UserError(f"{path}: nobody was found in any frame")
    return _tracked(poses, [number for _, number, _ in files], [name for _, _, name in files], path, joint_order)


def _coco_results(items, path, joint_order):
    """Detections of a video: a list of {image_id, keypoints, score}; with `idx` (AlphaPose) people are known."""
    items = [item for item in items if item.get("keypoints")]
    if not items or any("image_id" not in item for item in items):
        raise UserError(f"{path} is a list without image_id and keypoints, which COCO results have")
    # Numbers in numeric order, names in the order of their numbers ("10.jpg" after "9.jpg").
    images = sorted({item["image_id"] for item in items}, key=lambda name: [
        (0, int(part), "") if part.isdigit() else (1, 0, part) for part in re.split(r"(\d+)", str(name)) if part])
    by_image = {image: [item for item in items if item["image_id"] == image] for image in images}
    frames = [image if isinstance(image, int) else number for number, image in enumerate(images)]
    poses = [[_triplets(item["keypoints"], path) for item in by_image[image]] for image in images]
    ids = [[item.get("idx", item.get("track_id")) for item in by_image[image]] for image in images]
    known = all(isinstance(number, int | str) for row in ids for number in row)
    return _tracked(poses, frames, [str(image) for image in images], path, joint_order, ids if known else None)


def _coco_annotations(content, path, joint_order):
    """Labels: with `track_id` people are followed, otherwise the pictures are unrelated and each label stands alone."""
    labels = [label for label in content["annotations"] if isinstance(label, dict) and any(label.get("keypoints", ()))]
    if not labels:
        raise UserError(f"{path} has no annotation with keypoints")
    images = {image["id"]: image for image in content.get("images", ()) if isinstance(image, dict) and "id" in image}
    if all("track_id" in label for label in labels):
        return _coco_results(labels, path, joint_order)
    tracks = []
    for label in labels:
        image = images.get(label.get("image_id"), {})
        size = (image["width"], image["height"]) if {"width", "height"} <= set(image) else None
        name = str(image.get("file_name", label.get("image_id")))
        tracks += _array_tracks(_triplets(label["keypoints"], path), path, joint_order, orders=JSON_ORDERS,
                                people=[str(label.get("id", len(tracks)))], frame_names=[name], image_size=size)
    return tracks


def _tracked(poses, frames, frame_names, path, joint_order, ids=None):
    """Tracks of the people of consecutive frames.

    Args:
        poses (list): per frame, (J, 3) of each person.
        ids (list): per frame, who each person is; None to follow people by position.
    """
    counts = {len(pose) for frame in poses for pose in frame}
    if len(counts) > 1:
        raise UserError(f"{path}: people have {' and '.join(map(str, sorted(counts)))} joints; use one joint order")
    skeleton, names = _skeleton(counts.pop(), None, joint_order, JSON_ORDERS, path)
    people = follow(poses) if ids is None else _by_id(ids)
    tracks = []
    for person, seen in people.items():
        first, last = min(seen), max(seen)
        values = np.zeros((last - first + 1, len(names), 3))
        for frame, index in seen.items():
            values[frame - first] = poses[frame][index]
        tracks.append(RawTrack(str(person), values[..., :2], values[..., 2], skeleton, names,
                               frames[first:last + 1], frame_names[first:last + 1]))
    return tracks


def _by_id(ids):
    people = {}
    for frame, row in enumerate(ids):
        for index, person in enumerate(row):
            people.setdefault(person, {})[frame] = index
    return people
