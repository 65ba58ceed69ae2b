"""The people that a mesh model found in one image or frame, ready to be looked at, drawn and written."""
import dataclasses
from collections.abc import Iterator, Sequence

import numpy as np

from common.inference.outputs import IMAGE_FORMATS, draw_people, write_people
from common.inference.person import ImageRecord, Person


@dataclasses.dataclass(frozen=True)
class People:
    """People in one image: a sequence of `Person`.

    Args:
        record (ImageRecord): the image, its camera, and what found the people.
        people (list[Person]): who was found; points are in metres, pixels are those of the image.
        photo (numpy.ndarray): (H, W, 3) uint8 RGB.
        time_s (float): seconds since the start of a video, None of an image.
    """

    record: ImageRecord
    people: list[Person]
    photo: np.ndarray
    time_s: float | None = None

    def __len__(self) -> int:
        return len(self.people)

    def __iter__(self) -> Iterator[Person]:
        return iter(self.people)

    def __getitem__(self, index: int) -> Person:
        return self.people[index]

    @property
    def name(self) -> str:
        """Stem of the files about the image."""
        return self.record.name

    def draw(self, view: str = "overlay") -> np.ndarray:
        """The meshes over the photo, or turned on white: (H, W, 3) uint8 RGB.

        Args:
            view: "overlay", "side" or "top".
        """
        return draw_people(self.record, self.people, self.photo, (view,))[view]

    def save(self, folder: str, formats: Sequence[str] = IMAGE_FORMATS) -> list:
        """Write the files of infer.py about the image; see docs/formats.md.

        Returns:
            The paths.

        Raises:
            UserError: an unknown format, or one that needs more than the model gives.
        """
        return write_people(folder, self.record, self.people, formats, self.photo)
