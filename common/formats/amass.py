"""npz in the form of AMASS, which the SMPL-X and SMPL add-ons of Blender and programs around `smplx` read.

Members: `poses`, `trans`, `betas`, `gender`, `mocap_frame_rate`, and what later releases add (`root_orient`,
`pose_body`, `pose_hand`, ...). As in AMASS the ground is level in x and y, and z is up; angles are axis-angle in
radians, hands are relative to the flat hand (`flat_hand_mean=True` of smplx), and `trans` is what smplx calls transl.

SMPL-X has 55 joints here, `poses` (T, 165). AMASS has no files of SMPL with its 24 joints: such a body is written as
SMPL+H with flat hands, `poses` (T, 156), which lacks the turn of SMPL's two hand joints; `smpl_poses` (T, 72) is whole.

Source: amass.is.tue.mpg.de, file descriptions; the fields that the Blender add-on of SMPL-X asks for.
"""
import numpy as np

from common.files import npz_bytes
from common.formats.motion import Motion
from common.geometry.rotation import matrix_to_axis_angle

# From y up to z up: what points up comes to the third place, and what points at the viewer to minus the second.
Z_UP = np.array([[1.0, 0.0, 0.0], [0.0, 0.0, -1.0], [0.0, 1.0, 0.0]])
BODY, JAW, EYES, HANDS = slice(1, 22), slice(22, 23), slice(23, 25), slice(25, 55)


def amass_bytes(motion: Motion) -> bytes:
    """The bytes of an AMASS npz of a `Motion` with a body and frames of one length (`Motion.evenly`)."""
    skeleton, body = motion.skeleton, motion.body
    count, rest = len(motion.time_s), skeleton.offsets[0]
    rotmat = skeleton.rotmat.copy()
    rotmat[:, 0] = Z_UP @ rotmat[:, 0]
    turns = matrix_to_axis_angle(rotmat).astype(np.float64)
    arrays = {
        "trans": skeleton.root @ Z_UP.T - rest,  # smplx turns the body about its root where that is at rest
        "betas": np.asarray(body.beta, np.float64), "num_betas": len(body.beta), "gender": "neutral",
        "mocap_frame_rate": float(motion.fps), "mocap_time_length": count / motion.fps,
        "root_orient": turns[:, 0], "pose_body": turns[:, BODY].reshape(count, -1),
        "body_model": body.source, "joint_names": list(skeleton.names),
    }
    if body.kind == "smplx":
        arrays |= {"surface_model_type": "smplx", "poses": turns.reshape(count, -1),
                   "pose_jaw": turns[:, JAW].reshape(count, -1), "pose_eye": turns[:, EYES].reshape(count, -1),
                   "pose_hand": turns[:, HANDS].reshape(count, -1), "expression": body.expr}
    else:
        hands = np.zeros((count, 90))
        arrays |= {"surface_model_type": "smplh", "pose_hand": hands,
                   "poses": np.concatenate([turns[:, :22].reshape(count, -1), hands], axis=1),
                   "smpl_poses": turns.reshape(count, -1)}
    return npz_bytes(arrays)
