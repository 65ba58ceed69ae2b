"""Sample scenes: the truth that comes with an image agrees with the image and with the body model."""
import dataclasses

import cv2
import numpy as np
import pytest

from common.body_models.lbs_numpy import pose_body
from common.data.records import HIDDEN, NOT_LABELLED, VISIBLE
from common.geometry.rotation import axis_angle_to_matrix, matrix_to_axis_angle
from common.joints import BODY_PARTS
from common.stand_ins.scenes.body import scene_body
from common.stand_ins.scenes.hard_images import leaves
from common.stand_ins.scenes.places import box_mesh
from common.stand_ins.scenes.scene import make_scene, photograph
from common.stand_ins.scenes.stage import Y_FLIP, Actor, PinholeCamera, StagedScene, look_at, make_stage

SIZE = (240, 320)


@pytest.fixture(scope="module")
def scenes():
    return [make_scene(np.random.default_rng(seed), SIZE, number) for seed, number in enumerate((1, 3, 5))]


def upright(turn=0.0, kind="smpl"):
    """A person in the rest pose on the ground at the origin, looking at the camera; turned by `turn` radians."""
    body = scene_body(kind)
    pose = np.zeros(3 * len(body.joint_names))
    pose[:3] = matrix_to_axis_angle(axis_angle_to_matrix(np.array([0.0, turn, 0.0])) @ Y_FLIP)
    vertices, skeleton = pose_body(body.model, axis_angle_to_matrix(pose.reshape(1, -1, 3)).astype(np.float32),
                                   np.zeros((1, 10), np.float32))
    shift = np.array([-skeleton[0, 0, 0], -vertices[0, :, 1].max(), -skeleton[0, 0, 2]])
    return Actor(kind, pose, np.zeros(10), None, vertices[0] + shift, skeleton[0] + shift,
                 skeleton[0, 0].astype(float), np.full(vertices[0].shape, 200, np.float32))


def scene_of(*actors, things=(), view=None):
    place = make_stage(np.random.default_rng(0), 1).place
    view = view or look_at(np.array([0.0, -1.0, -4.0]), np.array([0.0, -0.9, 0.0]), 300.0, (160.0, 120.0))
    return photograph(np.random.default_rng(0), StagedScene(tuple(actors), tuple(things), place), view, SIZE)


def test_a_seed_gives_one_image():
    first, again, other = (make_scene(np.random.default_rng(seed), SIZE, 2) for seed in (5, 5, 6))
    np.testing.assert_array_equal(first.image, again.image)
    np.testing.assert_array_equal(first.people[1].pose, again.people[1].pose)
    assert first.image.shape == (*SIZE, 3) and first.image.dtype == np.uint8
    assert (first.image != other.image).mean() > 0.5


def test_hard_scenes_show_other_images_of_the_same_truth():
    for seed in range(4):
        usual, hard = (make_scene(np.random.default_rng(seed), SIZE, 2, hard=hard) for hard in (False, True))
        assert hard.clothed and not usual.clothed and hard.image.dtype == np.uint8
        assert (hard.image != usual.image).mean() > 0.5
        np.testing.assert_array_equal(hard.people[0].pose[3:], usual.people[0].pose[3:])
        for index in range(len(hard.people)):  # what is labelled visible lies on the person or at its edge
            points = hard.points(index, "coco_17")
            column, row = np.floor(points.j2d[points.visibility == VISIBLE]).astype(int).T
            near = cv2.dilate(hard.mask(index).astype(np.uint8), np.ones((9, 9), np.uint8))
            assert near[row, column].mean() > 0.8


def test_leaves_cover_an_image_with_few_colours():
    image, again = np.zeros((2, 120, 90, 3), np.uint8)
    leaves(np.random.default_rng(0), image)
    leaves(np.random.default_rng(0), again)
    np.testing.assert_array_equal(image, again)
    assert image.any(2).mean() > 0.5


def test_2d_joints_are_the_projection_of_the_3d_joints(scenes):
    for scene in scenes:
        (fx, fy), (cx, cy) = scene.view.focal, scene.view.principal
        for index in range(len(scene.people)):
            for name in scene_body("smpl").point_sets:
                points = scene.points(index, name)
                x, y, z = points.j3d.T
                np.testing.assert_allclose(points.j2d, np.stack([fx * x / z + cx, fy * y / z + cy], 1), atol=1e-6)


@pytest.mark.parametrize("kind", ["smpl", "smplx", "mano_right"])
def test_pose_shape_and_translation_give_the_body(kind):
    person = make_scene(np.random.default_rng(3), (120, 120), 1, kind).people[0]
    model = scene_body(kind).model
    shape, directions = person.beta, None
    if kind == "smplx":
        shape = np.concatenate([person.beta, person.expression])
        directions = np.concatenate([model.shapedirs[..., :10], model.shapedirs[..., 300:310]], -1)
    rotmat = axis_angle_to_matrix(person.pose.reshape(1, -1, 3))
    vertices, skeleton = pose_body(model, rotmat, shape[None], person.translation[None], directions)
    np.testing.assert_allclose(vertices[0], person.vertices, atol=5e-6)
    np.testing.assert_allclose(skeleton[0], person.skeleton, atol=5e-6)


def test_equal_names_are_equal_places():
    for kind in ("smpl", "smplx"):
        scene = scene_of(upright(kind=kind))
        sets = {name: scene.points(0, name) for name in scene_body(kind).point_sets}
        places = {joint: place for points in sets.values() for joint, place in zip(points.names, points.j3d)}
        compared = 0
        for points in sets.values():
            for joint, place in zip(points.names, points.j3d):
                # `head`, `spine`, `neck` and `pelvis` are named alike and differ between skeletons.
                if joint.startswith(("left_", "right_")) or joint in ("nose", "head_top"):
                    assert np.linalg.norm(place - places[joint]) < 0.05, (kind, joint)
                    compared += 1
        assert compared > 60


def test_left_is_on_the_right_of_someone_who_looks_at_the_camera():
    for turn, sign in ((0.0, 1.0), (np.pi, -1.0)):
        points = scene_of(upright(turn)).points(0, "coco_17")
        place = dict(zip(points.names, points.j2d))
        for joint in ("eye", "ear", "shoulder", "elbow", "wrist", "hip", "knee", "ankle"):
            assert sign * (place[f"left_{joint}"] - place[f"right_{joint}"])[0] > 2.0
        assert place["nose"][1] < place["left_shoulder"][1] < place["left_hip"][1] < place["left_ankle"][1]


def test_faces_are_seen_from_the_front_alone():
    front, back = (dict(zip(points.names, points.visibility)) for points in
                   (scene_of(upright(turn)).points(0, "coco_17") for turn in (0.0, np.pi)))
    assert set(front.values()) == {VISIBLE}
    assert [back[joint] for joint in ("nose", "left_eye", "right_eye")] == [HIDDEN] * 3
    assert back["left_shoulder"] == back["right_knee"] == VISIBLE


def test_things_and_people_hide_and_the_frame_cuts():
    wall = box_mesh((0.0, -1.0), (3.0, 0.7, 0.1), 0.0, np.array([90, 90, 90]))
    points = scene_of(upright(), things=[wall]).points(0, "coco_17")
    flags = dict(zip(points.names, points.visibility))
    assert flags["left_ankle"] == flags["right_knee"] == HIDDEN and flags["nose"] == flags["left_wrist"] == VISIBLE

    behind = scene_of(upright(), upright().moved((0.0, 0.0, 1.0)))
    assert (behind.points(1, "lsp_14").visibility == HIDDEN).sum() >= 10
    assert (behind.points(0, "lsp_14").visibility == VISIBLE).all()
    assert behind.mask(0).sum() > 5 * behind.mask(1).sum()

    close = look_at(np.array([0.0, -1.5, -1.5]), np.array([0.0, -1.5, 0.0]), 300.0, (160.0, 120.0))
    points = scene_of(upright(), view=close).points(0, "coco_17")
    flags = dict(zip(points.names, points.visibility))
    assert flags["left_ankle"] == NOT_LABELLED and flags["nose"] == VISIBLE


def test_masks_and_parts_are_where_the_body_is(scenes):
    for scene in scenes:
        np.testing.assert_array_equal(scene.labels > 0, scene.owner >= 0)
        for index, person in enumerate(scene.people):
            left, top, width, height = scene.box(index)
            rows, columns = np.nonzero(scene.mask(index))
            if len(rows):
                assert left - 1 <= columns.min() and columns.max() <= left + width + 1
                assert top - 1 <= rows.min() and rows.max() <= top + height + 1
            pixels = scene.view.project(person.vertices)
            inside = ((pixels > 1) & (pixels < (SIZE[1] - 1, SIZE[0] - 1))).all(1)
            column, row = pixels[inside].astype(int).T
            depth = scene.depth[row, column]
            near = np.isfinite(depth) & (person.vertices[inside, 2] <= depth + 0.02)
            # What is not hidden is the person itself; at its outline a pixel may show what is behind.
            assert near.sum() < 200 or (scene.owner[row, column][near] == index).mean() > 0.9


def test_part_labels_of_a_known_pose():
    scene = scene_of(upright())
    points = scene.points(0, "smpl_24")
    place = dict(zip(points.names, points.j2d.astype(int)))
    expected = {"head": "head", "spine2": "torso", "left_elbow": "left_arm", "right_elbow": "right_arm",
                "left_knee": "left_leg", "right_knee": "right_leg", "left_wrist": "left_arm", "pelvis": "torso"}
    for joint, part in expected.items():
        column, row = place[joint]
        assert BODY_PARTS[scene.labels[row, column] - 1] == part, joint


def test_two_cameras_see_one_body():
    actor = make_stage(np.random.default_rng(2), 1).actors[0]
    views = [look_at(np.array(centre), np.array([0.0, -1.0, 0.0]), 250.0, (160.0, 120.0), roll)
             for centre, roll in (((0.0, -1.2, -4.0), 0.0), ((3.5, -1.8, 1.0), 0.05))]
    people = [scene_of(actor, view=view).people[0] for view in views]
    world = [person.vertices @ view.rotation + view.centre for person, view in zip(people, views)]
    np.testing.assert_allclose(world[0], world[1], atol=1e-9)
    np.testing.assert_allclose(world[0], actor.vertices, atol=1e-9)
    np.testing.assert_allclose(people[0].pose[3:], people[1].pose[3:])


def test_look_at():
    view = look_at(np.array([1.0, -1.0, -3.0]), np.array([1.0, -1.0, 5.0]), 100.0, (50.0, 40.0))
    np.testing.assert_allclose(view.rotation, np.eye(3), atol=1e-12)
    np.testing.assert_allclose(view.project(view.to_camera(np.array([[1.5, -1.2, -2.0]]))), [[100.0, 20.0]])
    tilted = look_at(np.array([2.0, -3.0, 1.0]), np.array([-1.0, 0.0, 4.0]), 100.0, (50.0, 40.0), 0.3)
    np.testing.assert_allclose(tilted.rotation @ tilted.rotation.T, np.eye(3), atol=1e-12)
    np.testing.assert_allclose(tilted.project(tilted.to_camera(np.array([[-1.0, 0.0, 4.0]]))), [[50.0, 40.0]])
    assert np.linalg.det(tilted.rotation) > 0


def test_people_stand_on_the_ground_apart_and_in_different_directions():
    stage = make_stage(np.random.default_rng(4), 40)
    lowest = np.array([actor.vertices[:, 1].max() for actor in stage.actors])
    np.testing.assert_allclose(lowest, 0.0, atol=1e-5)
    across = np.array([actor.skeleton[1] - actor.skeleton[2] for actor in stage.actors])
    heading = np.arctan2(across[:, 2], across[:, 0])
    assert np.ptp(np.cos(heading)) > 1.5 and (across[:, 0] > 0).mean() > 0.55  # mostly towards the camera
    heads = np.array([actor.skeleton[15, 1] - actor.skeleton[0, 1] for actor in stage.actors])
    assert (heads < 0.1).mean() > 0.85  # heads above hips, but for those who bend down or lie


@pytest.mark.parametrize("facing, least, most", [(0.0, 0.4, 0.6), (1.0, 0.9, 0.97)])
def test_as_many_look_at_the_camera_as_asked(facing, least, most):
    """Of turns with a deviation of 50 degrees, 93 per cent stay below 90; of turns to anywhere, half."""
    actors = make_stage(np.random.default_rng(8), 400, facing=facing).actors
    # From the right hip to the left one: along x for someone who looks at the camera.
    share = np.mean([actor.skeleton[1, 0] > actor.skeleton[2, 0] for actor in actors])
    assert least < share < most


def test_the_first_person_fills_the_image_as_asked():
    for seed in range(6):
        scene = make_scene(np.random.default_rng(seed), SIZE, 1, fill=(0.7, 0.7), occluder=0.0)
        left, top, width, height = scene.box(0)
        assert max(height / SIZE[0], width / SIZE[1]) == pytest.approx(0.7, abs=0.05)
        assert (scene.points(0, "lsp_14").visibility != NOT_LABELLED).all()


def test_points_behind_the_camera_are_not_labelled():
    view = PinholeCamera(np.full(2, 100.0), np.array([160.0, 120.0]), np.eye(3), np.zeros(3))
    scene = dataclasses.replace(scene_of(upright()), view=view)
    np.testing.assert_array_equal(scene.visibility(("nose", "nose"), np.array([[0, 0, -2.0], [9.0, 0, 2.0]])),
                                  [NOT_LABELLED, NOT_LABELLED])


def test_hands():
    scene = make_scene(np.random.default_rng(1), (128, 128), 1, "mano_left")
    points = scene.points(0, "hand_21")
    assert points.names[:3] == ("left_wrist", "left_thumb1", "left_thumb2") and points.names[8] == "left_index4"
    # Bones of a finger are shorter than the way from the wrist to the knuckle.
    for finger in range(4):
        knuckle, *rest = points.j3d[5 + 4 * finger:9 + 4 * finger]
        bones = np.linalg.norm(np.diff([knuckle, *rest], axis=0), axis=1)
        assert (bones < 0.06).all() and (bones > 0.01).all()
        assert np.linalg.norm(knuckle - points.j3d[0]) > bones.max()


def test_unknown_kind():
    with pytest.raises(ValueError, match="no body 'flame'"):
        scene_body("flame")
