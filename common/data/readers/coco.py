"""COCO keypoint annotations: the one reader of this format, for all models.

    {"images": [{"id", "file_name", "width", "height"}], "categories": [{"id", "name", "keypoints": [names]}],
     "annotations": [{"id", "image_id", "category_id", "keypoints": [x, y, v, ...], "bbox", "area", "iscrowd",
                      "num_keypoints", "segmentation"}]}

What a joint is says its name in the category, not its number. v is 0 not labelled, 1 labelled but hidden, 2 visible;
scores above 0 count as labelled. Files of other makers lack members: what is missing is derived, what cannot be used is
left out, and one line of the log says both. Identifiers may be numbers or text; 9 and "9" are the same.

The data set's own folders (2014 and 2017) are:

    <root>/annotations/person_keypoints_train2017.json
    <root>/train2017/000000000009.jpg               2014: train2014/COCO_train2014_000000000009.jpg

Images may also lie in <root>/images/train2017 or, as one HMR port has them, <root>/images/train-valid2017. Other data
sets take this form for members of their own (`coco_people`).
Source: cocodataset.org, data format.
"""
import logging
import os
from collections import Counter
from collections.abc import Sequence

import numpy as np

from common.data.readers.annotation_files import existing, first_existing
from common.data.readers.coco_images import AnnotatedImage, base_name, image_path, key_of, natural
from common.data.readers.coco_masks import decode_outline
from common.data.readers.columns import count_of, floats, table
from common.data.records import HIDDEN, VISIBLE, Record
from common.errors import UserError
from common.joints import SKELETONS, joint_name
from common.text_files import read_json

LOGGER = logging.getLogger("mindhuman")
JOINTS = SKELETONS["coco_17"]
SPLITS = ("train2014", "val2014", "train2017", "val2017")
BOX_SHARE = 0.53  # of its box that a person covers, where no area is given (xtcocotools, for AI Challenger and others)
OUTLINE = "segmentation"  # most of COCO's files
_HINT = "unpack annotations_trainval and the images of COCO there"


class Annotations:
    """People of one category, as columns of N rows that are sorted by image.

    Args:
        content: the JSON file's content.
        path (str): the file, for messages.
        category (str): which people; None for `person`, or else the only category with keypoints.
        names (sequence): of the keypoints, where the category does not list them; by default COCO's. None at all: the
            file's joints are not read.
        members (sequence): other members of an annotation that are kept, see `members`.
        box (str): the member with the person's box.
        raw (bool): the file's own dictionaries are kept.

    Attributes:
        path (str), category (str), category_id: as given and chosen.
        names (tuple): K names of the keypoints, as the file writes them.
        images (list[AnnotatedImage]): in the order of their identifiers.
        image_rows (array): (N,) int, places in `images`, ascending.
        keypoints (array): (N, K, 3) float64, pixels of the image, and `NOT_LABELLED`, `HIDDEN` or `VISIBLE`.
        num_keypoints (array): (N,) int, as the file counts them, else the labelled ones.
        boxes (array): (N, 4) float64, left, top, width, height, pixels; zeros where nothing is known.
        areas (array): (N,) float64, px^2.
        crowd (array): (N,) bool.
        ids (list), track_ids (list): N identifiers as the file has them, None where it has none.
        members (dict): name -> list of N.
        entries, image_entries (list): with `raw`, the annotations (N) and the images as the file has them.

    Raises:
        UserError: content that is not COCO's, another category, or keypoints without names or of another number.
    """

    def __init__(self, content: object, path: str, category: str | None = None, names: Sequence[str] = JOINTS,
                 members: Sequence[str] = (), box: str = "bbox", raw: bool = False):
        self.path, self.notes = path, Counter()
        images, entries = (_listed(content, key, path) for key in ("images", "annotations"))
        orders, self.category, self.category_id, self.names = self._category(content.get("categories"), entries,
                                                                             category, names)
        known, row_of = self._images(images)
        self.images = [image for image, _ in known]
        entries, rows = self._known(entries, row_of, orders)
        order = np.argsort(rows, kind="stable")
        entries, self.image_rows = [entries[row] for row in order], rows[order]
        # Image i has the rows from starts[i] to starts[i + 1].
        self._starts = np.searchsorted(self.image_rows, np.arange(len(self.images) + 1))
        self.ids, self.track_ids = ([entry.get(name) for entry in entries] for name in ("id", "track_id"))
        self.members = {name: [entry.get(name) for entry in entries] for name in members}
        self.entries, self.image_entries = (entries, [entry for _, entry in known]) if raw else (None, None)
        self.keypoints = self._keypoints(entries, orders)
        self._derive(entries, box)
        if self.notes:
            LOGGER.warning("%s: %s", path, "; ".join(f"{text} ({count:,})" for text, count in self.notes.items()))

    def __len__(self) -> int:
        return len(self.ids)

    def rows(self, image_row: int) -> range:
        """The rows of an image's people, a range."""
        return range(self._starts[image_row], self._starts[image_row + 1])

    def image_path(self, folder: str, image: AnnotatedImage) -> str:
        """See `image_path`."""
        return image_path(folder, image, self.path)

    def learned(self, min_keypoints: float, min_area: float) -> np.ndarray:
        """(N,) bool: who is trained on: no crowds, enough labelled joints, a larger area (px^2)."""
        return ~self.crowd & (self.num_keypoints >= min_keypoints) & (self.areas > min_area)

    def find_images(self, folder: str, flag: str, image_rows: Sequence[int] | np.ndarray | None = None) -> list[str]:
        """Paths of images, all of which have to be there.

        Args:
            folder (str): where the images lie.
            flag (str): that names the folder, for messages.
            image_rows (sequence): which images; None for all.

        Raises:
            UserError: no such folder, or images that are missing.
        """
        if not os.path.isdir(folder):
            raise UserError(f"image folder {folder} does not exist or is no folder ({flag})")
        images = self.images if image_rows is None else [self.images[row] for row in image_rows]
        paths = [self.image_path(folder, image) for image in images]
        missing = [image.file_name for image, path in zip(images, paths) if not os.path.isfile(path)]
        if missing:
            raise UserError(f"{folder} lacks {len(missing)} of {len(images)} annotated images, such as "
                            f"{', '.join(missing[:3])} ({flag})")
        return paths

    def joints(self) -> tuple[str, ...]:
        """The K names in this project's spelling."""
        return tuple(joint_name(name) for name in self.names)

    def in_order(self, joints: Sequence[str]) -> np.ndarray:
        """(N, J, 3) keypoints in another order, by names; zeros for joints that the file lacks.

        A joint that has a name of its own in the file, at the place that is its own in `joints`, is taken and said.

        Raises:
            UserError: the file has none of the joints.
        """
        ours = self.joints()
        place = {joint: ours.index(joint) for joint in joints if joint in ours}
        odd = {joint: row for row, joint in enumerate(joints) if joint not in ours and row < len(ours)
               and ours[row] not in joints}
        if not place:
            raise UserError(f"{self.path}: the joints are {', '.join(self.names) or 'none'}, none of which is one of "
                            f"{', '.join(joints)}")
        for joint, row in odd.items():
            LOGGER.info("%s: %s is taken as %s, which has this place in the order", self.path, self.names[row], joint)
        place |= odd
        keypoints = np.zeros((len(self), len(joints), 3))
        keypoints[:, [joints.index(joint) for joint in place]] = self.keypoints[:, list(place.values())]
        return keypoints

    def region(self, row: int, size: tuple[int, int]) -> tuple[np.ndarray, str]:
        """Pixels (H, W) bool of a person: the outline (`OUTLINE` has to be in `members`), or else the box.

        Args:
            row (int): which person.
            size (tuple): width and height of the image.

        Returns:
            tuple: the pixels, and what is wrong with the outline, an empty text for nothing.
        """
        mask, fault = decode_outline(self.members[OUTLINE][row], size[1], size[0])
        if mask is None:
            left, top, width, height = self.boxes[row]
            columns, lines = (np.clip((low, low + extent), 0, most).round().astype(int) for low, extent, most in
                              ((left, width, size[0]), (top, height, size[1])))
            mask = np.zeros((size[1], size[0]), bool)
            mask[lines[0]:lines[1], columns[0]:columns[1]] = True
        return mask, fault

    def _category(self, categories: object, entries: list, wanted: str | None,
                  names: Sequence[str]) -> tuple[dict[str, list[int]], str, object, tuple[str, ...]]:
        """Identifier as text -> order of its keypoints; the category's name and identifier; the keypoints' names."""
        categories = [entry for entry in categories if isinstance(entry, dict)] if isinstance(categories, list) else []
        if not categories and wanted in (None, "person"):
            if names:
                self.notes["annotations count as people, the file lists no categories"] = len(entries)
            numbers = {key_of(entry.get("category_id")) for entry in entries if isinstance(entry, dict)}
            categories = [{"id": number, "name": "person"} for number in ("1", *sorted(numbers - {"1"}))]
        listed = [entry for entry in categories if isinstance(entry.get("keypoints"), list) and entry["keypoints"]]
        chosen = [entry for entry in categories if entry.get("name") == (wanted or "person")] or [
            entry for entry in categories if str(entry.get("name")).casefold() == (wanted or "person").casefold()]
        only = listed if names else categories
        if not chosen and wanted is None and len(only) == 1:
            chosen = only
        if not chosen:
            there = ", ".join(str(entry.get("name")) for entry in categories) or "none"
            raise UserError(f"{self.path} has no category {wanted or 'person'} (there: {there})")
        name = str(chosen[0].get("name"))
        if len(categories) == 1 and all(isinstance(entry, dict) and "category_id" not in entry for entry in entries):
            chosen = [chosen[0], {**chosen[0], "id": None}]  # there is no other one
        if not names:
            return {key_of(entry.get("id")): [] for entry in chosen}, name, chosen[0].get("id"), ()
        found = [tuple(map(str, entry["keypoints"])) for entry in chosen if entry in listed]
        if not found:
            found = [tuple(names)]
            self.notes[f"keypoints are taken in the order {', '.join(names)}, as the category {name} lists none"] = \
                len(names)
        if len(set(found[0])) < len(found[0]):
            raise UserError(f"{self.path}: the category {name} lists a keypoint twice")
        if any(set(other) != set(found[0]) for other in found):
            raise UserError(f"{self.path} has {len(chosen)} categories {name} with different keypoints: keep one of "
                            "them")
        orders = {key_of(entry.get("id")): [(list(map(str, entry["keypoints"])) if entry in listed else found[0])
                                          .index(joint) for joint in found[0]] for entry in chosen}
        return orders, name, chosen[0].get("id"), found[0]

    def _images(self, entries: list) -> tuple[list[tuple[AnnotatedImage, dict]], dict[str, int]]:
        """The images in order with their entries, and identifier as text -> place."""
        known = {}
        for entry in entries:
            if not isinstance(entry, dict) or not isinstance(entry.get("id"), int | float | str):
                self.notes["images without an id are left out"] += 1
                continue
            key, name = key_of(entry["id"]), entry.get("file_name")
            name = name if isinstance(name, str) else ""
            if key in known:
                if known[key][0].file_name != name:
                    raise UserError(f"{self.path}: image {key} stands there twice, as {known[key][0].file_name} and as "
                                    f"{name}: give each image a number of its own")
                self.notes["images that stand there twice are taken once"] += 1
                continue
            video = entry.get("video_id", entry.get("vid_id"))
            known[key] = AnnotatedImage(entry["id"], name, *_size(entry), str(video) if video is not None else
                                        os.path.dirname(name)), entry
        names = Counter(base_name(image.file_name) for image, _ in known.values())
        known = {key: (image._replace(alone=names[base_name(image.file_name)] == 1), entry)
                 for key, (image, entry) in known.items()}
        numbers = all(isinstance(image.id, int) for image, _ in known.values())
        keys = sorted(known, key=(lambda key: known[key][0].id) if numbers else natural)
        return [known[key] for key in keys], {key: row for row, key in enumerate(keys)}

    def _known(self, entries: list, row_of: dict[str, int],
               orders: dict[str, list[int]]) -> tuple[list[dict], np.ndarray]:
        """Annotations of the category in images that are listed, and the places of these."""
        chosen = [entry for entry in entries if isinstance(entry, dict)
                  and key_of(entry.get("category_id")) in orders]
        self._note("annotations of other categories are left out", len(entries) - len(chosen))
        rows = np.array([row_of.get(key_of(entry.get("image_id")), -1) for entry in chosen], np.int64)
        if (rows < 0).any():
            if (rows < 0).all():
                raise UserError(f"{self.path}: no annotation belongs to one of the {len(row_of)} images that it lists")
            self._note("annotations of images that are not listed are left out", int((rows < 0).sum()))
            chosen, rows = [entry for entry, row in zip(chosen, rows) if row >= 0], rows[rows >= 0]
        ids = [key_of(entry.get("id")) for entry in chosen]
        if len(set(ids)) < len(ids):
            self._note("annotations share an id with another one, each counts", len(ids) - len(set(ids)))
        return chosen, rows

    def _note(self, text: str, count: int) -> None:
        if count:
            self.notes[text] += int(count)

    def _keypoints(self, entries: list, orders: dict[str, list[int]]) -> np.ndarray:
        width = 3 * len(self.names)
        if not width:
            return np.zeros((len(entries), 0, 3))
        values, there = table([entry.get("keypoints") for entry in entries], width)
        wrong = np.flatnonzero(there < 0)
        if len(wrong):
            entry = entries[wrong[0]]
            size = count_of(entry["keypoints"])
            raise UserError(f"{self.path}: annotation {entry.get('id')} has {'uneven lists of' if size < 0 else size} "
                            f"keypoint numbers, expected {width} (x, y and v of {len(self.names)} joints)")
        self._note("annotations have no keypoints", (there == 0).sum())
        keypoints = values.reshape(len(entries), len(self.names), 3)
        if len({tuple(order) for order in orders.values()}) > 1:  # categories that order the same joints differently
            for row, entry in enumerate(entries):
                keypoints[row] = keypoints[row][orders[key_of(entry["category_id"])]]
        flags = keypoints[..., 2]
        usual = (flags == 0) | (flags == HIDDEN) | (flags == VISIBLE)
        self._note("annotations have other flags than 0, 1 and 2: up to 0 counts as not labelled, up to 1 as hidden, "
                   "more as visible", (~usual).any(1).sum())
        flags[~usual] = np.where(flags[~usual] > HIDDEN, VISIBLE, np.where(flags[~usual] > 0, HIDDEN, 0))
        lost = (flags > 0) & ~np.isfinite(keypoints[..., :2]).all(-1)
        self._note("annotations have joints that are labelled but NaN, these count as not labelled", lost.any(1).sum())
        keypoints[lost | ~np.isfinite(keypoints).all(-1)] = 0
        return keypoints

    def _derive(self, entries: list, box: str) -> None:
        """Boxes, areas, crowds and numbers of keypoints, from what else is known where the file leaves them out."""
        self._derive_boxes(entries, box)
        if not self.names:
            return
        labelled = self.keypoints[..., 2] > 0
        counted, told = labelled.sum(1), floats([entry.get("num_keypoints") for entry in entries])
        missing = ~(told >= 0)
        self._note("annotations lack num_keypoints: labelled joints are counted", missing.sum())
        self._note("annotations have another num_keypoints than labelled joints: the file's number holds",
                   (~missing & (told != counted)).sum())
        self.num_keypoints = np.where(missing, counted, np.minimum(told, len(self.names))).astype(int)
        crowd = floats([entry.get("iscrowd") for entry in entries])
        self._note("annotations lack iscrowd: 0", np.isnan(crowd).sum())
        self.crowd = np.nan_to_num(crowd) > 0
        self.areas = floats([entry.get("area") for entry in entries])
        missing = ~(np.isfinite(self.areas) & (self.areas > 0))
        self.areas[missing] = BOX_SHARE * self.boxes[missing, 2:].prod(1)
        self._note(f"annotations lack area: {BOX_SHARE} of the box", missing.sum())

    def _derive_boxes(self, entries: list, box: str) -> None:
        labelled = self.keypoints[..., 2] > 0
        self.boxes, there = table([entry.get(box) for entry in entries], 4)
        missing = (there <= 0) | ~(np.isfinite(self.boxes).all(1) & (self.boxes[:, 2:] > 0).all(1))
        self.boxes[missing] = 0
        for row in np.flatnonzero(missing & labelled.any(1)):
            points = self.keypoints[row, labelled[row], :2]
            self.boxes[row] = *points.min(0), *np.ptp(points, axis=0)
        self._note(f"annotations lack {box}: the box around the labelled joints", (missing & labelled.any(1)).sum())
        self._note_corners(box, ~missing)
        if self.names:  # else `coco_people` says what becomes of them
            self._note(f"annotations have no {box}, nor labelled joints that tell one",
                       (missing & ~labelled.any(1)).sum())

    def _note_corners(self, box: str, told: np.ndarray) -> None:
        """Say when boxes look like left, top, right, bottom: out of their images as they are read, else within."""
        boxes = self.boxes[told]
        sizes = np.array([image.size or (np.inf, np.inf) for image in self.images]).reshape(-1, 2)
        sizes = sizes[self.image_rows[told]]
        beyond = (boxes[:, :2] + boxes[:, 2:] > 1.1 * sizes).any(1)
        if (boxes[:, 2:] > boxes[:, :2]).all() and (boxes[:, 2:] <= sizes).all() and 3 * beyond.sum() > len(boxes):
            self._note(f"{box}es reach out of their images and would not if they were left, top, right, bottom: they "
                       "are read as left, top, width, height, convert them if they are not", beyond.sum())


def read_annotations(path: str, category: str | None = None, names: Sequence[str] = JOINTS,
                     members: Sequence[str] = ()) -> Annotations:
    """`Annotations` of a file; for the arguments see there.

    Raises:
        UserError: as there, and a file that is missing or no JSON.
    """
    without = "" if OUTLINE in members else OUTLINE
    return Annotations(read_json(path, without=without), path, category, names, members)


def _listed(content: object, key: str, path: str) -> list:
    value = content.get(key) if isinstance(content, dict) else None
    if not isinstance(value, list):
        raise UserError(f"{path} is no COCO annotation file: it has no list of {key}")
    return value


def _size(entry: dict) -> tuple[int, int]:
    """Width and height, 0 where they are no positive whole numbers."""
    size = floats([entry.get("width"), entry.get("height")])
    size = np.where(np.isfinite(size) & (size >= 1) & (size < 1e6), size, 0)
    return int(size[0]), int(size[1])


def find_coco(root: str, split: str) -> tuple[str, str]:
    """Paths of the annotation file and of the image folder of a split.

    Raises:
        UserError: no such split, or one of both is missing.
    """
    if split not in SPLITS:
        raise UserError(f"split {split!r} of COCO does not exist: use one of {', '.join(SPLITS)}")
    annotations = existing(os.path.join(root, "annotations", f"person_keypoints_{split}.json"), _HINT)
    together = f"images/train-valid{split[-4:]}"
    return annotations, first_existing(root, (split, f"images/{split}", together), _HINT)


def read_coco_training(folder: str) -> list[Record]:
    """People of the training images of 2017, or else of 2014; UserError where neither year's annotations are there."""
    for split in ("train2017", "train2014"):
        if os.path.isfile(os.path.join(folder, "annotations", f"person_keypoints_{split}.json")):
            return read_coco(*find_coco(folder, split))
    raise UserError(f"{folder} has no annotations/person_keypoints_train2017.json (or train2014): unpack "
                    "annotations_trainval there")


def read_coco(annotation_path: str, image_folder: str) -> list[Record]:
    """People with labelled joints of an annotation file, image by image.

    Args:
        annotation_path (str): `person_keypoints_*.json`, or another file in that format.
        image_folder (str): where its `file_name`s are.

    Returns:
        list[Record]: joints as the file names them, in this project's spelling; `key` is the annotation's id; `extras`
        has size, (width, height) of the image or None.

    Raises:
        UserError: missing file, or content that is not COCO's.
    """
    people = read_annotations(annotation_path)
    joints, flags = people.joints(), people.keypoints[..., 2].astype(np.uint8)
    if not {*joints} & {*JOINTS}:  # of a category of things
        raise UserError(f"{annotation_path}: the joints are {', '.join(people.names)}, none of which is one of COCO's: "
                        f"{', '.join(JOINTS)}")
    records = []
    for row in np.flatnonzero(flags.any(1)):
        image = people.images[people.image_rows[row]]
        records.append(Record(
            image_path=people.image_path(image_folder, image), box=people.boxes[row], joints=joints,
            j2d=people.keypoints[row, :, :2], visibility=flags[row], key=str(people.ids[row]),
            extras={"size": image.size}))
    return records
