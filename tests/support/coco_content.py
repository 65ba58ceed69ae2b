"""Annotations in COCO's form, of people in images of 100 x 80 pixels."""
from common.data.readers.coco import JOINTS, Annotations


def person(number, image, shift=0, **members):
    """An annotation with its 17 joints in a row; `members` of None are left out."""
    joints = [value for joint in range(17) for value in (10 + joint + shift, 20 + shift, 1 + joint % 2)]
    entry = {"id": number, "image_id": image, "category_id": 1, "keypoints": joints, "bbox": [10, 20, 30, 40],
             "area": 700.0, "iscrowd": 0, "num_keypoints": 17, "segmentation": [[10, 20, 40, 20, 40, 60, 10, 60]]}
    return {name: value for name, value in {**entry, **members}.items() if value is not None}


def content(*people, images=None, categories=None):
    images = images or [{"id": number, "file_name": f"{number}.jpg", "width": 100, "height": 80} for number in (2, 1)]
    return {"images": images, "annotations": list(people) or [person(1, 1), person(2, 2, 5), person(3, 1, 9)],
            "categories": categories or [{"id": 1, "name": "person", "keypoints": list(JOINTS)}]}


def read(*people, members=(), category=None, **other):
    return Annotations(content(*people, **other), "a.json", category, members=members)
