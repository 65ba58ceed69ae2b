import numpy as np
import pytest
from scipy import sparse

from common.body_models.files import build_body_model
from common.body_models.lbs_numpy import pose_body
from common.errors import UserError
from common.geometry.rotation import axis_angle_to_matrix
from common.stand_ins.body import models
from common.stand_ins.body.anatomy import SMPLX_SHIFT, joint_tree, rest_joint
from common.stand_ins.body.extras import REGRESSORS, place, vertex_joints
from common.stand_ins.body.prior import sample_poses
from common.stand_ins.body.rig import mirrored_joints
from common.stand_ins.body.shapes import BODY_SHAPES

SMPL_NAMES = joint_tree("smpl")[0]
SMPLX_NAMES = joint_tree("smplx")[0]
LEFT_HAND = slice(25, 40)


def load(kind):
    return models.load_synthetic(kind)


def posed(kind, rotations=(), shape=None):
    """Vertices and joints for {joint name: axis-angle}."""
    model = build_body_model(kind, load(kind), "synthetic")
    names = joint_tree(kind)[0]
    pose = np.zeros((1, len(names), 3))
    for name, vector in dict(rotations).items():
        pose[0, names.index(name)] = vector
    shape = np.zeros((1, 10)) if shape is None else np.asarray(shape, float)[None]
    vertices, joints = pose_body(model, axis_angle_to_matrix(pose), shape)
    return vertices[0], joints[0]


def directed_edges(faces):
    faces = np.asarray(faces, np.int64)
    return np.concatenate([faces[:, [0, 1]], faces[:, [1, 2]], faces[:, [2, 0]]])


def open_edges(faces):
    """Directed edges without a counterpart; also asserts that no edge is used twice in one direction."""
    edges = directed_edges(faces)
    number = edges.max() + 1
    keys = edges[:, 0] * number + edges[:, 1]
    assert len(np.unique(keys)) == len(keys), "an edge has two faces on the same side"
    return edges[~np.isin(keys, edges[:, 1] * number + edges[:, 0])]


def pieces(faces, number):
    edges = directed_edges(faces)
    return sparse.csgraph.connected_components(sparse.coo_matrix((np.ones(len(edges)), edges.T), (number, number)))[0]


def volume(vertices, faces):
    a, b, c = np.moveaxis(vertices[np.asarray(faces, np.int64)], 1, 0)
    return (np.cross(a, b) * c).sum() / 6


@pytest.mark.parametrize(("kind", "vertices", "faces", "joints", "shapes"), [
    ("smpl", 6890, 13776, 24, 10), ("smplx", 10475, 20908, 55, 400),
    ("mano_right", 778, 1538, 16, 10), ("mano_left", 778, 1538, 16, 10)])
def test_members_have_the_licensed_layout(kind, vertices, faces, joints, shapes):
    body = load(kind)
    wanted = {"v_template": (vertices, 3), "f": (faces, 3), "shapedirs": (vertices, 3, shapes),
              "posedirs": (vertices, 3, 9 * (joints - 1)), "J_regressor": (joints, vertices),
              "weights": (vertices, joints), "kintree_table": (2, joints)}
    assert {name: body[name].shape for name in wanted} == wanted
    assert body["f"].dtype == np.uint32 and body["v_template"].dtype == np.float64
    assert body["kintree_table"][0, 0] == 2 ** 32 - 1
    assert body["kintree_table"][1].tolist() == list(range(joints))
    assert all(np.isfinite(value).all() for value in body.values())
    np.testing.assert_allclose(body["weights"].sum(1), 1, atol=1e-12)
    assert np.unique(body["f"]).size == vertices, "every vertex belongs to a face"


def test_trees_are_the_published_ones():
    assert load("smpl")["kintree_table"][0, 1:].tolist() == [0, 0, 0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 9, 9, 12, 13, 14, 16,
                                                             17, 18, 19, 20, 21]
    assert load("smplx")["kintree_table"][0, 22:31].tolist() == [15, 15, 15, 20, 25, 26, 20, 28, 29]
    assert load("smplx")["kintree_table"][0, 40:].tolist() == [21, 40, 41, 21, 43, 44, 21, 46, 47, 21, 49, 50, 21, 52,
                                                               53]
    assert load("mano_left")["kintree_table"][0, 1:].tolist() == [0, 1, 2, 0, 4, 5, 0, 7, 8, 0, 10, 11, 0, 13, 14]


def test_smpl_is_a_watertight_sphere():
    body = load("smpl")
    assert len(open_edges(body["f"])) == 0
    assert pieces(body["f"], 6890) == 1
    edges = len(directed_edges(body["f"])) // 2
    assert 6890 - edges + 13776 == 2
    # Faces look outwards, and the body has the volume of a person of 60 to 80 kg.
    assert 0.058 < volume(body["v_template"], body["f"]) < 0.082
    height = np.ptp(body["v_template"][:, 1])
    assert 1.65 < height < 1.80


def test_smplx_is_skin_with_two_eyes():
    body = load("smplx")
    holes = open_edges(body["f"])
    assert len(holes) == 34 and pieces(body["f"], 10475) == 3
    # Around each eyeball's front, 17 edges each.
    x, y, _ = (body["v_template"][holes[:, 0]] - rest_joint("left_eyeball") - SMPLX_SHIFT).T
    assert (np.hypot(x, y) < 0.02).sum() == 17
    assert volume(body["v_template"], body["f"]) == pytest.approx(volume(load("smpl")["v_template"], load("smpl")["f"]),
                                                                  rel=0.02)
    edges = (len(directed_edges(body["f"])) + 34) // 2
    assert 10475 - edges + 20908 == (2 - 2) + 2 + 2  # a sphere with two holes and two spheres


@pytest.mark.parametrize("side", ["left", "right"])
def test_mano_is_the_hand_of_the_body(side):
    hand, body = load(f"mano_{side}"), load("smplx")
    ids = models.load_extra("MANO_SMPLX_vertex_ids")[f"{side}_hand"]
    moved = body["v_template"][ids] - hand["v_template"]
    assert np.ptp(moved, axis=0).max() < 1e-12, "one translation apart"
    rim = open_edges(hand["f"])
    assert len(rim) == 16 and pieces(hand["f"], 778) == 1
    assert 778 - (len(directed_edges(hand["f"])) + 16) // 2 + 1538 == 1  # a disc
    triples = {tuple(sorted(face)) for face in ids[hand["f"].astype(int)].tolist()}
    assert triples <= {tuple(sorted(face)) for face in body["f"].tolist()}
    # Fingers point away from the body, the palm down, the thumb forward.
    ids = vertex_joints(f"mano_{side}")
    tips = hand["v_template"][[ids[f"{side}_{name}4"] for name in ("index", "middle", "ring", "pinky")]]
    wrist = (hand["J_regressor"] @ hand["v_template"])[0]
    outward = 1 if side == "left" else -1
    assert ((tips - wrist)[:, 0] * outward > 0.13).all()
    assert (hand["v_template"][ids[f"{side}_thumb4"]] - wrist)[2] > 0.06


def test_hand_components():
    body = load("smplx")
    for name in ("hands_componentsl", "hands_componentsr"):
        np.testing.assert_allclose(body[name] @ body[name].T, np.eye(45), atol=1e-12)
    mirror = np.tile([1, -1, -1], 15)
    np.testing.assert_array_equal(body["hands_meanr"], body["hands_meanl"] * mirror)
    np.testing.assert_array_equal(load("mano_left")["hands_mean"], body["hands_meanl"])
    # The first component closes the hand: tips go down towards the palm and back towards the wrist.
    vectors = (body["hands_meanl"] + 2.0 * body["hands_componentsl"][0]).reshape(15, 3)
    closed, _ = posed("smplx", dict(zip(SMPLX_NAMES[LEFT_HAND], vectors)))
    for finger in ("index", "middle", "ring", "pinky"):
        tip = vertex_joints("smplx")[f"left_{finger}4"]
        move = closed[tip] - body["v_template"][tip]
        assert move[1] < -0.02 and move[0] < -0.02


@pytest.mark.parametrize(("kind", "shift"), [("smpl", 0.0), ("smplx", SMPLX_SHIFT)])
def test_regressors_hit_the_rest_joints(kind, shift):
    body = load(kind)
    regressor = body["J_regressor"]
    wanted = np.array([rest_joint(name) for name in joint_tree(kind)[0]]) + shift
    assert np.linalg.norm(regressor @ body["v_template"] - wanted, axis=1).max() < 1e-3
    np.testing.assert_allclose(regressor.sum(1), 1, atol=1e-12)
    assert regressor.min() >= 0 and (regressor > 0).sum(1).max() <= 400
    mirror = models.load_extra(f"{kind}_mirror")
    np.testing.assert_allclose(regressor[mirrored_joints(joint_tree(kind)[0])][:, mirror], regressor, atol=1e-12)


def test_rest_joints_are_where_smpl_has_them():
    """Heights and half widths that published SMPL rest poses show, to a few centimetres."""
    joints = load("smpl")["J_regressor"] @ load("smpl")["v_template"]
    expected = {"pelvis": (0, -0.24), "left_hip": (0.07, -0.32), "left_knee": (0.10, -0.70),
                "left_ankle": (0.09, -1.09), "neck": (0, 0.28), "head": (0, 0.36), "left_shoulder": (0.17, 0.225),
                "left_elbow": (0.43, 0.21), "left_wrist": (0.69, 0.22), "left_hand": (0.77, 0.21)}
    for name, place_xy in expected.items():
        assert np.abs(joints[SMPL_NAMES.index(name), :2] - place_xy).max() < 0.03, name
    assert joints[SMPL_NAMES.index("left_foot"), 2] > 0.07, "the body faces +z"


@pytest.mark.parametrize("name", list(REGRESSORS))
def test_extra_regressors(name):
    on_smplx = name in ("SMPLX_to_J14", "J_regressor_h36m_smplx")
    body = load("smplx" if on_smplx else "smpl")
    matrix = body[name] if name == "cocoplus_regressor" else models.load_extra(name)
    assert matrix.shape == (len(REGRESSORS[name]), len(body["v_template"]))
    np.testing.assert_allclose(matrix.sum(1), 1, atol=1e-12)
    assert matrix.min() >= 0
    points = matrix @ body["v_template"] - (SMPLX_SHIFT if on_smplx else 0)
    for joint, point in zip(REGRESSORS[name], points):
        # Landmarks of the skin sit on a vertex, so up to a triangle away from their nominal place.
        limit = 6e-3 if joint.split("_")[-1] in ("nose", "eye", "ear", "top") else 1e-3
        assert np.linalg.norm(point - place(joint)) < limit, joint


@pytest.mark.parametrize("name", ["J_regressor", "cocoplus_regressor", "J_regressor_h36m", "J_regressor_h36m_smpl"])
def test_regressed_limbs_stay_on_the_skeleton_when_they_bend(name):
    """The first 12 of these poses bend knees up to 117 and elbows up to 113 degrees."""
    model = build_body_model("smpl", load("smpl"), "synthetic")
    matrix = load("smpl")[name] if name in load("smpl") else models.load_extra(name)
    rows = SMPL_NAMES if name == "J_regressor" else REGRESSORS[name]
    limbs = [joint for joint in rows if joint in SMPL_NAMES
             and joint.endswith(("hip", "knee", "ankle", "shoulder", "elbow", "wrist"))]
    assert len(limbs) >= 10
    poses = sample_poses(np.random.default_rng(5), 12, "smpl").reshape(12, 24, 3).astype(np.float64)
    vertices, joints = pose_body(model, axis_angle_to_matrix(poses), np.zeros((12, 10)))
    away = (matrix @ vertices)[:, [rows.index(joint) for joint in limbs]] \
        - joints[:, [SMPL_NAMES.index(joint) for joint in limbs]]
    assert np.linalg.norm(away, axis=-1).max() < 2e-3


def test_published_tables_of_joints_select_the_right_ones():
    """GraphCMR's 24 joints and its 14 of Human3.6M, by the index tables of the published code."""
    body = load("smpl")
    stacked = np.concatenate([body["J_regressor"], models.load_extra("J_regressor_extra")]) @ body["v_template"]
    cmr = stacked[[8, 5, 29, 30, 4, 7, 21, 19, 17, 16, 18, 20, 31, 32, 33, 34, 35, 36, 37, 24, 26, 25, 28, 27]]
    h36m = models.load_extra("J_regressor_h36m") @ body["v_template"]
    h36m = h36m[[6, 5, 4, 1, 2, 3, 16, 15, 14, 11, 12, 13, 8, 10]]
    # LSP: right ankle, knee, hip, left hip, knee, ankle, right wrist, elbow, shoulder, left ..., neck, head top.
    for joints in (cmr[:14], h36m, body["cocoplus_regressor"][:14] @ body["v_template"]):
        assert (joints[[0, 1, 2, 6, 7, 8], 0] < -0.05).all() and (joints[[3, 4, 5, 9, 10, 11], 0] > 0.05).all()
        assert joints[0, 1] < joints[1, 1] < joints[2, 1] < joints[8, 1] < joints[12, 1] + 0.03 < joints[13, 1]
    assert cmr[20, 0] > 0.02 and cmr[21, 0] < -0.02, "20 is the left eye, 21 the right one"
    right_first = models.load_extra("J_regressor_h36m_smpl") @ body["v_template"]
    assert right_first[1, 0] < 0 < right_first[4, 0] and right_first[11, 0] > 0 > right_first[14, 0]


@pytest.mark.parametrize("kind", ["smpl", "smplx"])
def test_the_body_is_its_own_mirror_image(kind):
    body, mirror = load(kind), models.load_extra(f"{kind}_mirror")
    np.testing.assert_array_equal(mirror[mirror], np.arange(len(mirror)))
    np.testing.assert_array_equal(body["v_template"][mirror] * (-1, 1, 1), body["v_template"])
    names = joint_tree(kind)[0]
    np.testing.assert_allclose(body["weights"][mirror][:, mirrored_joints(names)], body["weights"], atol=1e-12)
    np.testing.assert_allclose(body["shapedirs"][mirror][..., :10] * np.array([-1, 1, 1])[:, None],
                               body["shapedirs"][..., :10], atol=1e-6)


def test_weights_are_local_and_smooth():
    body = load("smpl")
    weights, vertices = body["weights"], body["v_template"]
    assert weights.min() >= 0 and (weights > 0).sum(1).max() <= 4
    of = {name: weights[:, index] for index, name in enumerate(SMPL_NAMES)}
    left_leg = (vertices[:, 1] < -0.52) & (vertices[:, 0] > 0)
    assert left_leg.sum() > 500
    assert max(of[name][left_leg].max() for name in ("right_hip", "right_knee", "right_ankle", "spine1")) == 0
    arm = vertices[:, 0] > 0.27
    legs_and_trunk = ("pelvis", "spine1", "spine2", "spine3", "left_hip", "right_shoulder", "head")
    assert max(of[name][arm].max() for name in legs_and_trunk) < 0.01
    crown = vertices[:, 1] > 0.42
    np.testing.assert_allclose(of["head"][crown], 1, atol=0.01)
    edges = directed_edges(body["f"])
    assert np.abs(weights[edges[:, 0]] - weights[edges[:, 1]]).max() < 0.6


def test_vertex_numbers_name_the_published_places():
    for kind, shift in (("smpl", 0.0), ("smplx", SMPLX_SHIFT)):
        vertices = load(kind)["v_template"] - shift
        assert len(set(vertex_joints(kind).values())) == 21
        for name, number in vertex_joints(kind).items():
            assert np.linalg.norm(vertices[number] - place(name)) < 0.012, (kind, name)


def test_shape_directions_mean_what_they_say():
    body = load("smpl")

    def measured(name, amount):
        shape = amount * np.eye(10)[BODY_SHAPES.index(name)]
        vertices = body["v_template"] + body["shapedirs"] @ shape
        joints = dict(zip(SMPL_NAMES, body["J_regressor"] @ vertices))
        return vertices, joints

    def length(joints, a, b):
        return np.linalg.norm(joints[a] - joints[b])

    _, plain = measured("size", 0)
    big, big_joints = measured("size", 1)
    assert np.ptp(big[:, 1]) / np.ptp(body["v_template"][:, 1]) == pytest.approx(1.032, abs=1e-6)
    assert length(big_joints, "left_hip", "left_knee") == pytest.approx(
        1.032 * length(plain, "left_hip", "left_knee"), rel=1e-6)
    _, long_legs = measured("leg length", 1)
    assert length(long_legs, "left_knee", "left_ankle") - length(plain, "left_knee", "left_ankle") > 0.01
    np.testing.assert_allclose(long_legs["head"], plain["head"], atol=1e-9)
    _, long_arms = measured("arm length", 1)
    assert long_arms["left_wrist"][0] - plain["left_wrist"][0] == pytest.approx(0.016, abs=0.001)
    _, wide = measured("shoulder width", 1)
    assert wide["left_shoulder"][0] - plain["left_shoulder"][0] > 0.008
    heavy, _ = measured("girth", 1)
    assert volume(heavy, body["f"]) / volume(body["v_template"], body["f"]) > 1.1
    fat, _ = measured("belly", 1)
    assert (fat - body["v_template"])[:, 2].max() > 0.02
    head, _ = measured("head size", 1)
    neck_down = body["v_template"][:, 1] < 0.30
    np.testing.assert_array_equal(head[neck_down], body["v_template"][neck_down])


@pytest.mark.parametrize("amount", [-2.0, 2.0])
def test_no_shape_turns_the_skin_inside_out(amount):
    body = load("smpl")
    faces = body["f"].astype(int)

    def normals(vertices):
        a, b, c = np.moveaxis(vertices[faces], 1, 0)
        return np.cross(b - a, c - a)

    plain = normals(body["v_template"])
    for direction in np.eye(10):
        assert ((normals(body["v_template"] + body["shapedirs"] @ (amount * direction)) * plain).sum(1) > 0).all()


def test_pose_blend_shapes_keep_the_volume_of_a_bent_limb():
    body = load("smpl")
    faces = body["f"].astype(int)
    plain = dict(body, posedirs=np.zeros_like(body["posedirs"]))
    names = SMPL_NAMES
    for name, vector in (("left_elbow", (0, -1.4, 0)), ("left_knee", (1.4, 0, 0))):
        pose = np.zeros((1, 24, 3))
        pose[0, names.index(name)] = vector
        rotmat = axis_angle_to_matrix(pose)
        with_blend, without = (
            volume(pose_body(build_body_model("smpl", model, "synthetic"), rotmat, np.zeros((1, 10)))[0][0], faces)
            for model in (body, plain))
        full = volume(body["v_template"], faces)
        assert without < with_blend <= full * 1.002
    assert np.abs(body["posedirs"]).max() < 0.3


def test_posed_smplx_turns_eyes_and_jaw_apart():
    body = load("smplx")
    chin = np.argmin(np.linalg.norm(body["v_template"] - SMPLX_SHIFT - (0, 0.336, 0.108), axis=1))
    crown = np.argmin(np.linalg.norm(body["v_template"] - SMPLX_SHIFT - (0, 0.556, 0.0), axis=1))
    vertices, _ = posed("smplx", {"jaw": (0.25, 0, 0), "left_eyeball": (0, 0.3, 0)})
    move = vertices - body["v_template"]
    assert move[chin, 1] < -0.015 and np.abs(move[crown]).max() < 1e-4
    assert move[vertex_joints("smplx")["left_eye"], 0] > 0.002
    assert np.abs(move[vertex_joints("smplx")["right_eye"]]).max() < 1e-4


def test_face_landmarks_follow_the_68_point_order():
    body = load("smplx")
    corners = body["v_template"][body["f"][body["lmk_faces_idx"]].astype(int)]
    points = np.einsum("kc,kcd->kd", body["lmk_bary_coords"], corners) - SMPLX_SHIFT
    np.testing.assert_allclose(body["lmk_bary_coords"].sum(1), 1, atol=1e-9)
    x, y, z = points.T
    assert (np.diff(x[:10]) > 0).all(), "brows run from the person's right to the left"
    assert (np.diff(y[10:14]) < 0).all() and np.abs(x[10:14]).max() < 2e-3, "the nose's bridge runs down"
    assert (np.diff(x[14:19]) > 0).all()
    assert (np.diff(x[19:23]) > 0).all() and (np.diff(x[25:29]) > 0).all(), "upper edges of the eyes"
    assert (np.diff(x[31:38]) > 0).all() and (np.diff(x[38:43]) < 0).all(), "outer lips, there and back"
    assert (z > 0.05).all()
    assert y[43:].max() - y[43:].min() < 0.01, "inner lips are closed"


def test_face_outline_slides_with_the_yaw():
    body = load("smplx")
    corners = body["v_template"][body["f"][body["dynamic_lmk_faces_idx"]].astype(int)]
    points = np.einsum("rkc,rkcd->rkd", body["dynamic_lmk_bary_coords"], corners) - SMPLX_SHIFT
    front = points[0]
    assert front[0, 0] < -0.05 and front[16, 0] > 0.05 and np.abs(front[8, 0]) < 0.01
    assert front[8, 1] < front[:, 1].min() + 1e-3
    # Head turned to the person's left (row 30): the person's left cheek leaves the outline, which moves to the front.
    assert points[30, 14, 2] > front[14, 2] + 0.005
    assert points[69, 2, 2] > front[2, 2] + 0.005


def test_flame_vertices_are_the_head():
    body, ids = load("smplx"), models.load_extra("SMPL-X__FLAME_vertex_ids")
    assert ids.shape == (5023,) and len(np.unique(ids)) == 5023
    assert (body["v_template"] - SMPLX_SHIFT)[ids, 1].min() > 0.24
    assert (body["v_template"][:, 1] > 0.36 + SMPLX_SHIFT[1]).sum() <= 5023


def test_unknown_names_are_refused():
    with pytest.raises(ValueError, match="flame"):
        models.load_synthetic("flame")
    with pytest.raises(ValueError, match="J_regressor_x"):
        models.load_extra("J_regressor_x")


def test_arrays_are_shared_and_cannot_be_changed():
    body = load("smpl")
    with pytest.raises(ValueError, match="read-only"):
        body["v_template"][0] = 0


def test_a_cache_that_cannot_be_written_is_explained(tmp_path):
    (tmp_path / "file").write_text("in the way")
    with pytest.raises(UserError, match="MINDHUMAN_CACHE"):
        models._write(tmp_path / "file" / "body.npz", {"a": np.zeros(1)})


@pytest.mark.full
def test_building_is_repeatable_and_survives_a_damaged_cache(tmp_path, monkeypatch):
    before = {name: value.copy() for name, value in load("smpl").items()}
    monkeypatch.setenv("MINDHUMAN_CACHE", str(tmp_path))
    models._members.cache_clear()
    try:
        built = load("smpl")
        for name, value in before.items():
            np.testing.assert_array_equal(built[name], value, err_msg=name)
        (path,) = tmp_path.glob("*.npz")
        whole = path.read_bytes()
        path.write_bytes(whole[:1000])
        models._members.cache_clear()
        np.testing.assert_array_equal(load("smpl")["v_template"], before["v_template"])
        assert path.stat().st_size == len(whole)
    finally:
        models._members.cache_clear()
