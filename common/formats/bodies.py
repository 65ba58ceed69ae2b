"""Bodies of SMPL and SMPL-X as a skeleton with a skin, which move as the body model does."""
import numpy as np
from scipy import sparse

from common.body_models.files import BodyModel
from common.formats.motion import BodyParameters, BoneHierarchy, Skin
from common.joints import SKELETONS
from common.visual.cameras import Y_UP

JOINTS = {"smpl": SKELETONS["smpl_24"], "smplx": SKELETONS["smplx_55"]}
BETAS = 10


class BodyRig:
    """A body model for files of motion.

    Args:
        model (BodyModel): SMPL or SMPL-X.
    """

    def __init__(self, model: BodyModel):
        self.model = model

    def move(self, rotmat: np.ndarray, shape: np.ndarray, translation: np.ndarray, colour: tuple) -> dict:
        """Skeleton, skin and parameters of a person: the fields `skeleton`, `skin` and `body` of a `Motion`.

        The skeleton has the person's mean shape (and expression), as bones of files have one length. Its root is where
        the body of each frame has it.

        Args:
            rotmat (array): (T, J, 3, 3), relative to the parents, of the root in camera axes.
            shape (array): (T, S), 10 coefficients of shape, then those of expression.
            translation (array): (T, 3), metres, from the body's origin to the camera.
            colour (tuple): (3,) uint8 RGB.
        """
        model, rotmat = self.model, np.float64(rotmat)
        shape, parents = np.float64(shape), tuple(int(parent) for parent in model.parents)
        directions = model.shape_directions(BETAS)
        if shape.shape[1] > BETAS:
            directions = np.concatenate([directions, model.expression_directions(shape.shape[1] - BETAS)], axis=-1)
        regressor = np.float64(model.J_regressor)
        mean = np.float64(model.v_template) + np.float64(directions) @ shape.mean(0)
        joints = regressor @ mean
        offsets = joints - np.where(np.array(parents)[:, None] >= 0, joints[list(parents)], 0.0)
        # The root of a frame's own shape; that of the mean shape may lie elsewhere.
        template, per_unit = regressor[0] @ model.v_template, np.tensordot(regressor[0], directions, 1)
        root = (template + shape @ per_unit.T + translation) @ Y_UP
        turned = rotmat.copy()
        turned[:, 0] = Y_UP @ rotmat[:, 0]
        bend = (rotmat[:, 1:] - np.eye(3)).reshape(len(rotmat), -1).mean(0)
        posedirs = model.posedirs if sparse.issparse(model.posedirs) else model.posedirs.reshape(-1, len(bend))
        return {
            "skeleton": BoneHierarchy(JOINTS[model.kind], parents, offsets, turned, root),
            "skin": Skin(mean + (posedirs @ bend).reshape(-1, 3), model.faces, np.float64(model.weights), colour),
            "body": BodyParameters(model.kind, model.source, shape[:, :BETAS].mean(0), shape[:, BETAS:]),
        }
