"""What mesh models with an SMPL body share: posing it anew, and its parameters as files tell them."""
import dataclasses
from collections.abc import Sequence

import numpy as np

from common.body_models.files import BodyModel
from common.body_models.lbs_numpy import pose_body
from common.formats.bodies import BodyRig
from common.geometry.rotation import matrix_to_axis_angle
from common.inference.meshes import Body, MeshModel


class SMPLMeshes(MeshModel):
    """A `MeshModel` of SMPL bodies; its network is still to be defined.

    Args:
        model (BodyModel): SMPL.
        regressor (array): (K, 6890), mesh to joints.
        joint_names (sequence): K names.
    """

    def __init__(self, model: BodyModel, regressor: np.ndarray, joint_names: Sequence[str]):
        self.body_model, self.faces, self.joint_names = model.source, model.faces, joint_names
        self.model, self.regressor = model.astype(np.float32), np.float32(regressor)
        self.rig = BodyRig(self.model)

    def pose(self, body: Body) -> Body:
        rotmat, beta = np.float32(body.rotmat), np.float32(body.shape)
        vertices, _ = pose_body(self.model, rotmat[None], beta[None])
        return dataclasses.replace(body, rotmat=rotmat, shape=beta, vertices=vertices[0],
                                   j3d=self.regressor @ vertices[0])

    def parameters(self, body: Body) -> dict[str, np.ndarray]:
        """theta (85,) = cam, pose, beta, the form that HMR made known, and its parts; radians."""
        pose = matrix_to_axis_angle(body.rotmat).reshape(-1)
        return {"theta": np.concatenate([body.cam, pose, body.shape]).astype(np.float32), "pose": np.float32(pose),
                "rotmat": np.float32(body.rotmat), "beta": np.float32(body.shape)}
