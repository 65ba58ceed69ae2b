"""Rods and balls: whole surfaces that stand where the skeleton is."""
import numpy as np
import trimesh

from common.formats.motion import BoneHierarchy
from common.formats.stick_figure import stick_figure


def test_surfaces_look_outwards_and_belong_to_their_joints():
    skeleton = BoneHierarchy(("a", "b", "c"), (-1, 0, 1), np.array([[0.1, 0.2, 0.3], [0, 1.0, 0], [0.5, 0, 0]]),
                             np.tile(np.eye(3), (1, 3, 1, 1)), np.zeros((1, 3)))
    skin = stick_figure(skeleton, (1, 2, 3))
    np.testing.assert_allclose(skin.weights.sum(1), 1)
    np.testing.assert_allclose(skin.vertices.min(0), [0.1 - 0.027, 0.2 - 0.027, 0.3 - 0.027], atol=0.004)
    np.testing.assert_allclose(skin.vertices.max(0), [0.6 + 0.027, 1.2 + 0.027, 0.3 + 0.027], atol=0.004)
    parts = trimesh.Trimesh(skin.vertices, skin.faces, process=False).split(only_watertight=False, repair=False)
    for part in parts:  # normals point away from the middle of each part
        outwards = (part.face_normals * (part.triangles_center - part.vertices.mean(0))).sum(1)
        assert outwards[part.area_faces > 1e-12].min() > 0
    # The rod from b to c turns with b.
    rod = (skin.vertices[:, 0] > 0.2) & (skin.vertices[:, 0] < 0.5)
    assert not rod.any() or set(skin.weights[rod].argmax(1)) == {1}
