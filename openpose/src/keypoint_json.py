"""Keypoints as files: CMU OpenPose's `*_keypoints.json`, version 1.3, and COCO's result file.

Source of the first: "OpenPose output" in the documentation of CMU-Perceptual-Computing-Lab/openpose.
"""
import json
import logging
import re

import numpy as np

from common.errors import UserError
from common.files import atomic_write
from common.joints import SKELETONS
from openpose.src.evaluate import to_records
from openpose.src.skeleton import COCO_18

LOGGER = logging.getLogger("mindhuman")
VERSION = 1.3
EMPTY = ("face_keypoints_2d", "hand_left_keypoints_2d", "hand_right_keypoints_2d", "pose_keypoints_3d",
         "face_keypoints_3d", "hand_left_keypoints_3d", "hand_right_keypoints_3d")
SCALES = (0, 1, 2, 3, 4)
PERSON = 1  # COCO's category


def check_scale(number):
    """Refuse a number that is no keypoint scale."""
    if number not in SCALES:
        raise UserError(f"--keypoint_scale {number}: choose 0 (px of the image), 1 (px of the network input), 2 (as "
                        "0), 3 (0 to 1) or 4 (-1 to 1)")


def scale_joints(joints, number, frame):
    """Joints in the unit of a keypoint scale.

    Args:
        joints (array): (P, J, 3), pixels of the image and height of the peak, 0 where a joint is missing.
        number (int): 0 and 2 pixels of the image, 1 pixels of the network input, 3 the image spans [0, 1], 4 the image
            spans [-1, 1], from the middle of the first pixel to that of the last.
        frame (Frame): of the image.

    Returns:
        numpy.ndarray: (P, J, 3), zeros where a joint is missing.
    """
    out, last = np.array(joints, np.float64), np.maximum(np.array(frame.image[::-1]) - 1, 1)
    if number == 1:
        out[..., :2] = (out[..., :2] + 0.5) * (np.array(frame.inner[::-1]) / frame.image[::-1]) - 0.5
    elif number in (3, 4):
        out[..., :2] = out[..., :2] / last * (number - 2) - (number - 3)
    return out * (out[..., 2:] > 0)


def write_keypoints(path, joints, ids=None, time_s=None):
    """Write one `*_keypoints.json`: the joints in the order of the skeleton, as x, y, confidence.

    Args:
        joints (array): (P, J, 3), of `scale_joints`.
        ids (sequence): number of each person in a video; None writes -1, CMU's value for unknown.
        time_s (float): seconds since the start of the video, written beside the people; None for single images.
    """
    people = [{"person_id": [-1 if ids is None else int(ids[number])],
               "pose_keypoints_2d": np.round(person, 4).ravel().tolist(), **{name: [] for name in EMPTY}}
              for number, person in enumerate(joints)]
    time = {} if time_s is None else {"time_s": time_s}
    atomic_write(path, json.dumps({"version": VERSION, **time, "people": people}).encode())


def coco_entries(people, file_name, skeleton, ids=None):
    """People of one image as entries of COCO's result file, without the image's number, with `ids` as `track_id`."""
    names = SKELETONS["coco_17"] if skeleton == COCO_18 else [joint for joint in skeleton.joints
                                                              if joint not in skeleton.means]
    return [{**record, "file_name": file_name}
            for record in to_records(people, None, PERSON, skeleton.annotation_order(names), ids)]


def number_images(names):
    """A number for each image: the last one in its name, as CMU's program takes it, if all have one of their own.

    Args:
        names (list[str]): without ending.

    Returns:
        list[int]: else 1, 2, ...; the log says so.
    """
    digits = [re.findall(r"[0-9]+", name) for name in names]
    numbers = [int(found[-1][-18:]) for found in digits if found]
    if len(set(numbers)) == len(names):
        return numbers
    LOGGER.info("coco_results.json: image_id counts the images from 1, since not every name ends with a number of its "
                "own; file_name tells which is which")
    return list(range(1, len(names) + 1))


def write_coco(path, entries, names):
    """Write COCO's result file from lists of `coco_entries`, one for each image, and the images' names."""
    numbered = [{**entry, "image_id": number} for number, found in zip(number_images(names), entries)
                for entry in found]
    atomic_write(path, json.dumps(numbered).encode())
