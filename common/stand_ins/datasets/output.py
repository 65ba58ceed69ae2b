"""Files of sample data that are written piece by piece, so that memory does not grow with their size; CDF files."""
import contextlib
import json
import os
import tempfile

import numpy as np

from common.files import atomic_path


def save_cdf(path, poses):
    """Write poses (T, J, 3) as variable `Pose` (1, T, 3 J), float32, of a CDF file as Human3.6M has them."""
    from cdflib.cdfwrite import CDF  # here, so that the other layouts do not need it

    rows = np.asarray(poses, np.float32).reshape(1, len(poses), -1)
    with atomic_path(path) as temporary:
        # Uncompressed, as gzip would put the time of day into the file.
        writer = CDF(temporary, cdf_spec={"Majority": "row_major", "Compressed": 0}, delete=True)
        writer.write_var({"Variable": "Pose", "Data_Type": CDF.CDF_FLOAT, "Num_Elements": 1, "Rec_Vary": True,
                          "Dim_Sizes": list(rows.shape[1:]), "Var_Type": "zVariable", "Compress": 0}, var_data=rows)
        writer.close()


class JsonObject:
    """A JSON object of objects, written entry by entry; entries with equal first keys must come one after the other."""

    def __init__(self, stream):
        self._stream, self._open, self._comma = stream, (), False
        stream.write("{")

    def add(self, *keys, value):
        """Set object[keys[0]][keys[1]]... = value."""
        outer = tuple(str(key) for key in keys[:-1])
        same = len(os.path.commonprefix([self._open, outer]))
        text = "}" * (len(self._open) - same)
        text += "," if self._comma else ""
        text += "".join(f'"{key}": {{' for key in outer[same:])
        self._stream.write(f'{text}"{keys[-1]}": {json.dumps(value, default=_plain)}\n')
        self._open, self._comma = outer, True

    def close(self):
        """Write the closing brackets."""
        self._stream.write("}" * (len(self._open) + 1))


@contextlib.contextmanager
def json_object(path):
    """Yield a `JsonObject` that is written to `path` when the block succeeds."""
    with atomic_path(path) as temporary:
        with open(temporary, "w", encoding="utf-8") as stream:
            content = JsonObject(stream)
            yield content
            content.close()


class CocoLists:
    """Images and annotations of a COCO-style file."""

    def __init__(self, images, annotations):
        self._images, self._annotations = images, annotations

    def add_image(self, **image):
        self._images.write(json.dumps(image, default=_plain) + "\n")

    def add_annotation(self, **annotation):
        self._annotations.write(json.dumps(annotation, default=_plain) + "\n")


@contextlib.contextmanager
def coco_file(path, **others):
    """Yield `CocoLists` that are written to `path`, beside the members `others`, when the block succeeds."""
    with tempfile.TemporaryFile("w+", encoding="utf-8") as images, \
            tempfile.TemporaryFile("w+", encoding="utf-8") as annotations:
        yield CocoLists(images, annotations)
        with atomic_path(path) as temporary, open(temporary, "w", encoding="utf-8") as stream:
            stream.write("{")
            for name, value in others.items():
                stream.write(f'"{name}": {json.dumps(value, default=_plain)},\n')
            for name, rows, end in (("images", images, "],\n"), ("annotations", annotations, "]}\n")):
                stream.write(f'"{name}": [')
                rows.seek(0)
                for number, row in enumerate(rows):
                    stream.write(("," if number else "") + row)
                stream.write(end)


def _plain(value):
    """numpy values for JSON."""
    if isinstance(value, np.ndarray):
        return value.tolist()
    if isinstance(value, np.generic):
        return value.item()
    raise TypeError(f"{type(value).__name__} has no place in JSON")
