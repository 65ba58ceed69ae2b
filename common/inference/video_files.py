"""What a mesh model leaves of a video: each person over time in one file of each format, and the drawn video.

One file holds all frames of a person; its arrays are those of the files about images with a first axis for the
frames in which the person is seen. `frames` are their numbers, from 0, and `time_s` their times in the video.
"""
import dataclasses
import json
import logging
import os
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from common.files import atomic_write, npz_bytes
from common.formats.motion import Motion
from common.formats.registry import MOTION_FORMATS, write_motion
from common.inference.motions import motion_of
from common.inference.outputs import CONVENTIONS, People, arrays_of, header_of, json_bytes, plain

LOGGER = logging.getLogger("mindhuman")


class PersonTrack(NamedTuple):
    """A person in a video: numbers of the frames, their times, and the `Person` of each, without meshes."""

    frames: list
    time_s: list
    people: list


class VideoRecord:
    """Collects the people of a video of this mean rate, smoothed over time or not, frame by frame."""

    def __init__(self, fps: float, smoothed: bool):
        self.fps, self.smoothed = fps, smoothed
        self.record, self.frames, self.tracks = None, 0, {}

    def add(self, people: People) -> None:
        """Take the people of the next frame."""
        for person in people:
            track = self.tracks.setdefault(person.number, PersonTrack([], [], []))
            track.frames.append(self.frames)
            track.time_s.append(people.time_s)
            # Meshes of all frames would fill the memory; the parameters say the same.
            track.people.append(dataclasses.replace(person, vertices=None, variants={}))
        self.record = people.record
        self.frames += 1

    def write(self, folder: str, name: str, formats: Sequence[str]) -> list[str]:
        """Write the files of every person, `<name>_<number>.<format>` by the name of the video -> the paths.

        Args:
            formats (list): json, npz and those of `MOTION_FORMATS`; others are not looked at.
        """
        paths = []
        brief = [f"{name}_{number}" for number, track in sorted(self.tracks.items()) if len(track.frames) == 1]
        if brief and self.frames > 1:
            LOGGER.info("%s: seen in one frame only, perhaps by mistake", ", ".join(brief))
        for number, track in sorted(self.tracks.items()):
            conventions = {**CONVENTIONS, "time_s": "seconds since the first frame of the video",
                           **self.record.conventions}
            stem, arrays = os.path.join(folder, f"{name}_{number}"), _stacked(track)
            header = {"video": name, "fps": float(self.fps), "num_frames": self.frames, "smoothed": self.smoothed,
                      **header_of(self.record, track.people[0]), "focal_px": float(self.record.focal_px),
                      "centre_px": plain(self.record.centre_px)}
            if "json" in formats:
                scores = [None if person.score is None else float(person.score) for person in track.people]
                values = {key: plain(value) for key, value in arrays.items()}
                values |= {"frames": track.frames, "score": scores}
                paths.append(f"{stem}.json")
                atomic_write(paths[-1], json_bytes({**header, "conventions": conventions, **values}))
            if "npz" in formats:
                paths.append(f"{stem}.npz")
                atomic_write(paths[-1], npz_bytes({**header, "conventions": json.dumps(conventions), **arrays}))
            if any(ending in MOTION_FORMATS for ending in formats):
                paths += write_motion(folder, self.motion(number, name), formats)
        return paths

    def motion(self, number: int, name: str) -> Motion:
        """The `Motion` of a person of a video of this name."""
        track = self.tracks[number]
        return motion_of(self.record, track.people, f"{name}_{number}", name, track.frames, track.time_s, self.fps)


def _stacked(track: PersonTrack) -> dict[str, np.ndarray]:
    """The arrays of a `PersonTrack` under their names in files, first axis: its frames."""
    arrays = {"frames": track.frames, "time_s": track.time_s}
    for person in track.people:
        for name, value in arrays_of(person).items():
            arrays.setdefault(name, []).append(np.asarray(value))
    return {name: np.stack(values) for name, values in arrays.items()}


def video_frame(people: People) -> np.ndarray:
    """A frame of the drawn video, (H * rows, 2 W, 3) uint8 RGB: people over the photo and from their side, on the
    right; a row for each kind of mesh.
    """
    drawn = list(people.draw_views(("overlay", "side")).values())
    return np.vstack([np.hstack(drawn[first:first + 2]) for first in range(0, len(drawn), 2)])
