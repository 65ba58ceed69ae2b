"""What a mesh model says of an image: people to look at, as json, npz, mesh files, a viewer page and drawings.

Every file says which body model it rests on, names its joints, and holds the cameras with their focal length, so that
nothing has to be guessed later. Axes are those of the camera (x right, y down, z forward) in json and npz; mesh files
and the viewer page have y up, as mesh programs expect.
"""
import dataclasses
import json
import os
from collections.abc import Iterator, Sequence

import cv2
import numpy as np
import numpy.typing as npt

from common.errors import UserError
from common.files import atomic_write, npz_bytes
from common.formats.registry import MOTION_FORMATS, write_motion
from common.inference.motions import motion_of
from common.inference.person import ImageRecord, Person
from common.limits import check_choices
from common.visual.cameras import Y_UP, PerspectiveCamera, turn
from common.visual.ground import draw_ground
from common.visual.mesh_files import FORMATS as MESH_FORMATS
from common.visual.mesh_files import write_meshes
from common.visual.renderer import PALETTE, Mesh, render_scene
from common.visual.viewer import write_viewer

IMAGE_FORMATS = ("json", "npz", "obj", "glb", "html", "png")  # the usual ones
FORMATS = ("json", "npz", *MESH_FORMATS, "html", "png", *MOTION_FORMATS)

OVERLAY_OPACITY = 0.75  # of bodies over the photo, so that one sees the person beneath and how well they fit

CONVENTIONS = {
    "axes": "camera: x right, y down, z forward; mesh files and the viewer: x right, y up, z backward",
    "lengths": "metres",
    "angles": "radians",
    "pixels": "of the original image; (0, 0) is the upper left corner of the first pixel",
    "perspective": "pixel = focal_px * (x, y) / z + centre_px with (x, y, z) = point + translation_m; joints_2d_px are "
                   "joints_3d_m seen so",
    "weak_perspective": "scale * ((x, y) + (tx, ty)) spans [-1, 1] over the box; the network's own camera, to which "
                        "the perspective one was fitted",
}


@dataclasses.dataclass(frozen=True)
class People:
    """People in one image: a sequence of `Person`.

    Args:
        record (ImageRecord): the image, its camera, and what found the people.
        people (list[Person]): who was found, each with a number of its own; may be empty.
        photo (numpy.ndarray): (H, W, 3) uint8 RGB; None where nothing is to be drawn.
        time_s (float): seconds since the start of a video, None of an image.
    """

    record: ImageRecord
    people: list[Person]
    photo: np.ndarray | None
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
        """The meshes over the photo, or turned on white ("side", "top"): (H, W, 3) uint8 RGB."""
        return self.draw_views((view,))[view]

    def draw_views(self, views: Sequence[str] = ("overlay", "side", "top")) -> dict[str, np.ndarray]:
        """People over the photo, and each turned about its own middle, on the ground (see `common.visual.ground`).

        View -> (H, W, 3) uint8 RGB; those of a variant are called `<variant>_<view>`.
        """
        record, drawn = self.record, {}
        camera = PerspectiveCamera(record.focal_px, tuple(record.centre_px))
        for variant in ("", *record.variants):
            placed = place_people(self.people, variant)
            for view in views:
                if view == "overlay":
                    meshes, over = placed, {"background": self.photo, "opacity": OVERLAY_OPACITY}
                else:
                    meshes = [dataclasses.replace(mesh, vertices=turn(mesh.vertices, view)) for mesh in placed]
                    ground = draw_ground([mesh.vertices for mesh in placed], view, camera, record.size)
                    over = {"background": ground}
                image = render_scene(meshes, camera, record.size, **over).image
                drawn[f"{variant}_{view}" if variant else view] = image
        return drawn

    def save(self, folder: str, formats: Sequence[str] = IMAGE_FORMATS) -> list[str]:
        """Write the files of infer.py about the image -> their paths; of nobody only drawings are written.

        Args:
            formats (list[str]): from `FORMATS`. json, npz and mesh files are `<name>_<number>.<format>`, html is
                `<name>.html` with all people, png is `<name>_overlay.png`, `_side.png` and `_top.png`.
                `<name>_scene.<format>` is a mesh file of all people where they stand before the camera. The names of a
                variant's mesh files and drawings hold its name as well.

        Raises:
            UserError: an unknown format, one that needs more than the model gives, or a person with numbers that are
                not finite.
            ValueError: arrays of a person that do not fit together.
        """
        check_formats(formats)
        for person in self.people:
            check_person(person, f"person {person.number} of {self.record.image}")
        stem, paths = os.path.join(folder, self.name), []
        for person in self.people:
            paths += _write_person(folder, self.record, person, formats)
        for ending in (name for name in formats if name in MESH_FORMATS and self.people):
            for variant in ("", *self.record.variants):
                paths.append(f"{stem}_scene{variant and f'_{variant}'}.{ending}")
                write_meshes(paths[-1], [dataclasses.replace(mesh, vertices=mesh.vertices @ Y_UP)
                                         for mesh in place_people(self.people, variant)])
        if "html" in formats and self.people:
            paths.append(f"{stem}.html")
            _write_page(paths[-1], self.record, self.people, self.photo)
        if "png" in formats:
            for view, image in self.draw_views().items():
                paths.append(f"{stem}_{view}.png")
                atomic_write(paths[-1], cv2.imencode(".png", image[..., ::-1])[1].tobytes())
        return paths


def _write_page(path: str, record: ImageRecord, people: Sequence[Person], photo: np.ndarray | None) -> None:
    """A page to turn everybody around, variants beside each other; see `ImageRecord.nearer`."""
    depth, focal_px = record.nearer(), record.focal_px
    note = f"{record.model}, body model: {record.body_model}"
    if depth != 1.0:
        note += (f"; everybody as before a camera of {depth * focal_px:.0f} px focal length (in the files: "
                 f"{focal_px:.0f} px, {1.0 / depth:.0f} times as far away)")
    people = [dataclasses.replace(person, translation=person.translation * (1.0, 1.0, depth)) for person in people]
    meshes, joints = [], []
    for variant in ("", *record.variants):
        meshes += place_people(people, variant)
        joints += [(person.joint_names, (person.j3d + person.translation) @ Y_UP) for person in people
                   if variant in person.meshes]
    meshes = [dataclasses.replace(mesh, vertices=mesh.vertices @ Y_UP) for mesh in meshes]
    write_viewer(path, meshes, record.image, note, joints=joints, photo=photo,
                 camera=PerspectiveCamera(depth * focal_px, tuple(record.centre_px)))


def check_formats(formats: Sequence[str]) -> None:
    """Refuse a format that is not in `FORMATS` with a UserError."""
    check_choices({"formats": list(formats)}, {"formats": FORMATS})


def place_people(people: Sequence[Person], variant: str) -> list[Mesh]:
    """Meshes (vertices in the axes of the image's camera, translation included), each in its own colour.

    Args:
        people (list[Person]): those without the variant are left out.
        variant (str): key of `Person.meshes`.
    """
    return [Mesh(person.meshes[variant] + person.translation, person.faces, PALETTE[person.number % len(PALETTE)],
                 f"person {person.number} {variant}".rstrip()) for person in people if variant in person.meshes]


def check_person(person: Person, where: str) -> None:
    """Refuse a person who cannot be written; `where` is told.

    Raises:
        UserError: numbers that are not finite.
        ValueError: arrays that do not fit together.
    """
    count = len(person.joint_names)
    shapes = {"vertices": (len(person.vertices), 3), "j3d": (count, 3), "j2d_px": (count, 2), "translation": (3,),
              "cam": (3,)}
    for name, shape in shapes.items():
        if np.shape(getattr(person, name)) != shape:
            raise ValueError(f"{where}: {name} must be {shape}, not {np.shape(getattr(person, name))}")
    for name, vertices in person.variants.items():
        if np.shape(vertices) != shapes["vertices"]:
            raise ValueError(f"{where}: variant {name} must be {shapes['vertices']}, not {np.shape(vertices)}")
    arrays = {name: getattr(person, name) for name in shapes} | dict(person.parameters) | dict(person.variants)
    broken = [name for name, values in arrays.items() if not np.isfinite(values).all()]
    if broken:
        raise UserError(f"{where}: {', '.join(broken)} not finite; was the checkpoint trained without overflow?")


def _write_person(folder: str, record: ImageRecord, person: Person, formats: Sequence[str]) -> list[str]:
    """The files of one person -> their paths."""
    stem, paths = os.path.join(folder, f"{record.name}_{person.number}"), []
    for name in formats:
        if name == "json":
            paths.append(f"{stem}.json")
            atomic_write(paths[-1], json_bytes(_as_json(record, person)))
        elif name == "npz":
            paths.append(f"{stem}.npz")
            # The same as json, flat, and the meshes; numpy.load opens it without pickle.
            variants = {f"vertices_{variant}_m": vertices for variant, vertices in person.variants.items()}
            atomic_write(paths[-1], npz_bytes({
                "image": record.image, **header_of(record, person),
                "conventions": json.dumps({**CONVENTIONS, **record.conventions}), "focal_px": record.focal_px,
                "centre_px": record.centre_px, "vertices_m": person.vertices, "faces": person.faces, **variants,
                **arrays_of(person)}))
        elif name in MESH_FORMATS:
            for variant, vertices in person.meshes.items():
                ending = variant and f"_{variant}"
                paths.append(f"{stem}{ending}.{name}")
                write_meshes(paths[-1], [Mesh(np.asarray(vertices) @ Y_UP, person.faces,
                                              PALETTE[person.number % len(PALETTE)],
                                              f"person_{person.number}{ending}")])
    if any(name in MOTION_FORMATS for name in formats):
        motion = motion_of(record, [person], os.path.basename(stem), record.image)
        paths += write_motion(folder, motion, formats)
    return paths


def json_bytes(record: dict) -> bytes:
    """The bytes of a json file; NaN and infinity are refused, as no other program reads them."""
    return json.dumps(record, indent=1, allow_nan=False).encode()


def header_of(record: ImageRecord, person: Person) -> dict:
    """What all files about somebody begin with."""
    height, width = record.size
    return {"image_size_px": [int(width), int(height)], "person": person.number, "model": record.model,
            "body_model": record.body_model, "joint_names": list(person.joint_names)}


def arrays_of(person: Person) -> dict[str, np.ndarray]:
    """What files say of somebody in numbers, but for meshes: name -> array."""
    return {"joints_2d_px": person.j2d_px, "joints_3d_m": person.j3d, "translation_m": person.translation,
            "cam": person.cam, "box_centre_px": person.box_centre_px, "box_size_px": person.box_size_px,
            "score": np.nan if person.score is None else person.score,
            **{f"{name}_box_px": box for name, box in person.boxes_px.items()}, **person.parameters}


def _as_json(record: ImageRecord, person: Person) -> dict:
    """What the json file says."""
    return {
        "image": record.image,
        **header_of(record, person),
        "score": None if person.score is None else float(person.score),
        "conventions": {**CONVENTIONS, **record.conventions},
        "joints_2d_px": plain(person.j2d_px),
        "joints_3d_m": plain(person.j3d),
        "parameters": {name: plain(values) for name, values in person.parameters.items()},
        "boxes_px": {name: plain(box) for name, box in person.boxes_px.items()},
        "cameras": {
            "perspective": {"focal_px": float(record.focal_px), "centre_px": plain(record.centre_px),
                            "translation_m": plain(person.translation)},
            "weak_perspective": {"scale": plain(person.cam[0]), "tx": plain(person.cam[1]),
                                 "ty": plain(person.cam[2]), "box_centre_px": plain(person.box_centre_px),
                                 "box_size_px": float(person.box_size_px)},
        },
    }


def plain(values: npt.ArrayLike) -> list | float:
    """Numbers of an array as nested lists, with nine digits: these give every float32 back."""
    if np.ndim(values):
        return [plain(value) for value in values]
    return float(f"{float(values):.9g}")
