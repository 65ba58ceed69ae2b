"""An image of the licence-free body: rest pose, 8 poses, 8 shapes, hands and faces.

    python tools/lab/body_gallery.py --output gallery.png
"""
import io
import sys
from pathlib import Path

import numpy as np
from PIL import Image

# The repository root comes first, so that `common` is found from every directory.
sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

from common.arguments import Arguments  # noqa: E402
from common.body_models.files import build_body_model  # noqa: E402
from common.body_models.lbs_numpy import pose_body  # noqa: E402
from common.errors import UserError, run  # noqa: E402
from common.files import atomic_write  # noqa: E402
from common.geometry.rotation import axis_angle_to_matrix  # noqa: E402
from common.stand_ins.body.anatomy import joint_tree  # noqa: E402
from common.stand_ins.body.models import load_synthetic  # noqa: E402
from common.stand_ins.body.prior import sample_poses  # noqa: E402
from common.stand_ins.body.shapes import BODY_SHAPES, EXPRESSIONS  # noqa: E402
from common.visual.cameras import PerspectiveCamera  # noqa: E402
from common.visual.draw import put_text  # noqa: E402
from common.visual.renderer import PALETTE, SKIN, Mesh, render_scene  # noqa: E402

DISTANCE = 4.0  # metres from the camera; far enough for natural proportions
GAP, TITLE = 12, 44  # pixels
INK, PAPER = (60, 60, 60), (250, 250, 248)
NAMES = joint_tree("smplx")[0]


class Sculptor:
    """Poses the SMPL-X shaped body and takes images of it."""

    def __init__(self):
        self.model = build_body_model("smplx", load_synthetic("smplx"), "synthetic")
        self.colour = _colours(self.model)

    def vertices(self, pose=None, shape=None, expression=None, relaxed=True):
        """(V, 3) for an axis-angle pose (55, 3), shape (10,) and expression (10,)."""
        pose = np.zeros((55, 3)) if pose is None else pose.astype(np.float64).reshape(55, 3)
        if relaxed:
            hands = np.concatenate([self.model.extras["hands_meanl"], self.model.extras["hands_meanr"]])
            pose = pose + np.concatenate([np.zeros((25, 3)), hands.reshape(30, 3)])
        coefficients = np.zeros((1, 310))
        coefficients[0, :10] = 0 if shape is None else shape
        coefficients[0, 300:] = 0 if expression is None else expression
        return pose_body(self.model, axis_angle_to_matrix(pose[None]), coefficients)[0][0]

    def draw(self, vertices, size, centre, height, yaw=0.0, pitch=0.0, colour=None):
        """An image (H, W, 3) in which `height` metres round `centre` fill the frame from top to bottom."""
        turn = axis_angle_to_matrix(np.radians([[pitch, 0, 0], [0, yaw, 0]]))
        rotation = np.diag([1.0, -1.0, -1.0]) @ turn[0] @ turn[1]
        translation = np.array([0, 0, DISTANCE]) - rotation @ np.asarray(centre, float)
        middle = (size[1] / 2, size[0] / 2)
        camera = PerspectiveCamera(size[0] * DISTANCE / height, middle, tuple(translation), rotation)
        skin = self.colour if colour is None else np.where((self.colour == SKIN).all(1)[:, None], colour, self.colour)
        return render_scene([Mesh(vertices, self.model.faces, skin)], camera, size, PAPER).image


def _colours(model):
    """Skin, white eyeballs with an iris, (V, 3)."""
    colours = np.tile(np.array(SKIN, float), (len(model.v_template), 1))
    for eye in ("left_eyeball", "right_eyeball"):
        ball = np.flatnonzero(model.weights[:, NAMES.index(eye)] > 0.99)
        front = model.v_template[ball, 2] - model.v_template[ball, 2].min()
        share = front / front.max()
        colours[ball] = (245, 245, 242)
        colours[ball[share > 0.93]] = (96, 72, 54)
    return colours


def _centre(vertices):
    return (vertices.min(0) + vertices.max(0)) / 2


def rest_pose(body):
    vertices = body.vertices(relaxed=False)
    return [body.draw(vertices, (520, 520), _centre(vertices), 1.95, yaw=yaw) for yaw in (0, 35, 90, 180)]


def poses(body, rng):
    sampled = sample_poses(rng, 8, "smplx")
    panels = []
    for pose, colour in zip(sampled, PALETTE):
        vertices = body.vertices(pose)
        panels.append(body.draw(vertices, (340, 252), _centre(vertices), 2.05, yaw=20, pitch=8, colour=colour))
    return panels


def shapes(body):
    """One image each of four directions at both ends."""
    pose = np.zeros((55, 3))
    pose[NAMES.index("left_shoulder")], pose[NAMES.index("right_shoulder")] = (0, 0, -1.0), (0, 0, 1.0)
    panels = []
    for name in ("size", "girth", "hip width", "belly"):
        for amount in (-2.0, 2.0):
            vertices = body.vertices(pose, amount * np.eye(10)[BODY_SHAPES.index(name)])
            panel = body.draw(vertices, (340, 252), _centre(body.vertices(pose)), 2.05, yaw=25)
            panels.append(put_text(panel, f"{name} {amount:+.0f}", (10, 330), INK, 0.5))
    return panels


def hands(body):
    flat = np.zeros((55, 3))
    components = body.model.extras["hands_componentsl"].reshape(45, 15, 3)
    closed, spread, point = flat.copy(), flat.copy(), flat.copy()
    closed[25:40] = 2.6 * components[0] + 0.5 * components[2]
    spread[25:40] = -0.35 * components[0] + 0.5 * components[1]
    point[25:40] = closed[25:40]
    point[25:28] = 0
    views = ((flat, False, 75), (flat, True, 75), (spread, True, -70), (closed, True, -60), (point, True, 60))
    panels = []
    for pose, relaxed, pitch in views:
        vertices = body.vertices(pose, relaxed=relaxed)
        centre = vertices[body.model.weights[:, 20:21].ravel() > 0.5].mean(0) + (0.035, -0.01, 0.0)
        panels.append(body.draw(vertices, (340, 410), centre, 0.26, pitch=pitch))
    return panels


def faces(body):
    jaw = np.zeros((55, 3))
    jaw[NAMES.index("jaw")] = (0.22, 0, 0)
    smile = 2 * np.eye(10)[EXPRESSIONS.index("smile")]
    brows = 2 * np.eye(10)[EXPRESSIONS.index("raised brows")]
    views = ((None, None, 0), (None, None, 40), (None, smile, -20), (None, brows, 15), (jaw, None, 20))
    panels = []
    for pose, expression, yaw in views:
        vertices = body.vertices(pose, expression=expression)
        panels.append(body.draw(vertices, (340, 410), (0, 0.312, 0.015), 0.31, yaw=yaw))
    return panels


def page(sections):
    """Titled rows of equally high images -> one image."""
    rows, width = [], max(sum(p.shape[1] + GAP for p in panels) for _, panels in sections)
    for title, panels in sections:
        row = np.full((panels[0].shape[0] + TITLE, width + GAP, 3), PAPER, np.uint8)
        put_text(row, title, (GAP, TITLE - 12), INK, 0.8)
        space = (width - sum(p.shape[1] for p in panels)) / len(panels)
        left = GAP + space / 2
        for panel in panels:
            row[TITLE:, round(left):round(left) + panel.shape[1]] = panel
            left += panel.shape[1] + space
        rows.append(row)
    return np.concatenate(rows)


def with_palette(panel):
    """The image in 256 colours, which takes a third of the space and looks the same."""
    codes, counts = np.unique(panel @ np.array([1 << 16, 1 << 8, 1]), return_counts=True)
    colours = np.stack([codes >> 16, codes >> 8 & 255, codes & 255], 1).astype(np.uint8)
    # The square root leaves small coloured figures their share of the palette beside all the skin.
    sample = np.repeat(colours, np.sqrt(counts).astype(int), 0)
    palette = Image.fromarray(sample[None]).quantize(256, kmeans=1)
    return Image.fromarray(panel).quantize(palette=palette, dither=Image.Dither.FLOYDSTEINBERG)


def main(argv):
    """Draw the gallery and write it."""
    parser = Arguments(__doc__)
    parser.add_argument("--output", required=True, help="image to write (.png or .jpg)")
    parser.add_argument("--seed", type=int, default=0, help="which poses are shown")
    arguments = parser.parse_args(argv)
    ending = Path(arguments.output).suffix.lower()
    if ending not in (".png", ".jpg"):
        raise UserError(f"--output {arguments.output} must end in .png or .jpg")
    body = Sculptor()
    panel = page([("Rest pose", rest_pose(body)), ("Poses", poses(body, np.random.default_rng(arguments.seed))),
                    ("Shapes", shapes(body)), ("Hands", hands(body)), ("Faces", faces(body))])
    stream = io.BytesIO()
    if ending == ".png":
        with_palette(panel).save(stream, "png", optimize=True)
    else:
        Image.fromarray(panel).save(stream, "jpeg", quality=95)
    atomic_write(arguments.output, stream.getvalue())
    print(f"wrote {arguments.output} ({panel.shape[1]} x {panel.shape[0]})")


if __name__ == "__main__":
    run(main)
