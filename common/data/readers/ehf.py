"""EHF (Expressive Hands and Faces): 100 images of one person with SMPL-X meshes, as Hand4Whole has it.

    data/EHF.json          COCO style; body_bbox, lefthand_bbox, righthand_bbox, face_bbox (left, top, width, height)
    data/01_img.jpg        the image
    data/01_align.ply      10475 vertices, metres, in the axes of the room

There is one camera for all images; its numbers come with the data set.
Sources: the data set's README (camera), mks0601/Hand4Whole_RELEASE `EHF.py`.
"""
import os

import numpy as np

from common.data.readers.annotation_files import first_existing
from common.data.readers.checks import member, numbers
from common.data.readers.coco_people import read_people
from common.data.records import Record
from common.errors import UserError
from common.geometry.rotation import axis_angle_to_matrix
from common.names import path_below
from common.visual.mesh_files import read_mesh

FOCAL = np.array([1498.22426237, 1498.22426237])
PRINCIPAL = np.array([790.263706, 578.90334])
ROTATION = axis_angle_to_matrix(np.array([-2.98747896, 0.01172457, -0.05704687]))
TRANSLATION = np.array([-0.03609917, 0.43416458, 2.37101226])
IMAGE_SIZE = (1600, 1200)
NUM_VERTICES = 10475
_BOXES = ("lefthand", "righthand", "face")
_HINT = "unpack the EHF data set and Hand4Whole's EHF.json there"


def read_ehf(folder: str) -> list[Record]:
    """The people of the data set.

    Args:
        folder (str): holds `data`, or what is in it.

    Returns:
        list[Record]: no joints; `extras` has size (width, height), `mesh_path` for `read_vertices`, and
        `lefthand_box`, `righthand_box`, `face_box` (4,).

    Raises:
        UserError: files missing, or annotations in another form.
    """
    path = first_existing(folder, ("data/EHF.json", "EHF.json"), _HINT)
    home = os.path.dirname(path)
    records = []
    for person in read_people(path, box="body_bbox", hint=_HINT):
        name, where, image_path = person.image.file_name, person.where, person.path(home)
        boxes = {f"{part}_box": numbers(member(person.entry, f"{part}_bbox", where), (4,), f"{where}: {part}_bbox")
                 for part in _BOXES}
        records.append(Record(
            image_path=image_path, box=person.box, focal=FOCAL, principal=PRINCIPAL, key=person.key,
            extras={"size": person.size(image_path),
                    "mesh_path": path_below(home, f"{name.split('_')[0]}_align.ply", f"{where}: file_name"), **boxes}))
    return records


def read_vertices(record: Record) -> np.ndarray:
    """The mesh of a record, (10475, 3) float64, metres, camera axes.

    Raises:
        UserError: no such file, damaged, or another number of vertices.
    """
    path = record.extras["mesh_path"]
    vertices, _ = read_mesh(path)
    if len(vertices) != NUM_VERTICES:
        raise UserError(f"{path} holds {len(vertices)} vertices instead of SMPL-X's {NUM_VERTICES}; {_HINT}")
    return vertices @ ROTATION.T + TRANSLATION
