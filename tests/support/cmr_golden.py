"""The reference cases of this model: stand-in weights, body and inputs made from seeds."""
import functools
import json

import scipy.sparse
from golden_files import GOLDEN, load_case, load_module, seeded
from mindspore import Tensor

from cmr.src.mesh import build_graph_mesh, training_regressor
from cmr.src.network import CMR
from cmr.src.weights import convert_weights
from common.body_models.files import build_body_model
from common.body_models.smpl import SMPL

FOLDER = GOLDEN / "cmr"
SEED = 1
matrices = load_module(FOLDER / "matrices.py")
load = functools.partial(load_case, "cmr")


def array(name, shape, *bounds):
    return seeded.array(f"cmr/{name}", shape, SEED, *bounds)


@functools.cache
def body():
    """The seeded SMPL, which brings its J_regressor_extra along as the port's smpl.ckpt does."""
    content = seeded.body_model("smpl", SEED)
    content["J_regressor_extra"] = seeded.joint_regressor("smpl/J_regressor_extra", 14, 6890, SEED)
    return build_body_model("smpl", content, "seeded")


@functools.cache
def mesh():
    made = matrices.mesh_matrices(SEED)
    sparse = [scipy.sparse.csr_matrix((data, (rows, columns)), shape)
              for rows, columns, data, shape in (made["A"][1], made["U"][0], made["D"][0])]
    return build_graph_mesh(body().v_template, *sparse, "seeded")


@functools.cache
def smpl():
    return SMPL(body())


def regressor():
    """(24, 6890), mesh to training joints."""
    matrix = training_regressor(body())
    assert matrix.shape == (24, 6890)
    return matrix


def torch_state():
    """Weights under the names of GraphCMR."""
    keys = json.loads((FOLDER / "cmr.keys.json").read_text())
    return matrices.condition(seeded.state_dict(keys, SEED))


@functools.cache
def converted():
    """Conversion and settings of the published names."""
    conversion, settings, _ = convert_weights(torch_state(), {}, "", "case")
    return conversion, settings


def network(use_svd=True):
    """The network with the stand-in weights."""
    conversion, settings = converted()
    out = CMR(mesh(), smpl(), settings["num_layers"], settings["num_channels"], use_svd=use_svd)
    for parameter in out.get_parameters():
        parameter.set_data(Tensor(conversion.weights[parameter.name]))
    return out.set_train(False)
