"""Sample data of Human3.6M: bodies that move like people, in files that the readers take for the real thing."""
import hashlib

import numpy as np
import pytest

from common.data.readers import human36m as reader
from common.data.readers.stacked_hourglass import find_detections, read_detections
from common.data.readers.videopose3d import PackedDetections, PackedPoses
from common.geometry.camera import project, world_to_camera
from common.joints import SKELETONS, index_map, parents
from common.stand_ins.datasets import registry
from common.stand_ins.datasets.actions import ACTION_SCRIPTS, ACTIONS, PLACES
from common.stand_ins.datasets.figure import REACH, SIDES, bend_limb, make_body, rotation, unit
from common.stand_ins.datasets.human36m import (
    TEST_SUBJECTS,
    cameras,
    full_size_counts,
    metadata,
    person,
    sequence,
)
from common.stand_ins.datasets.motion import Keyframes, ease, grid, wander
from tools.make_sample_data import main

NAMES = {name: index for index, name in enumerate(SKELETONS["h36m_32"])}
SEED = 3


@pytest.fixture(scope="module")
def performances():
    """(subject, action) -> both takes of every action, 12 s at 25 per second, by two people."""
    return {(subject, action): np.stack([sequence(subject, action, take, SEED, 300, 25.0) for take in (0, 1)])
            .astype(np.float64) for subject in (1, 9) for action in ACTIONS}


def flexion(poses, root, hinge, end):
    """Degrees by which a limb is bent; 0 is straight."""
    upper = unit(poses[..., NAMES[hinge], :] - poses[..., NAMES[root], :])
    lower = unit(poses[..., NAMES[end], :] - poses[..., NAMES[hinge], :])
    return np.degrees(np.arccos(np.clip((upper * lower).sum(-1), -1.0, 1.0)))


def pelvis_axes(poses):
    """Unit vectors forward, left and up of the pelvis."""
    left = unit(poses[..., NAMES["left_hip"], :] - poses[..., NAMES["right_hip"], :])
    lower_spine = poses[..., NAMES["spine"], :] - poses[..., NAMES["pelvis"], :]
    forward = unit(np.cross(left, lower_spine))
    return forward, left, np.cross(forward, left)


def test_bones_never_stretch_and_coinciding_joints_coincide(performances):
    for poses in performances.values():
        for child, parent in enumerate(parents("h36m_32")):
            if parent >= 0:
                length = np.linalg.norm(poses[:, :, child] - poses[:, :, parent], axis=-1)
                assert np.ptp(length) < 1e-3, SKELETONS["h36m_32"][child]
        for first, second in ((0, 11), (13, 16), (13, 24), (19, 20), (22, 23), (27, 28), (30, 31)):
            np.testing.assert_array_equal(poses[:, :, first], poses[:, :, second])


def test_people_are_adults_of_different_build():
    heights = []
    for subject in reader.SUBJECTS:
        body = person(subject, SEED)
        height = body.ankle_height + body.leg + body.lower_spine + body.upper_spine + body.neck + body.head
        assert 1550.0 < height < 1950.0
        assert 0.9 < body.thigh / body.shank < 1.1 and 0.35 < body.arm / body.leg / 1.6 < 0.42
        heights.append(height)
    assert np.ptp(heights) > 100.0
    assert person(5, SEED) == person(5, SEED) != person(5, SEED + 1)


def test_knees_bend_backwards_only_and_within_limits(performances):
    for key, poses in performances.items():
        _, left, _ = pelvis_axes(poses)
        for side in ("left", "right"):
            joints = [f"{side}_{name}" for name in ("hip", "knee", "ankle")]
            angle = flexion(poses, *joints)
            assert 10.0 < angle.min() and angle.max() < 152.0, key
            thigh = poses[..., NAMES[joints[1]], :] - poses[..., NAMES[joints[0]], :]
            shank = poses[..., NAMES[joints[2]], :] - poses[..., NAMES[joints[1]], :]
            # A knee that bends backwards turns the shank about the axis that points left.
            hinge = unit(np.cross(thigh, shank))
            assert (hinge * left).sum(-1)[angle > 20.0].min() > 0.3, key


def test_hips_stay_within_their_range(performances):
    for key, poses in performances.items():
        forward, left, up = pelvis_axes(poses)
        for side, sign in zip(("left", "right"), SIDES):
            thigh = unit(poses[..., NAMES[f"{side}_knee"], :] - poses[..., NAMES[f"{side}_hip"], :])
            raised = np.degrees(np.arctan2((thigh * forward).sum(-1), -(thigh * up).sum(-1)))
            spread = np.degrees(np.arcsin((thigh * left).sum(-1) * sign))
            assert -30.0 < raised.min() and raised.max() < 140.0, key
            assert -35.0 < spread.min() and spread.max() < 45.0, key


def test_elbows_stay_within_their_range_and_out_of_the_trunk(performances):
    for key, poses in performances.items():
        left = unit(poses[..., NAMES["left_shoulder"], :] - poses[..., NAMES["right_shoulder"], :])
        for side, sign in zip(("left", "right"), SIDES):
            angle = flexion(poses, f"{side}_shoulder", f"{side}_elbow", f"{side}_wrist")
            assert 5.0 < angle.min() and angle.max() < 152.0, key
            outward = poses[..., NAMES[f"{side}_elbow"], :] - poses[..., NAMES[f"{side}_shoulder"], :]
            # The elbow may come in front of the chest, but not past its middle.
            assert ((outward * left).sum(-1) * sign).min() > -190.0, key


def test_feet_are_on_the_ground(performances):
    for key, poses in performances.items():
        toes = poses[..., [NAMES["left_toe"], NAMES["right_toe"]], 2]
        assert poses[..., 2].min() > -50.0, key
        assert toes.min(-1).max() < 160.0, key
        # Usually at least one foot stands.
        assert (toes.min(-1) < 25.0).mean() > 0.7, key


def test_standing_feet_do_not_slide(performances):
    for action in ("Walking", "WalkTogether", "Directions", "Photo"):
        poses = performances[1, action]
        for toe in ("left_toe", "right_toe"):
            places = poses[:, :, NAMES[toe]]
            flat = places[:, 1:, 2] < 12.5
            speed = np.linalg.norm(np.diff(places[..., :2], axis=1), axis=-1) * 25.0
            assert np.median(speed[flat]) < 20.0 and flat.mean() > 0.2, (action, toe)


def test_arms_swing_against_legs_and_hips_go_with_them(performances):
    poses = performances[1, "Walking"]
    middle = 0.5 * (poses[:, :, NAMES["left_hip"]] + poses[:, :, NAMES["right_hip"]])

    def ahead(joint):
        """How far the left one is ahead of the right one."""
        apart = poses[:, :, NAMES[f"left_{joint}"]] - poses[:, :, NAMES[f"right_{joint}"]]
        direction = unit(np.gradient(middle, axis=1) * [1.0, 1.0, 0.0])
        return (apart * direction).sum(-1).ravel()

    legs = ahead("ankle")
    assert np.corrcoef(legs, ahead("wrist"))[0, 1] < -0.4
    assert np.corrcoef(legs, ahead("shoulder") - ahead("hip"))[0, 1] < -0.4
    assert np.corrcoef(legs, ahead("hip"))[0, 1] > 0.4


def test_motion_is_smooth(performances):
    for key, poses in performances.items():
        assert np.linalg.norm(np.diff(poses, axis=1), axis=-1).max() * 25.0 < 6000.0, key
        body = poses[:, :, [NAMES["pelvis"], NAMES["thorax"]]]
        acceleration = np.linalg.norm(np.diff(body, 2, axis=1), axis=-1) * 25.0**2
        # About twice gravity; a brisk walk comes near it.
        assert acceleration.max() < 20000.0, key


def test_actions_are_what_they_are_called(performances):
    def distance(key, first, second):
        poses = performances[key]
        return np.linalg.norm(poses[..., NAMES[first], :] - poses[..., NAMES[second], :], axis=-1)

    for subject in (1, 9):
        travelled = {action: np.linalg.norm(np.diff(performances[subject, action][:, :, 0, :2], axis=1), axis=-1)
                     .sum(1) for action in ACTIONS}
        assert travelled["Walking"].min() > 8000.0 and travelled["Sitting"].max() < 2500.0
        hips = performances[subject, "Sitting"][..., NAMES["pelvis"], 2]
        assert 380.0 < hips.min() and hips.max() < 650.0
        assert np.ptp(performances[subject, "SittingDown"][..., NAMES["pelvis"], 2], axis=1).min() > 300.0
        phone = np.minimum(distance((subject, "Phoning"), "left_wrist", "head"),
                           distance((subject, "Phoning"), "right_wrist", "head"))
        assert np.median(phone) < 300.0


def test_everybody_is_in_every_image(performances):
    for (subject, action), poses in performances.items():
        for camera in cameras(subject, SEED):
            seen = world_to_camera(poses, camera)
            pixels = project(seen, camera)
            assert seen[..., 2].min() > 2500.0
            assert 0.0 < pixels.min() and pixels.max() < 1000.0, (subject, action)


def test_all_directions_are_seen(performances):
    headings = [np.arctan2(*pelvis_axes(poses)[0][..., 1::-1].reshape(-1, 2).T) for poses in performances.values()]
    counts, _ = np.histogram(np.concatenate(headings), 8, (-np.pi, np.pi))
    assert counts.min() > 0.04 * counts.sum()


def test_sequences_depend_on_seed_person_action_and_take_only():
    first = sequence(5, "Posing", 1, 1, 20, 10.0)
    np.testing.assert_array_equal(first, sequence(5, "Posing", 1, 1, 20, 10.0))
    for other in ((5, "Posing", 0, 1), (6, "Posing", 1, 1), (5, "Photo", 1, 1), (5, "Posing", 1, 2)):
        assert np.abs(first - sequence(*other, 20, 10.0)).max() > 50.0
    assert first.dtype == np.float32 and first.shape == (20, 32, 3)


def test_one_frame_is_enough():
    assert sequence(1, "Walking", 0, 1, 1, 10.0).shape == (1, 32, 3)


def test_metadata_gives_the_cameras_back(tmp_path):
    (tmp_path / "metadata.xml").write_text(metadata(SEED))
    read = reader.read_cameras(str(tmp_path / "metadata.xml"))
    for subject in reader.SUBJECTS:
        for camera, expected in zip(read[subject], cameras(subject, SEED)):
            assert camera.name == expected.name
            for value, wanted in zip(camera[:-1], expected[:-1]):
                np.testing.assert_allclose(value, wanted, rtol=1e-9, atol=1e-9)
            np.testing.assert_allclose(camera.rotation @ camera.rotation.T, np.eye(3), atol=1e-12)


def digest(folder):
    return {str(path.relative_to(folder)): hashlib.sha256(path.read_bytes()).hexdigest()
            for path in sorted(folder.rglob("*")) if path.is_file()}


def test_cdf_tree(tmp_path, capsys):
    options = ["--seed", str(SEED), "--num", "6", "--subjects", "1,11", "--detections"]
    for folder in ("a", "b"):
        main(["pose_baseline", "--output_dir", str(tmp_path / folder), *options])
    assert "60 sequences of 2 people; with 4 cameras 720 training and 720 test poses" in capsys.readouterr().out
    files = digest(tmp_path / "a")
    assert len(files) == 1 + 60 + 120 + 119
    assert files == digest(tmp_path / "b")

    tree = reader.CdfTree(str(tmp_path / "a"))
    recordings = tree.recordings(reader.SUBJECTS, reader.ACTIONS)
    assert len(recordings) == 60 and {recording.action for recording in recordings} == set(ACTIONS)
    chosen, = [recording for recording in recordings if recording[:3] == (11, "Eating", "Eating 1")]
    expected = sequence(11, "Eating", 1, SEED, 6, 10.0)
    np.testing.assert_array_equal(tree.read(chosen).reshape(6, 32, 3), expected)

    camera = cameras(11, SEED)[2]
    detected = read_detections(find_detections(str(tmp_path / "a"), "sh")[11, "Eating 1", camera.name])
    truth = project(world_to_camera(expected[:, index_map("h36m_32", "h36m_16")], camera), camera)
    # 192 normal deviates of 6 px.
    assert 4.8 < (detected - truth).std() < 7.2 and np.abs((detected - truth).mean()) < 2.0


def test_npz_layout(tmp_path):
    main(["human36m", "--output_dir", str(tmp_path), "--seed", str(SEED), "--num", "4", "--subjects", "11",
          "--layout", "npz", "--detections"])
    poses = PackedPoses(str(tmp_path))
    recordings = poses.recordings(reader.SUBJECTS, reader.ACTIONS)
    assert len(recordings) == 29  # one of the original's videos is damaged
    chosen, = [recording for recording in recordings if recording.name == "Photo"]
    expected = sequence(11, "Photo", 0, SEED, 4, 10.0)
    np.testing.assert_allclose(poses.read(chosen), expected, atol=1e-3)
    camera = cameras(11, SEED)[1]
    truth = project(world_to_camera(expected[:, index_map("h36m_32", "h36m_16")], camera), camera)
    packed = PackedDetections(str(tmp_path), "gt").read(chosen, camera.name)
    np.testing.assert_allclose(packed, truth, atol=1e-2)
    noise = PackedDetections(str(tmp_path), "sh_pt_mpii").read(chosen, camera.name) - truth
    assert 4.5 < noise.std() < 7.5


def test_full_size_has_the_real_numbers_of_frames():
    counts = full_size_counts(1)
    assert len(counts) == 210 and min(counts.values()) > 1000
    test = sum(count for (subject, _, _), count in counts.items() if subject in TEST_SUBJECTS)
    assert 4 * (sum(counts.values()) - test) == 1559752 and 4 * test == 543344


@pytest.mark.parametrize(("options", "text"), [
    (["--num", "0"], "--num is 0"), (["--seed", "-1"], "--seed is -1"), (["--fps", "0"], "--fps is 0"),
    (["--full_size", "--num", "5"], "drop --num and --subjects")])
def test_bad_options(tmp_path, options, text):
    from common.errors import UserError

    with pytest.raises(UserError, match=text):
        main(["pose_baseline", "--output_dir", str(tmp_path), *options])
    with pytest.raises(UserError, match="--subjects: '3' is not a list of some of 1,5"):
        main(["pose_baseline", "--output_dir", str(tmp_path), "--subjects", "3"])
    assert list(tmp_path.iterdir()) == []


def test_registered_modules_have_what_the_tool_calls():
    for dataset in registry.DATASETS:
        module = registry.find(dataset)
        assert callable(module.make) and callable(module.add_arguments)


def test_action_scripts_name_known_places_and_all_actions():
    assert ACTIONS == reader.ACTIONS
    for script in ACTION_SCRIPTS.values():
        for state in script.states:
            assert {state.main, state.other} <= PLACES.keys()
    for wrist, _ in PLACES.values():
        assert REACH[0] < np.linalg.norm(wrist) < REACH[1]


def test_limb_of_a_right_angle():
    # 3-4-5: the hinge lies where both bones end, on the side of the pole.
    hinge, end, side = bend_limb(np.zeros(3), np.array([5.0, 0.0, 0.0]), np.array([1.0, 2.0, 0.0]), 3.0, 4.0)
    np.testing.assert_allclose(hinge, [1.8, 2.4, 0.0])
    np.testing.assert_allclose(end, [5.0, 0.0, 0.0])
    np.testing.assert_allclose(side, [0.0, 1.0, 0.0])
    _, end, _ = bend_limb(np.zeros(3), np.array([50.0, 0.0, 0.0]), np.array([1.0, 2.0, 0.0]), 3.0, 4.0)
    np.testing.assert_allclose(end, [7.0 * REACH[1], 0.0, 0.0])


def test_rotation_directions():
    quarter = np.pi / 2
    np.testing.assert_allclose(rotation(quarter, 0.0, 0.0) @ [0, 0, 1], [1, 0, 0], atol=1e-12)  # bends forward
    np.testing.assert_allclose(rotation(0.0, quarter, 0.0) @ [0, 0, 1], [0, -1, 0], atol=1e-12)  # leans right
    np.testing.assert_allclose(rotation(0.0, 0.0, quarter) @ [1, 0, 0], [0, 1, 0], atol=1e-12)  # turns left
    turned = rotation(0.3, 0.4, 0.5)
    np.testing.assert_allclose(turned, rotation(0.0, 0.0, 0.5) @ rotation(0.3, 0.0, 0.0) @ rotation(0.0, 0.4, 0.0))


def test_track_holds_and_moves():
    track = Keyframes(0.0, [1.0])
    track.move(2.0, 4.0, [3.0])
    track.move(5.0, 6.0, [0.0])
    times = np.array([-1.0, 0.0, 2.0, 3.0, 4.5, 5.5, 6.0, 99.0])
    np.testing.assert_allclose(track.read(times)[:, 0], [1, 1, 1, 2, 3, 1.5, 0, 0])
    assert ease(0.25) == pytest.approx(53.0 / 512.0)  # 10/64 - 15/256 + 6/1024


def test_noise_has_its_size_and_body_its_proportions():
    noise = wander(np.random.default_rng(0), np.arange(0.0, 2000.0, 0.1), 5.0, 4.0, (3,))
    assert noise.shape == (20000, 3)
    np.testing.assert_allclose(noise.std(0), 5.0, rtol=0.05)
    body = make_body(np.random.default_rng(0), 1700.0)
    assert body.thigh == pytest.approx(0.262 * 1700.0, rel=0.05)
    assert np.linalg.norm(body.foot_offset) == pytest.approx(body.foot)
    assert grid(2.0)[0] == -4.0 and grid(2.0)[-1] >= 6.0
