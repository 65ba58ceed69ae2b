"""Images of annotation files in COCO's form: what they are called, in which order they come and where they lie."""
import itertools
import os
from typing import NamedTuple

from common.errors import UserError, brief
from common.names import path_below, safe_name


class AnnotatedImage(NamedTuple):
    """An image of an annotation file.

    id (int | str): as the file has it. file_name (str). width, height (int): pixels, 0 where the file does not tell.
    video (str): what the file calls the video, or the folder in the file name; empty for none. alone (bool): no other
    image of the file has this name without its folders.
    """

    id: object
    file_name: str
    width: int
    height: int
    video: str = ""
    alone: bool = True

    @property
    def size(self) -> tuple[int, int] | None:
        """(width, height), or None where the file does not tell."""
        return (self.width, self.height) if self.width > 0 and self.height > 0 else None

    @property
    def stem(self) -> str:
        """For names of files about the image: its number in twelve digits, or its identifier if that is text."""
        return safe_name(self.id) if isinstance(self.id, str) else key_of(self.id).zfill(12)


def image_path(folder: str, image: AnnotatedImage, where: str) -> str:
    """Where an image lies: at its file name below the folder, or there without the folders in its name.

    The latter also where the name is a path on the machine of whoever made the file; not where two images share it.

    Raises:
        UserError: no file name, or one that leads out of the folder where the image is not.
    """
    alone = os.path.join(folder, base_name(image.file_name))
    there = image.alone and os.path.isfile(alone)
    try:
        path = path_below(folder, image.file_name, f"{where}: file_name of image {brief(image.id)}")
    except UserError:
        if there:
            return alone
        raise
    return alone if there and not os.path.exists(path) else path


def base_name(name: str) -> str:
    """A file name without its folders, in the spelling of any system."""
    return name.replace("\\", "/").rpartition("/")[2]


def key_of(identifier: object) -> str:
    """An identifier as text; 9, 9.0 and "9" are the same."""
    if isinstance(identifier, float) and identifier.is_integer():
        identifier = int(identifier)
    return str(identifier)


def natural(key: str) -> list[tuple[int, int, str]]:
    """Sorts "10" and "a10" behind "9" and "a9"."""
    return [(0, int(digits), "") if numbers else (1, 0, "".join(letters)) for numbers, letters in
            itertools.groupby(key, str.isdecimal) for digits in ["".join(letters)]]
