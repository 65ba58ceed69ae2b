"""People in images as cmr sees them: its crops, and its two meshes of everybody.

A person's body is the SMPL one; the graph network's free mesh, of which SMPL's parameters are made, is the variant
"graph".
"""
from mindspore import Tensor

from cmr.src.dataset import Crop
from cmr.src.mesh import TRAINING_JOINTS, load_body
from cmr.src.network import load_trained
from common.data.image import normalize
from common.engine.graph_cache import Compiled
from common.inference.meshes import Body, Region
from common.inference.people import square_around
from common.inference.smpl import SMPLMeshes
from common.joints import SKELETONS


class CMRMeshes(SMPLMeshes):
    """cmr for `MeshRunner`.

    Args:
        network (CMR): trained, in evaluation mode.
        model (BodyModel): SMPL.
        regressor (array): (24, 6890), mesh to the joints graphcmr_24.
        crop (Crop): the network's view of people.
    """

    name, variants = "cmr", ("graph",)

    def __init__(self, network, model, regressor, crop):
        super().__init__(model, regressor, SKELETONS[TRAINING_JOINTS])
        self.network, self.view = Compiled(network), crop

    def crop(self, image, detection):
        center, scale = square_around(detection)
        return normalize(self.view.cut(image, center, scale)), Region(*self.view.square(center, scale))

    def predict(self, batch):
        free, camera, vertices, rotmat, betas = (output.asnumpy() for output in self.network(Tensor(batch)))
        j3d = self.regressor @ vertices
        return [Body(*person, {"graph": mesh}) for *person, mesh in zip(camera, rotmat, betas, vertices, j3d, free)]


def open_model(config):
    """The trained cmr of the settings as a `MeshModel`, its settings with those of its checkpoint.

    Raises:
        UserError: no checkpoint, weights that do not fit, or a body model that cannot be read.
    """
    body = load_body(config)
    network, config, checkpoint = load_trained(config, body)
    model = CMRMeshes(network, body.model, body.regressor, Crop(config.img_res, config.crop_contrast_stretch))
    return model, config.replace(ckpt_file=checkpoint.path)
