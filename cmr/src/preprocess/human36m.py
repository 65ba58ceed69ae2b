"""Human3.6M's evaluation, protocols 1 and 2: joints, boxes, and the frames of the videos as images."""
import logging
import os

import cv2
from tqdm import tqdm

from common.errors import UserError
from common.files import atomic_write

LOGGER = logging.getLogger("mindhuman")


def extract_frames(records, folder):
    """Write the images of `records` that are missing, out of the videos; videos may be a little short.

    Returns:
        list[Record]: those that have an image.
    """
    videos = {}
    for record in records:
        if not os.path.exists(record.image_path):
            name = f"{record.extras['action'].replace('_', ' ')}.{record.extras['camera']}.mp4"
            path = os.path.join(folder, f"S{record.extras['subject']}", "Videos", name)
            videos.setdefault(path, []).append(record)
    for path, wanted in tqdm(videos.items(), desc="Human3.6M videos", disable=None):
        _extract(path, wanted)
    there = [record for record in records if os.path.exists(record.image_path)]
    if len(there) < len(records):
        LOGGER.warning("%d frames lie behind the end of their video and are left out", len(records) - len(there))
    return there


def _extract(path, records):
    """The frames of one video.

    GraphCMR reads one frame before it begins to count, so the image of frame k shows frame k + 1 of the video; its
    published numbers were measured on those images.
    """
    if not os.path.exists(path):
        raise UserError(f"{path} does not exist and {records[0].image_path} is missing: unpack Videos of subjects 9 "
                        "and 11 there, or the extracted frames into images")
    video = cv2.VideoCapture(path)
    try:
        position, image = -1, None
        for record in sorted(records, key=lambda record: record.extras["frame"]):
            # `extras["frame"]` counts from 1, so it already is the number, from 0, of the frame that is shown.
            while position < record.extras["frame"]:
                if not video.grab():
                    break
                position += 1
            else:
                done, image = video.retrieve()
                if done:
                    _write(record.image_path, image)
                    continue
            break
    finally:
        video.release()
    if image is None:
        raise UserError(f"{path} cannot be read as a video; copy it again")


def _write(path, image):
    atomic_write(path, cv2.imencode(".jpg", image)[1].tobytes())
