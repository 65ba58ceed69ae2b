"""Where the people in an image are: told by boxes, by OpenPose's files, found by a detector, or the image is one.

A way of finding is called with the name and the pixels of an image and gives a list of `Detection`. What crop a network
gets of somebody is its own affair: published models differ in that.
"""
import logging
import os
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from common.data.crops import box_of_detections
from common.data.image import SCALE_PX
from common.data.readers.keypoint_json import (
    LEAST_EXTENT_PX,
    LEAST_JOINTS,
    MIN_CONFIDENCE,
    FramePoses,
    are_shares,
    frames_of,
    json_files,
    split_name,
    sure,
)
from common.errors import UserError
from common.text_files import read_json

LOGGER = logging.getLogger("mindhuman")
LARGEST = 10.0  # sides of an image that a box may be long


@dataclass(frozen=True)
class Detection:
    """Somebody in an image; pixels of the image.

    Args:
        box (array): (4,), left, top, width, height; where there are joints, around the sure ones.
        joints (array): (J, 3), x, y and score, 0 where it is not sure, or None where only a box is known.
        score (float): of the detection, or None.
        number (int | str): who it is in a video, or None where that is not known.
        whole (bool): nothing is known: the box is the image.
    """

    box: np.ndarray
    joints: np.ndarray | None = None
    score: float | None = None
    number: int | str | None = None
    whole: bool = False


# Name of an image and the image, (H, W, 3) uint8 with blue first -> the people in it.
FindPeople = Callable[[str, np.ndarray], list[Detection]]


def choose_people(boxes: str | npt.ArrayLike | None = None, keypoints: object = None,
                  detector: Callable | None = None, min_confidence: float = MIN_CONFIDENCE, subject: str = "person",
                  names: Sequence[str] = ("--bbox", "--keypoints_json", "--openpose_ckpt")) -> FindPeople:
    """The way of finding people that is asked for.

    Args:
        boxes: see `read_boxes`; empty for none.
        keypoints: path of keypoint files, see `KeypointFiles`, or what `load("openpose")` gave for the same images (one
            or a list); empty for none.
        detector (callable): image (H, W, 3) uint8, blue first, to something with `joints` (P, J, 3), x, y, score, and
            `scores` (P,); None for none.
        min_confidence (float): joints with a higher score count.
        subject (str): what the network sees, "person" or "hand".
        names (sequence): of boxes, keypoints and detector, as the user gives them.

    Returns:
        callable: (name, image (H, W, 3) uint8, blue first) -> list of Detection.

    Raises:
        UserError: more than one is given, one of them is unusable, or tells bodies to a network that sees hands.
    """
    given = [name for name, value in zip(names, (boxes, keypoints, detector))
             if value is not None and not (isinstance(value, str) and not value)]
    if len(given) > 1:
        raise UserError(f"{' and '.join(given)} both say where people are: leave one of them out")
    if names[0] in given:
        known = [Detection(box, number=number) for number, box in enumerate(read_boxes(boxes))]
        return lambda *_: list(known)
    if subject != "person":
        if given:
            raise UserError(f"{given[0]} says where bodies are, and this network sees {subject}s: name their boxes "
                            f"with {names[0]} left,top,width,height")
        LOGGER.info("Each image is taken as one %s, which fills it; --bbox says where they are", subject)
        return whole_image
    if names[1] in given:
        if isinstance(keypoints, str | os.PathLike):
            return KeypointFiles(os.fspath(keypoints), min_confidence)
        return _detected([keypoints] if hasattr(keypoints, "joints") else list(keypoints), min_confidence)
    if detector is not None:
        return lambda _, image: _detections(detector(image), min_confidence)
    LOGGER.info("Each image is taken as one person, who fills it. To find people: --openpose_ckpt cmu (python "
                "tools/get_weights.py openpose cmu); --bbox and --keypoints_json say where they are")
    return whole_image


def square_around(detection: Detection, margin: float = 1.2) -> tuple[np.ndarray, float]:
    """GraphCMR's and SPIN's square around somebody: a box, or the whole image, as it is, joints with a margin.

    Args:
        margin (float): side relative to the box of detected joints, which lie within the body.

    Returns:
        tuple: centre (2,), px, and scale, side / 200 px.
    """
    if detection.joints is not None:
        return box_of_detections(detection.joints[:, :2], detection.joints[:, 2], 0.0, margin)
    size = detection.box[2:]
    # The published demos take the middle of a whole image in whole pixels.
    return detection.box[:2] + (size // 2 if detection.whole else 0.5 * size), float(size.max() / SCALE_PX)


def whole_image(name: str, image: np.ndarray) -> list[Detection]:
    """One person, who fills the image.

    Raises:
        UserError: an image that cannot show anybody.
    """
    height, width = image.shape[:2]
    if max(height, width) < LEAST_EXTENT_PX:
        raise UserError(f"{name} is {width} x {height} px, too small to show anybody: take a larger image")
    return [Detection(np.array([0.0, 0.0, width, height]), whole=True)]


def check_box(person: Detection, name: str, image: np.ndarray) -> None:
    """Refuse somebody whose box lies beside an image (H, W, 3) of this name, or is far larger."""
    height, width = image.shape[:2]
    left, top, box_width, box_height = person.box
    beside = left >= width or top >= height or left + box_width <= 0 or top + box_height <= 0
    if beside or max(box_width, box_height) > LARGEST * max(height, width):
        raise UserError(f"the box {','.join(f'{value:g}' for value in person.box)} "
                        f"{'lies beside' if beside else 'is far larger than'} {name}, which is {width} x {height} "
                        "px: boxes are left,top,width,height, and boxes and keypoints are in pixels of the image")


def read_boxes(given: str | npt.ArrayLike) -> list[np.ndarray]:
    """Boxes, (4,) float64: of `left,top,width,height`, several with `;`, of a json file {"bbox": [...]}, or (N, 4).

    The file is that of GraphCMR and SPIN; its list may hold several boxes.

    Raises:
        UserError: something else, or a box without extent.
    """
    values = given
    if isinstance(given, str) and given.lower().endswith(".json"):
        content = read_json(given, f"--bbox {given}", "write or copy it again")
        values = content.get("bbox") if isinstance(content, dict) else None
    elif isinstance(given, str):
        values = [part.split(",") for part in given.split(";") if part.strip()]
    try:
        values = [values] if np.ndim(values[0]) == 0 else values
        boxes = [np.array([float(value) for value in box]) for box in values]
    except (TypeError, ValueError, OverflowError, LookupError):
        boxes = []
    if not boxes or not all(len(box) == 4 and np.isfinite(box).all() and min(box[2:]) > 0
                            and max(box[2:]) >= LEAST_EXTENT_PX for box in boxes):
        raise UserError(f"--bbox {given}: write left,top,width,height in px (one side of {LEAST_EXTENT_PX:g} or more), "
                        'several boxes separated by \';\', or a json file {"bbox": [left, top, width, height]}')
    return boxes


class KeypointFiles:
    """People from json files of OpenPose and other programs, see `keypoint_json`.

    Args:
        path (str): a file about one image or about many, or a folder of `<image>_keypoints.json`; for a video of
            `<video>_<frame number in twelve digits>_keypoints.json`, as OpenPose writes them.
        min_confidence (float): joints with a higher score count.

    Raises:
        UserError: nothing is there, or there is no such file in the folder.
    """

    def __init__(self, path: str, min_confidence: float = MIN_CONFIDENCE):
        if not os.path.exists(path):
            raise UserError(f"--keypoints_json {path} does not exist")
        self.path, self.min_confidence, self.frames = path, min_confidence, None
        if os.path.isdir(path):
            self.files = {split_name(os.path.basename(file))[2]: file for file in json_files(path)}
        else:
            self.frames = frames_of(read_json(path, f"--keypoints_json {path}", "write or copy it again"), path)
            self.files = {split_name(frame.name)[2]: frame for frame in self.frames}
        # Programs that name frames by their numbers alone.
        self.numbers = {split_name(name)[1]: name for name in self.files if split_name(name)[0] == ""}

    def check_count(self, count: int) -> None:
        """Refuse a file about one image for another number of images; 0 is not known."""
        if self.frames is not None and len(self.frames) == 1 and count != 1:
            raise UserError(f"--keypoints_json {self.path} is one file for several images: name a folder of "
                            "<image>_keypoints.json")

    def __call__(self, name: str, _: np.ndarray) -> list[Detection]:
        """Raises UserError for a damaged file, and for coordinates that are no pixels."""
        if self.frames is not None and len(self.frames) == 1:
            return self._found(self.frames)
        # OpenPose leaves out the ending where two images of a folder share a name but for it.
        names = (name, os.path.splitext(name)[0], self.numbers.get(split_name(name)[1]))
        found = next((self.files[stem] for stem in names if stem in self.files), None)
        if found is None:
            LOGGER.warning("%s: nothing about %s, so nobody is looked for", self.path, name)
            return []
        return self._found([found] if self.frames else frames_of(read_json(found), found))

    def _found(self, frames: list[FramePoses]) -> list[Detection]:
        poses = [pose for frame in frames for pose in frame.poses]
        if poses and are_shares(np.concatenate([sure(pose.joints, self.min_confidence) for pose in poses])):
            raise UserError(f"--keypoints_json {self.path}: coordinates are shares of the image; write them in its "
                            "pixels (OpenPose: --keypoint_scale 0)")
        return _from_joints([(pose.joints, None, pose.identity) for pose in poses], self.min_confidence)


def _detected(images: Sequence, min_confidence: float) -> FindPeople:
    """The people that were found before: of one image whatever the name, of several by their names."""
    by_name = {image.name: image for image in images}

    def find(name: str, _: np.ndarray) -> list[Detection]:
        image = images[0] if len(images) == 1 else by_name.get(name)
        if image is None:
            LOGGER.warning("no detections of %s, so nobody is looked for", name)
            return []
        return _detections(image, min_confidence, image.ids)

    return find


def _detections(people: object, min_confidence: float, ids: Sequence | None = None) -> list[Detection]:
    """Those of a detector's answer, see `choose_people`."""
    ids = [None] * len(people.joints) if ids is None else ids
    return _from_joints(zip(people.joints, people.scores, ids), min_confidence)


def _from_joints(people: Iterable[tuple], min_confidence: float) -> list[Detection]:
    """Detections of people told by joints (J, 3), score and number; of whom hardly anything is seen is left out."""
    found = []
    for joints, score, number in people:
        joints = sure(joints, min_confidence)
        seen = joints[joints[:, 2] > 0]
        if len(seen) >= LEAST_JOINTS and np.ptp(seen[:, :2], axis=0).max() >= LEAST_EXTENT_PX:
            low, high = seen[:, :2].min(0), seen[:, :2].max(0)
            score = float(seen[:, 2].mean() if score is None else score)
            found.append(Detection(np.concatenate([low, high - low]), joints, score, number))
    return found
