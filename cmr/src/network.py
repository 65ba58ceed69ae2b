"""CMR: an image to a mesh through a graph network, and that mesh to SMPL's parameters.

Source: Kolotouros et al., "Convolutional mesh regression for single-image human shape reconstruction", CVPR 2019;
nkolot/GraphCMR `models/`. The numbers are the same; what is arranged differently: the image's features, equal at all
vertices, and the template's coordinates, equal for all images, go through the first layer apart and only their sums
are spread out, which saves a quarter of the work; matrices of the mesh are constants and never parameters. Below the
Cells: building the network of the settings and loading a trained one.
"""
import numpy as np
from mindspore import Tensor, nn, ops

from cmr.src.config import NETWORK_KEYS
from cmr.src.layers import GraphLinear, GraphResBlock, GroupNormReLU, SparseProduct, uniform
from cmr.src.mesh import GraphBody, GraphMesh
from cmr.src.orthogonal import NearestRotation
from cmr.src.weights import read_trained
from common.backbones.folding import fold_batch_norm
from common.backbones.resnet import ResNet
from common.body_models.embedded import warn_other_body
from common.body_models.lbs import constant
from common.body_models.smpl import SMPL
from common.config import Config
from common.engine.checkpoint import Checkpoint, find_checkpoint, load_weights
from common.engine.continuation import adopt_settings, require_model
from common.initial import dense, generator, replaced_by_checkpoint
from common.precision import as_float32

NUM_JOINTS, NUM_BETAS = 24, 10


class FirstGraphLinear(nn.Cell):
    """Template coordinates of a vertex and features of the image through one affine layer, without joining them.

    Args:
        rng (numpy.random.Generator): source of the initial weights, as in `GraphLinear`.
        template (array): (V, 3).
        feature_channels, out_channels (int): widths.

    Inputs:
        - **feature** (Tensor) - (B, feature_channels).

    Outputs:
        Tensor (V * B, out_channels).
    """

    def __init__(self, rng: np.random.Generator, template: np.ndarray, feature_channels: int, out_channels: int):
        super().__init__()
        in_channels = 3 + feature_channels
        bound = 1.0 / (in_channels * out_channels)
        self.weight = uniform(rng, (out_channels, in_channels), bound, "weight")
        self.bias = uniform(rng, (out_channels,), bound, "bias")
        self.places = constant(np.concatenate([template, np.ones((len(template), 1))], 1))
        self.out_channels = out_channels
        self.matmul, self.matmul_t = ops.MatMul(), ops.MatMul(transpose_b=True)

    def construct(self, feature: Tensor) -> Tensor:
        weight, bias = self.weight.astype(feature.dtype), self.bias.astype(feature.dtype)
        of_image = ops.expand_dims(self.matmul_t(feature, weight[:, 3:]) + bias, 0)
        of_place = ops.expand_dims(weight[:, :3].transpose(1, 0), 1)
        # (V, 4) times (4, B * C): three coordinates of the vertex and a one, which brings the image's part.
        rows = ops.concat((of_place + ops.zeros_like(of_image), of_image), 0)
        return self.matmul(self.places.astype(rows.dtype), rows.reshape(4, -1)).reshape(-1, self.out_channels)


class GraphCNN(nn.Cell):
    """An image to the mesh of level 1 and a camera.

    Args:
        rng (numpy.random.Generator): source of the initial weights.
        mesh (GraphMesh): adjacency and template.
        num_layers (int): blocks of full width behind the first.
        num_channels (int): their width, a multiple of 16.
        depth, width: of the ResNet; 50 and 1.0 are published.

    Inputs:
        - **image** (Tensor) - (B, 3, H, W), normalised RGB.

    Outputs:
        - **vertices_sub** (Tensor) - (V, B * 3), metres, coordinates fastest.
        - **camera** (Tensor) - (B, 3), (s, tx, ty).
    """

    def __init__(self, rng: np.random.Generator, mesh: GraphMesh, num_layers: int = 5, num_channels: int = 256,
                 depth: int = 50, width: float = 1.0):
        super().__init__()
        self.num_vertices = len(mesh.template)
        neighbours = SparseProduct(mesh.adjacency)
        self.resnet = ResNet(rng, depth, width=width)
        widths = [2 * num_channels] + [num_channels] * (num_layers + 1)
        self.gc = nn.SequentialCell(
            [FirstGraphLinear(rng, mesh.template, self.resnet.out_channels, 2 * num_channels)]
            + [GraphResBlock(rng, first, second, neighbours) for first, second in zip(widths[:-1], widths[1:])])
        self.shape = nn.SequentialCell([
            GraphResBlock(rng, num_channels, 64, neighbours), GraphResBlock(rng, 64, 32, neighbours),
            GroupNormReLU(32, self.num_vertices), GraphLinear(rng, 32, 3, self.num_vertices)])
        self.camera_norm = GroupNormReLU(num_channels, self.num_vertices)
        self.camera_lin = GraphLinear(rng, num_channels, 1, self.num_vertices)
        self.camera_fc = dense(rng, self.num_vertices, 3)

    def construct(self, image: Tensor) -> tuple[Tensor, Tensor]:
        x = self.gc(as_float32(self.resnet(image)))
        camera = ops.relu(self.camera_lin(self.camera_norm(x))).reshape(self.num_vertices, -1)
        return self.shape(x).reshape(self.num_vertices, -1), self.camera_fc(camera.transpose(1, 0))


class NormalizedDense(nn.Cell):
    """Affine layer and batch norm.

    Inputs:
        - **x** (Tensor) - (B, in_channels).

    Outputs:
        Tensor (B, out_channels).
    """

    def __init__(self, rng: np.random.Generator, in_channels: int, out_channels: int):
        super().__init__()
        self.dense = dense(rng, in_channels, out_channels)
        self.norm = nn.BatchNorm1d(out_channels, eps=1e-5, momentum=0.9)

    def construct(self, x: Tensor) -> Tensor:
        return self.norm(self.dense(x))


class FCResBlock(nn.Cell):
    """Two affine layers with batch norm and a skip connection; (B, channels) to (B, channels)."""

    def __init__(self, rng: np.random.Generator, channels: int):
        super().__init__()
        self.first = NormalizedDense(rng, channels, channels)
        self.second = NormalizedDense(rng, channels, channels)

    def construct(self, x: Tensor) -> Tensor:
        return ops.relu(x + self.second(ops.relu(self.first(x))))


class SMPLParamRegressor(nn.Cell):
    """The mesh of level 1 to SMPL's pose and shape.

    Args:
        rng (numpy.random.Generator): source of the initial weights.
        template (array): (V, 3), seen by the network beside the mesh.
        use_svd (bool): see `NearestRotation`.
        hidden_size (int): width of the hidden layers.
        template_input (bool): whether the network sees the template, as published; batch norm takes this constant away
            again, and it is half of the first layer's weights.

    Inputs:
        - **vertices** (Tensor) - (B, V, 3), metres.

    Outputs:
        - **rotmat** (Tensor) - (B, 24, 3, 3) float32.
        - **betas** (Tensor) - (B, 10).
    """

    def __init__(self, rng: np.random.Generator, template: np.ndarray, use_svd: bool = True, hidden_size: int = 1024,
                 template_input: bool = True):
        super().__init__()
        self.template = constant(template[None]) if template_input else None
        self.in_channels = template.size * (2 if template_input else 1)
        self.first = NormalizedDense(rng, self.in_channels, hidden_size)
        self.blocks = nn.SequentialCell([FCResBlock(rng, hidden_size), FCResBlock(rng, hidden_size)])
        self.head = dense(rng, hidden_size, 9 * NUM_JOINTS + NUM_BETAS)
        self.nearest_rotation = NearestRotation(use_svd)

    def construct(self, vertices: Tensor) -> tuple[Tensor, Tensor]:
        raw, betas = self.raw_parameters(vertices)
        return self.nearest_rotation(raw).reshape(-1, NUM_JOINTS, 3, 3), betas

    def raw_parameters(self, vertices: Tensor) -> tuple[Tensor, Tensor]:
        """Matrices before they are made rotations, (B * 24, 3, 3), and shape (B, 10)."""
        if self.template is not None:
            # Added to zeros, not broadcast to a size: the batch stays free in an exported file.
            template = ops.zeros_like(vertices) + self.template.astype(vertices.dtype)
            vertices = ops.concat((vertices, template), -1)
        x = self.head(self.blocks(ops.relu(self.first(vertices.reshape(-1, self.in_channels)))))
        return x[:, :9 * NUM_JOINTS].reshape(-1, 3, 3), x[:, 9 * NUM_JOINTS:]


class CMR(nn.Cell):
    """An image to the graph network's mesh and to the SMPL body that explains it.

    Args:
        mesh (GraphMesh): matrices and template of the mesh.
        smpl (SMPL): the body model.
        num_layers, num_channels, depth, width: see `GraphCNN`.
        use_svd, hidden_size, template_input: see `SMPLParamRegressor`.
        seed (int): of the initial weights.

    Inputs:
        - **image** (Tensor) - (B, 3, 224, 224), RGB, normalised with ImageNet's mean and deviation.

    Outputs:
        - **vertices** (Tensor) - (B, 6890, 3), the free mesh, metres, camera axes x right, y down, z forward.
        - **camera** (Tensor) - (B, 3), (s, tx, ty): p = s * ((x, y) + (tx, ty)), the crop spans [-1, 1].
        - **smpl_vertices** (Tensor) - (B, 6890, 3), of the SMPL body. Its gradient ends at the free mesh.
        - **rotmat** (Tensor) - (B, 24, 3, 3), each joint relative to its parent.
        - **betas** (Tensor) - (B, 10).
    """

    def __init__(self, mesh: GraphMesh, smpl: SMPL | None, num_layers: int = 5, num_channels: int = 256,
                 depth: int = 50, width: float = 1.0, use_svd: bool = True, hidden_size: int = 1024,
                 template_input: bool = True, seed: int = 0):
        super().__init__()
        rng = generator(seed)
        self.num_graph_vertices, self.num_vertices = len(mesh.template), mesh.upsample.shape[0]
        self.graph_cnn = GraphCNN(rng, mesh, num_layers, num_channels, depth, width)
        self.smpl_param_regressor = SMPLParamRegressor(rng, mesh.template, use_svd, hidden_size, template_input)
        self.upsample = SparseProduct(mesh.upsample)
        self.smpl = smpl

    def construct(self, image: Tensor) -> tuple[Tensor, Tensor, Tensor, Tensor, Tensor]:
        vertices_sub, camera = self.graph_cnn(image)
        vertices = self.upsample(vertices_sub).reshape(self.num_vertices, -1, 3).transpose(1, 0, 2)
        by_image = vertices_sub.reshape(self.num_graph_vertices, -1, 3).transpose(1, 0, 2)
        rotmat, betas = self.smpl_param_regressor(ops.stop_gradient(by_image))
        smpl_vertices, _ = self.smpl(rotmat, betas)
        return vertices, camera, smpl_vertices, rotmat, betas


def build_network(config: Config, body: GraphBody) -> CMR:
    """The network that the settings describe, with its initial values; body (GraphBody): of `load_body`."""
    return CMR(body.mesh, SMPL(body.model), config.num_layers, config.num_channels, config.depth, config.width,
               config.use_svd, config.hidden_size, config.template_input, config.seed)


def settings_of(checkpoint: Checkpoint, config: Config) -> Config:
    """The settings with those of the checkpoint's network in place of the defaults and of --config_path.

    Raises:
        UserError: a flag was given that contradicts the checkpoint.
    """
    require_model(checkpoint, "cmr")
    warn_other_body(checkpoint, "smpl_path", not config.smpl_path)
    return adopt_settings(checkpoint, config, NETWORK_KEYS)


def load_trained(config: Config, body: GraphBody) -> tuple[CMR, Config, Checkpoint]:
    """Network, settings and file of the checkpoint that the settings name.

    Args:
        config (Config): settings; those of the network give way to the checkpoint's.
        body (GraphBody): of `load_body`.

    Returns:
        tuple: CMR in evaluation mode with batch norm worked into its convolutions, Config, Checkpoint.

    Raises:
        UserError: no checkpoint, or weights that do not fit.
    """
    checkpoint = find_checkpoint(config.ckpt_file, config.save_checkpoint_dir, "cmr", read=read_trained)
    config = settings_of(checkpoint, config)
    with replaced_by_checkpoint(strictly=not config.allow_partial):
        network = build_network(config, body)
    load_weights(network, checkpoint, config.allow_partial)
    return fold_batch_norm(network), config, checkpoint
