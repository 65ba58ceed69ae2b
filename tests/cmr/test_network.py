"""The network against the published implementation, and its parts by property."""

import cmr_golden as golden
import mindspore as ms
import numpy as np
import pytest
import scipy.sparse
from mindspore import Tensor, nn

from cmr.src.layers import GROUP_SIZE, AddBias, GraphLinear, GroupNormReLU, SparseProduct
from cmr.src.loss import TERM_NAMES, CMRLoss, NetworkWithLoss
from cmr.src.network import CMR, FirstGraphLinear
from cmr.src.orthogonal import NearestRotation
from common.data.crops import crop_stretched
from common.engine.train_step import TrainStep

RNG = np.random.default_rng(5)


@pytest.fixture(scope="module", autouse=True)
def graph_mode():
    ms.set_context(mode=ms.GRAPH_MODE)
    yield
    ms.set_context(mode=ms.PYNATIVE_MODE)


@pytest.fixture
def pynative():
    """Without compilation, for Cells that are called once."""
    ms.set_context(mode=ms.PYNATIVE_MODE)
    yield
    ms.set_context(mode=ms.GRAPH_MODE)


@pytest.fixture(scope="module")
def image():
    """The reference image, cropped to its person and whole, normalised; (2, 3, 224, 224)."""
    photo = golden.seeded.image("cmr/person", 361, 481, 1) // 2 + 40
    boxes = ((240.3, 181.1), 241 / 200), ((481 // 2, 361 // 2), 481 / 200)
    crops = np.stack([crop_stretched(photo, center, scale, 224) for center, scale in boxes]) / 255
    crops = (crops - (0.485, 0.456, 0.406)) / (0.229, 0.224, 0.225)
    return Tensor(crops.transpose(0, 3, 1, 2).astype(np.float32))


def values(outputs):
    return [output.asnumpy() for output in outputs]


def test_published_weights_give_the_published_outputs(image):
    expected = golden.load("cmr")
    assert np.abs(image.asnumpy()[:, :, ::8, ::8] - expected["input"]).max() < 1e-5
    outputs = dict(zip(("vertices", "camera", "vertices_smpl", "rotmat", "betas"),
                       values(golden.network()(image))))
    assert outputs["vertices"].shape == outputs["vertices_smpl"].shape == (2, 6890, 3)
    for name, value in outputs.items():
        value = value[:, ::13] if name.startswith("vertices") else value
        assert np.abs(value - expected[name]).max() < 1e-4, name


def test_inner_values(image, pynative):
    network, expected = golden.network(), golden.load("cmr")
    feature = network.graph_cnn.resnet(image)
    assert np.abs(feature.asnumpy()[:, ::8] - expected["image_feature"]).max() < 1e-4
    mesh = network.graph_cnn.shape(network.graph_cnn.gc(feature)).asnumpy().reshape(1723, 2, 3).transpose(1, 0, 2)
    assert np.abs(mesh[:, ::13] - expected["vertices_sub"]).max() < 1e-4
    raw, _ = network.smpl_param_regressor.raw_parameters(Tensor(mesh.copy()))
    assert np.abs(raw.asnumpy().reshape(2, 24, 3, 3) - expected["rotmat_raw"]).max() < 1e-4
    assert (np.linalg.det(expected["rotmat_raw"]) < 0).sum() > 10
    for use_svd in (True, False):
        rotation = NearestRotation(use_svd)(Tensor(expected["rotmat_raw"].reshape(-1, 3, 3))).asnumpy()
        assert np.abs(rotation - expected["rotmat"].reshape(-1, 3, 3)).max() < 1e-5


def nearest(matrix):
    """det(U V^T) U V^T in float64."""
    u, _, vt = np.linalg.svd(matrix.astype(np.float64))
    return np.linalg.det(u @ vt)[..., None, None] * (u @ vt)


class Weighted(nn.Cell):
    """A scalar of a Cell's output, to differentiate."""

    def __init__(self, cell):
        super().__init__()
        self.cell = cell

    def construct(self, x, weight):
        return (self.cell(x) * weight).sum()


@pytest.mark.parametrize("use_svd", [True, False])
def test_nearest_rotation_and_its_gradient(use_svd):
    matrix = RNG.standard_normal((300, 3, 3)).astype(np.float32)
    # Singular values far apart, and (nearly) equal ones, where the gradient of an SVD is infinite.
    matrix[:40] = nearest(matrix[:40]) @ (np.diag([1, 0.3, 0.05]) @ nearest(matrix[40:80]))
    matrix[100:140] = nearest(matrix[100:140]) + 1e-4 * matrix[140:180]
    matrix[120:140] *= -0.01
    cell = NearestRotation(use_svd)
    assert np.abs(cell(Tensor(matrix)).asnumpy() - nearest(matrix)).max() < 2e-6
    weight = RNG.standard_normal((300, 3, 3)).astype(np.float32)
    slope = ms.grad(Weighted(cell))(Tensor(matrix), Tensor(weight)).asnumpy()
    for entry in range(9):
        step = 1e-6 * np.eye(9)[entry].reshape(3, 3)
        wanted = ((nearest(matrix + step) - nearest(matrix - step)) * weight).sum((1, 2)) / 2e-6
        assert np.abs(slope.reshape(-1, 9)[:, entry] - wanted).max() < 1e-4 * np.abs(wanted).max()


@pytest.mark.parametrize("use_svd", [True, False])
def test_singular_matrices_give_rotations_and_finite_gradients(use_svd):
    matrix = np.zeros((3, 3, 3), np.float32)
    matrix[1] = np.diag([2, 0, 0])
    matrix[2] = np.diag([-1, 2, 1])
    cell = NearestRotation(use_svd)
    rotation = cell(Tensor(matrix)).asnumpy()
    assert np.abs(rotation @ rotation.transpose(0, 2, 1) - np.eye(3)).max() < 1e-5
    assert np.abs(rotation[2] - np.diag([1, -1, -1])).max() < 1e-6  # -1 times the matrix's polar factor
    assert np.isfinite(ms.grad(Weighted(cell))(Tensor(matrix), Tensor(matrix)).asnumpy()).all()


def test_sparse_product_and_its_gradient():
    matrix = scipy.sparse.random(17, 9, 0.3, random_state=1) + scipy.sparse.eye(17, 9)
    x, weight = RNG.standard_normal((9, 5)).astype(np.float32), RNG.standard_normal((17, 5)).astype(np.float32)
    cell = SparseProduct(matrix)
    assert np.abs(cell(Tensor(x)).asnumpy() - matrix @ x).max() < 1e-6
    slope = ms.grad(Weighted(cell))(Tensor(x), Tensor(weight)).asnumpy()
    assert np.abs(slope - matrix.T @ weight).max() < 1e-6


def group_norm(x, gamma, beta):
    """Group norm and ReLU of (V, B, C) in float64, as PyTorch's GroupNorm computes it on (B, C, V)."""
    groups = x.astype(np.float64).reshape(*x.shape[:2], -1, GROUP_SIZE)
    mean, variance = groups.mean((0, 3), keepdims=True), groups.var((0, 3), keepdims=True)
    return np.maximum(((groups - mean) / np.sqrt(variance + 1e-5)).reshape(x.shape) * gamma + beta, 0)


def test_group_norm_and_its_gradient():
    shape = 6, 2, 16
    x = (RNG.standard_normal(shape) + 3 * RNG.standard_normal((1, 2, 16))).astype(np.float32)
    weight, gamma, beta = (RNG.standard_normal(size).astype(np.float32) for size in (shape, 16, 16))
    cell = GroupNormReLU(16, 6)
    cell.gamma.set_data(Tensor(gamma))
    cell.beta.set_data(Tensor(beta))
    flat = Tensor(x.reshape(-1, 16)), Tensor(weight.reshape(-1, 16))
    assert np.abs(cell(flat[0]).asnumpy().reshape(shape) - group_norm(x, gamma, beta)).max() < 1e-5
    to_x, (to_gamma, to_beta) = ms.grad(Weighted(cell), 0, [cell.gamma, cell.beta])(*flat)
    for argument, slope in enumerate((to_x, to_gamma, to_beta)):
        arguments = [x.astype(np.float64), gamma.astype(np.float64), beta.astype(np.float64)]
        for place in range(0, arguments[argument].size, 5):
            step = np.zeros(arguments[argument].size)
            step[place] = 1e-6
            ends = [group_norm(*arguments[:argument], arguments[argument] + sign * step.reshape(
                arguments[argument].shape), *arguments[argument + 1:]) for sign in (1, -1)]
            wanted = ((ends[0] - ends[1]) * weight).sum() / 2e-6
            assert slope.asnumpy().reshape(-1)[place] == pytest.approx(wanted, abs=2e-4)


def test_bias_and_its_gradient():
    class Cell(nn.Cell):
        def __init__(self):
            super().__init__()
            self.add = AddBias(4)

        def construct(self, x, bias, weight):
            return (self.add(x, bias) * weight).sum()

    x, weight = RNG.standard_normal((2, 12, 3)).astype(np.float32)
    bias = np.array([1, 2, 3], np.float32)
    total, slopes = ms.value_and_grad(Cell(), (0, 1))(Tensor(x), Tensor(bias), Tensor(weight))
    assert total.asnumpy() == pytest.approx(((x + bias) * weight).sum(), rel=1e-5)
    assert np.abs(slopes[0].asnumpy() - weight).max() == 0
    assert np.abs(slopes[1].asnumpy() - weight.sum(0)).max() < 1e-5


def test_first_layer_is_the_linear_layer_of_joined_channels():
    template = RNG.standard_normal((7, 3)).astype(np.float32)
    feature = RNG.standard_normal((2, 5)).astype(np.float32)
    layer = FirstGraphLinear(RNG, template, 5, 16)
    linear = GraphLinear(RNG, 8, 16, 7)
    linear.weight.set_data(layer.weight)
    linear.bias.set_data(layer.bias)
    joined = np.concatenate([np.repeat(template[:, None], 2, 1), np.repeat(feature[None], 7, 0)], -1)
    expected = linear(Tensor(joined.reshape(-1, 8))).asnumpy()
    assert np.abs(layer(Tensor(feature)).asnumpy() - expected).max() < 1e-6
    assert np.abs(expected).max() > 1e-3


def small_network(**settings):
    settings = {"num_layers": 1, "num_channels": 32, "depth": 18, "width": 0.125, **settings}
    return CMR(golden.mesh(), golden.smpl(), **settings)


def batch(size, seed=0):
    """An image, labels and flags with both kinds of labels there and missing."""
    rng = np.random.default_rng(seed)
    arrays = [rng.standard_normal(shape) for shape in
              ((size, 3, 64, 64), (size, 24, 3), (size, 24, 4), (size, 72), (size, 10))]
    arrays[1][..., 2], arrays[2][..., 3] = 1, 1
    return [Tensor(array.astype(np.float32)) for array in (*arrays, np.arange(size) % 2, np.arange(size) < 1)]


def test_training_step_is_one_graph_and_learns():
    network = small_network()
    step = TrainStep(NetworkWithLoss(network, CMRLoss(golden.smpl(), golden.regressor())),
                     nn.Adam(network.trainable_params(), 1e-3))
    losses = []
    for _ in range(12):
        loss, terms, _ = step(*batch(2))
        losses.append(float(loss.asnumpy()))
    assert terms.shape == (len(TERM_NAMES),)
    assert losses[-1] < 0.9 * losses[0]


def test_free_mesh_is_not_taught_by_the_body_behind_it():
    network = small_network()

    class Body(nn.Cell):
        def __init__(self):
            super().__init__(auto_prefix=False)
            self.network = network.set_train(False)

        def construct(self, image):
            return self.network(image)[2].sum(1).sum()

    parameters = network.trainable_params()
    slopes = ms.grad(Body(), None, parameters)(batch(2)[0])
    largest = {"graph_cnn": 0.0, "smpl_param_regressor": 0.0}
    for parameter, slope in zip(parameters, slopes):
        part = parameter.name.split(".")[0]
        largest[part] = max(largest[part], float(np.abs(slope.asnumpy()).max()))
    assert largest["graph_cnn"] == 0 and largest["smpl_param_regressor"] > 1e-3


def test_a_checkpoint_holds_trained_weights_only():
    arrays = list(CMR(golden.mesh(), golden.smpl()).get_parameters())
    assert sum(array.size for array in arrays) * 4 < 165e6
    assert not [array.name for array in arrays if "smpl." in array.name or 6890 in array.shape]
    assert len({array.name for array in arrays}) == len(arrays)


def test_every_setting_changes_the_output(pynative):
    image = batch(1)[0]

    def mesh_and_camera(**settings):
        return np.concatenate([value.ravel() for value in values(small_network(**settings).graph_cnn(image))])

    base = mesh_and_camera()
    assert (base == mesh_and_camera()).all()
    for change in ({"num_layers": 2}, {"num_channels": 16}, {"depth": 34}, {"width": 0.25}, {"seed": 1}):
        assert np.abs(base - mesh_and_camera(**change)).max() > 1e-4, change


def test_hidden_size_is_that_of_the_parameter_regressor():
    def number_of_weights(hidden_size, **settings):
        arrays = small_network(hidden_size=hidden_size, **settings).smpl_param_regressor.get_parameters()
        return sum(array.size for array in arrays)

    # 6 numbers per vertex to h, four layers h to h, 226 outputs: each with bias, all but the last with a norm.
    for hidden in (24, 1024):
        outputs = 24 * 9 + 10
        expected = 6 * 1723 * hidden + 4 * hidden ** 2 + 5 * (1 + 4) * hidden + outputs * (hidden + 1)
        assert number_of_weights(hidden) == expected
        assert number_of_weights(hidden, template_input=False) == expected - 3 * 1723 * hidden
