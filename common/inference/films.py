"""What a mesh model leaves of a film: each person over time as json and npz, and the film with the meshes drawn.

One file holds all frames of a person; its arrays are those of the files about pictures with a first axis for the
frames in which the person is seen. `frames` are their numbers, from 0.
"""
import json
import os

import numpy as np

from common.files import atomic_write
from common.inference.outputs import CONVENTIONS, archive_bytes, draw_people, json_bytes, plain

# Fields of a `Person` -> what they are called in the files.
FIELDS = {"j2d_px": "joints_2d_px", "j3d": "joints_3d_m", "translation": "translation_m", "cam": "cam",
          "box_centre_px": "box_centre_px", "box_size_px": "box_size_px", "score": "score"}


class FilmRecord:
    """Collects the people of a film, frame by frame.

    Args:
        fps (float): frames per second.
        smoothed (bool): whether people were smoothed over time, for the record.
    """

    def __init__(self, fps, smoothed):
        self.fps, self.smoothed = fps, smoothed
        self.picture, self.frames, self.tracks, self.joint_names = None, 0, {}, ()

    def add(self, picture, people):
        """Take the next frame: its `Picture` and its `Person`s, who all have numbers."""
        for person in people:
            values = {name: getattr(person, field) for field, name in FIELDS.items()}
            values["score"] = np.nan if person.score is None else person.score
            values |= {f"{name}_box_px": box for name, box in person.boxes_px.items()}
            track = self.tracks.setdefault(person.number, {"frames": []})
            track["frames"].append(self.frames)
            for name, value in {**values, **person.parameters}.items():
                track.setdefault(name, []).append(np.asarray(value))
            self.joint_names = person.joint_names
        self.picture = picture
        self.frames += 1

    def write(self, folder, name, formats):
        """Write `<name>_<number>.json` and `.npz` for every person -> the paths; other formats are not looked at."""
        paths = []
        for number, track in sorted(self.tracks.items()):
            arrays = {key: np.stack(values) for key, values in track.items()}
            for ending, make in (("json", self._record), ("npz", self._archive)):
                if ending in formats:
                    paths.append(os.path.join(folder, f"{name}_{number}.{ending}"))
                    atomic_write(paths[-1], make(name, number, arrays))
        return paths

    def _header(self, name, number):
        height, width = self.picture.size
        return {"film": name, "fps": float(self.fps), "num_frames": self.frames, "smoothed": self.smoothed,
                "image_size_px": [int(width), int(height)], "person": number, "model": self.picture.model,
                "body_model": self.picture.body_model, "joint_names": list(self.joint_names),
                "focal_px": float(self.picture.focal_px), "centre_px": plain(self.picture.centre_px)}

    def _record(self, name, number, arrays):
        values = {key: plain(value) for key, value in arrays.items()}
        values["frames"] = arrays["frames"].tolist()
        values["score"] = [None if np.isnan(score) else score for score in values["score"]]
        return json_bytes({**self._header(name, number), "conventions": CONVENTIONS, **values})

    def _archive(self, name, number, arrays):
        return archive_bytes({**self._header(name, number), "conventions": json.dumps(CONVENTIONS), **arrays})


def film_frame(picture, people, photo):
    """A frame of the drawn film: people over the photo, beside it from their side; a row for each kind of mesh.

    Args:
        photo (numpy.ndarray): (H, W, 3) uint8 RGB.

    Returns:
        numpy.ndarray: (H * rows, 2 W, 3) uint8 RGB.
    """
    drawn = list(draw_people(picture, people, photo, ("overlay", "side")).values())
    return np.vstack([np.hstack(drawn[first:first + 2]) for first in range(0, len(drawn), 2)])
