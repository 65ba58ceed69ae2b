"""A small annotated set in COCO's form, made from the reference scenes."""
import json

import cv2
import numpy as np

from common.joints import SKELETONS


def write_set(folder, golden, names=("single", "scales", "overlap"), seed=1):
    """Images, person_keypoints.json below `folder`; returns (annotation path, image folder)."""
    images, annotations = [], []
    (folder / "images").mkdir()
    for number, name in enumerate(names, 1):
        height, width, people = golden.scenes.people_of(name, seed)
        image = golden.seeded.image(name, height, width, seed)
        cv2.imwrite(str(folder / "images" / f"{number:012d}.png"), image)
        images.append({"id": number, "file_name": f"{number:012d}.png", "height": height, "width": width})
        for person in people:
            keypoints = person[golden.scenes.COCO_TO_18].copy()
            keypoints[:, 2] *= 2
            keypoints[keypoints[:, 2] == 0] = 0
            there = keypoints[keypoints[:, 2] > 0]
            (x0, y0), (x1, y1) = there[:, :2].min(0), there[:, :2].max(0)
            annotations.append(entry(len(annotations) + 1, number, (x0, y0, x1, y1), keypoints))
    content = {"images": images, "annotations": annotations,
               "categories": [{"id": 1, "name": "person", "keypoints": list(SKELETONS["coco_17"])}]}
    return save(folder / "person_keypoints.json", content), str(folder / "images")


def entry(number, image_id, box, keypoints, crowd=False):
    x0, y0, x1, y1 = map(float, box)
    return {"id": number, "image_id": image_id, "category_id": 1, "iscrowd": int(crowd),
            "bbox": [x0, y0, x1 - x0, y1 - y0], "area": (x1 - x0) * (y1 - y0),
            "segmentation": [[x0, y0, x1, y0, x1, y1, x0, y1]],
            "keypoints": np.ravel(keypoints).tolist(), "num_keypoints": int((np.asarray(keypoints)[:, 2] > 0).sum())}


def save(path, content):
    path.write_text(json.dumps(content))
    return str(path)
