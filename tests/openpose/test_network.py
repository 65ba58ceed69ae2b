"""The network against the published implementation, the loss, and the conversion of published weights."""
from pathlib import Path

import mindspore as ms
import numpy as np
import openpose_golden as golden
import pytest
from mindspore import Tensor, nn

from common.backbones.folding import fold_batch_norm
from common.engine.amp import apply_amp
from common.engine.checkpoint import Checkpoint, load_weights, write_checkpoint
from common.engine.export import export_network
from common.errors import UserError
from openpose.src.loss import NetworkWithLoss
from openpose.src.network import LastStage, OpenPose
from openpose.src.normalisation import check_normalisation, normalise
from openpose.src.weights import convert_weights, load_backbone

VGG_NUMBERS = (0, 2, 5, 7, 10, 12, 14, 16, 19, 21)
VGG_BN_NUMBERS = (0, 3, 7, 10, 14, 17, 20, 23, 27, 30)


@pytest.fixture(scope="module")
def published():
    return golden.published_weights()


@pytest.fixture(scope="module")
def converted(published):
    return convert_weights(published, {}, "", "case")


def test_published_weights_give_the_published_maps(converted):
    conversion, settings, _ = converted
    assert settings == {"width": 1.0, "backbone_width": 0.0, "num_stages": 6, "vgg_with_bn": False,
                        "stages_with_bn": False, "normalisation": "cmu"}
    network = OpenPose()
    assert sum(parameter.size for parameter in network.get_parameters()) == 52_311_446
    load_weights(network, Checkpoint("case", conversion.weights))
    network.set_train(False)
    expected = golden.load("network")
    image = golden.seeded.image("openpose", 368, 368, golden.SEED)
    outputs = network(Tensor(normalise(image[..., ::-1], "cmu")[None]))
    for key, output, step in (("stage1.paf", outputs[0], 3), ("stage1.heat", outputs[1], 3),
                              ("stage6.paf", outputs[-2], 1), ("stage6.heat", outputs[-1], 1)):
        assert np.abs(output.asnumpy()[0, :, ::step, ::step] - expected[key]).max() < 1e-4, key
    image = golden.seeded.image("openpose-wide", 184, 248, golden.SEED)
    maps = LastStage(network)(Tensor(normalise(image[..., ::-1], "cmu")[None]))
    for key, output in zip(("wide.stage6.paf", "wide.stage6.heat"), maps):
        assert np.abs(output.asnumpy()[0] - expected[key]).max() < 1e-4, key


def test_small_networks_have_the_asked_size_and_repeat():
    networks = [OpenPose(num_limbs=4, num_joints=5, num_stages=2, width=0.25, backbone_width=0.125, vgg_with_bn=True,
                         seed=seed) for seed in (3, 3, 4)]
    weights = [[parameter.asnumpy() for parameter in network.get_parameters()] for network in networks]
    assert all((one == other).all() for one, other in zip(weights[0], weights[1]))
    assert sum((one != other).any() for one, other in zip(weights[0], weights[2])) >= 10
    network = networks[0].set_train(False)
    assert [cell.out_channels for cell in network.backbone.layers if hasattr(cell, "out_channels")][-1] == 64
    assert network.conv4_3.in_channels == 64 and network.conv4_3.out_channels == 64
    assert network.stages[0].heat.convs[0].out_channels == 32 and network.stages[0].paf.convs[3].out_channels == 128
    outputs = network(Tensor(golden.seeded.array("image", (1, 3, 64, 48), 1)))
    assert [value.shape for value in outputs] == [(1, 8, 8, 6), (1, 6, 8, 6)] * 2
    names = [parameter.name for parameter in network.get_parameters()]
    assert len(set(names)) == len(names) and "stages.1.paf.convs.6.weight" in names  # as before the first run


def test_batch_norm_behind_the_backbone_folds_into_the_convolutions():
    network = OpenPose(num_stages=2, width=0.05, vgg_with_bn=True, stages_with_bn=True)
    norms = {path: cell for path, cell in network.cells_and_names() if isinstance(cell, nn.BatchNorm2d)}
    assert len(norms) == 10 + 2 + 2 * 4 + 2 * 6  # every layer but those of the maps
    for path, norm in norms.items():
        for kind, low in (("gamma", 0.5), ("beta", -1.0), ("moving_mean", -1.0), ("moving_variance", 0.5)):
            values = golden.seeded.array(f"{path}.{kind}", tuple(norm.gamma.shape), 1, low, low + 1.0)
            getattr(norm, kind).set_data(Tensor(values.astype(np.float32)))
    image = Tensor(golden.seeded.array("image", (1, 3, 32, 48), 1))
    expected = [value.asnumpy() for value in network.set_train(False)(image)]
    folded = OpenPose(num_stages=2, width=0.05, vgg_with_bn=True, stages_with_bn=True, seed=2)
    outputs = fold_batch_norm(folded, network)(image)
    assert not any(isinstance(cell, nn.BatchNorm2d) for _, cell in folded.cells_and_names())
    for value, other in zip(outputs, expected):
        np.testing.assert_allclose(value.asnumpy(), other, atol=1e-4 * np.abs(other).max())


@pytest.fixture(scope="module")
def exact():
    """An image, and the maps that a narrow network makes of it."""
    image = Tensor(golden.seeded.array("x", (1, 3, 32, 32), 1))
    return image, [value.asnumpy() for value in OpenPose(num_stages=2, width=0.05).set_train(False)(image)]


@pytest.mark.parametrize("level", ["O2", "auto"])
def test_mixed_precision_gives_nearly_the_same_maps(exact, level):
    image, exact = exact
    half = apply_amp(OpenPose(num_stages=2, width=0.05), level).set_train(False)(image)
    for value, expected in zip(half, exact):
        assert value.dtype == ms.float32
        assert 0 < np.abs(value.asnumpy() - expected).max() < 0.02 * np.abs(expected).max()


@pytest.mark.parametrize("file_format", ["MINDIR", "ONNX"])
def test_the_last_stage_can_be_exported(tmp_path, file_format):
    network = OpenPose(num_stages=2, width=0.05, vgg_with_bn=True)
    path, difference = export_network(LastStage(network), lambda size: [golden.seeded.array("x", (size, 3, 32, 40), 1)],
                                      str(tmp_path / "openpose"), file_format, 1, "CPU")
    assert Path(path).is_file() and difference < 1e-5


def test_normalisation_by_hand():
    image = np.array([[[0, 128, 255]]], np.uint8)  # blue, green, red
    assert np.allclose(normalise(image, "cmu")[:, 0, 0], [-0.5, 0.0, 255 / 256 - 0.5])
    assert np.allclose(normalise(image, "port")[:, 0, 0], [-0.5, 128 / 255 - 0.5, 0.5], atol=1e-6)
    assert np.allclose(normalise(image, "imagenet")[:, 0, 0],
                       [(1 - 0.485) / 0.229, (128 / 255 - 0.456) / 0.224, -0.406 / 0.225], atol=1e-6)
    with pytest.raises(UserError, match="--normalisation vgg: choose"):
        normalise(image, "vgg")
    with pytest.raises(UserError, match=r"--normalisation \['cmu'\]: choose"):
        check_normalisation(["cmu"])


def loss_case():
    array = golden.seeded.array
    shapes = {"paf": (2, 38, 12, 10), "heat": (2, 19, 12, 10)}
    outputs = tuple(Tensor(array(f"loss-{kind}-{stage}", shapes[kind], 1)) for stage in range(1, 7) for kind in shapes)
    targets = [Tensor(array(f"loss-{kind}-target", shapes[kind], 1)) for kind in shapes]
    mask = np.floor(array("loss-mask", (2, 12, 10), 1, 0, 5)) / 4
    return outputs, targets, mask


class Known(nn.Cell):
    """A network that gives the same maps for every image."""

    def __init__(self, outputs):
        super().__init__()
        self.outputs = outputs

    def construct(self, _):
        return self.outputs


def test_loss_of_every_stage_with_and_without_mask():
    outputs, targets, mask = loss_case()
    expected = golden.loss_figures()
    assert np.isclose(mask.mean(), expected["mask_mean"])
    for name, weight in (("masked", mask), ("unmasked", np.ones_like(mask))):
        loss = NetworkWithLoss(Known(outputs), 6)
        total, terms = loss(Tensor(0), *targets, Tensor(weight.astype(np.float32)))
        assert np.isclose(float(total), expected[f"{name}_total"], rtol=1e-6)
        assert np.allclose([float(term) for term in terms[0::2]], expected[f"{name}_paf"], rtol=1e-6)
        assert np.allclose([float(term) for term in terms[1::2]], expected[f"{name}_heat"], rtol=1e-6)


def test_masked_cells_have_no_gradient():
    network = OpenPose(num_limbs=2, num_joints=3, num_stages=2, width=0.05)
    wrapped = NetworkWithLoss(network, 2)
    assert wrapped.term_names == ("paf_1", "heat_1", "paf_2", "heat_2")
    image = Tensor(golden.seeded.array("image", (1, 3, 32, 32), 1))
    paf, heat = Tensor(np.ones((1, 4, 4, 4), np.float32)), Tensor(np.ones((1, 4, 4, 4), np.float32))

    def loss_of(*batch):
        return wrapped(*batch)[0]

    gradient = ms.value_and_grad(loss_of, None, network.trainable_params())
    loss, gradients = gradient(image, paf, heat, Tensor(np.zeros((1, 4, 4), np.float32)))
    assert float(loss) == 0 and all(not value.asnumpy().any() for value in gradients)
    loss, gradients = gradient(image, paf, heat, Tensor(np.ones((1, 4, 4), np.float32)))
    assert float(loss) > 1 and all(np.isfinite(value.asnumpy()).all() for value in gradients)


def rename(published, new_name):
    """The published arrays under other names; `new_name` takes (part, number) as below."""
    out = {}
    for name, array in published.items():
        layer, kind = name.split(".")
        out[f"{new_name(layer)}.{kind}"] = array
    return out


def sequential_name(layer):
    names = [f"conv{block}_{k}" for block, count in ((1, 2), (2, 2), (3, 4), (4, 2)) for k in range(1, count + 1)]
    if layer in names:
        return f"model0.{VGG_NUMBERS[names.index(layer)]}"
    if layer.startswith("conv4"):
        return f"model0.{23 if '_3' in layer else 25}"
    label = layer[-1]
    if layer.startswith("conv5"):
        return f"model1_{label}.{2 * (int(layer[6]) - 1)}"
    return f"model{layer.split('stage')[1][0]}_{label}.{2 * (int(layer[5]) - 1)}"


def port_name(layer):
    name = sequential_name(layer)
    part, number = name.split(".")
    if layer.startswith(("conv1", "conv2", "conv3", "conv4")):
        return f"network.base.{layer}" if "CPM" in layer else f"network.base.vgg_base.layers.{number}"
    stage, label = part[5:].split("_")
    return f"network.stage_{stage}.conv{int(number) // 2 + 1}{'_CPM' if stage == '1' else ''}_L{label}"


def equal(conversion, other):
    return conversion.weights.keys() == other.weights.keys() and all(
        array is other.weights[name] or (array == other.weights[name]).all()
        for name, array in conversion.weights.items())


def test_names_by_position_need_to_be_told_their_normalisation(published, converted):
    arrays = rename(published, sequential_name)
    with pytest.raises(UserError, match="--variant rtpose .* --variant vgg"):
        convert_weights(arrays, {}, "", "pose_model.pth")
    for variant, normalisation in (("rtpose", "cmu"), ("vgg", "imagenet")):
        conversion, settings, _ = convert_weights(arrays, {}, variant, "pose_model.pth")
        assert settings["normalisation"] == normalisation and equal(conversion, converted[0])


def test_checkpoints_of_the_port_lose_their_optimizer(published, converted):
    arrays = rename(published, port_name)
    assert "network.stage_1.conv5_CPM_L2.bias" in arrays and "network.stage_6.conv7_L1.weight" in arrays
    extra = {f"moment1.{name}": array for name, array in list(arrays.items())[:3]}
    extra["beta1_power"] = np.ones((), np.float32)
    conversion, settings, _ = convert_weights({**arrays, **extra}, {}, "", "0-8_663.ckpt")
    assert settings["normalisation"] == "port" and equal(conversion, converted[0])
    assert len(conversion.dropped) == 4


def test_unknown_and_missing_layers_are_named(published):
    arrays = dict(published)
    arrays["conv6_1.weight"] = arrays.pop("conv4_2.weight")
    with pytest.raises(UserError, match="body.pth.*unknown names: conv6_1.weight.*missing for backbone.layers.21"):
        convert_weights(arrays, {}, "", "body.pth")
    with pytest.raises(UserError, match="no weights of OpenPose"):
        convert_weights({"fc.weight": np.ones((2, 2))}, {}, "", "resnet.pth")
    with pytest.raises(UserError, match="leave it out"):
        convert_weights(published, {}, "vgg", "body.pth")


def vgg_arrays(prefix, numbers, norm):
    """Seeded VGG-19 arrays of the first ten convolutions and two further layers."""
    sizes = (3, 64, 64, 128, 128, 256, 256, 256, 256, 512, 512)
    out = {}
    for number, before, after in zip(numbers, sizes, sizes[1:]):
        out[f"{prefix}{number}.weight"] = golden.seeded.array(f"w{after}-{number}", (after, before, 3, 3), 1)
        out[f"{prefix}{number}.bias"] = golden.seeded.array(f"b{number}", (after,), 1)
        for name in norm:
            out[f"{prefix}{number + 1}.{name}"] = golden.seeded.array(f"{name}{number}", (after,), 1)
    out[f"{prefix}{numbers[-1] + 9}.weight"] = np.ones((512, 512, 3, 3), np.float32)
    return out


@pytest.mark.parametrize("batch_norm", [False, True])
def test_backbones(tmp_path, batch_norm):
    numbers = VGG_BN_NUMBERS if batch_norm else VGG_NUMBERS
    torch_norm = ("weight", "bias", "running_mean", "running_var") if batch_norm else ()
    arrays = vgg_arrays("features.", numbers, torch_norm)
    arrays["classifier.0.weight"] = np.ones((4, 4), np.float32)
    conversion, settings, _ = convert_weights(arrays, {}, "", "vgg19.pth")
    assert settings["backbone_only"] and settings["vgg_with_bn"] == batch_norm
    assert settings["normalisation"] == "imagenet" and len(conversion.dropped) == 2
    narrow = {"num_stages": 1, "width": 0.05, "backbone_width": 1.0}
    network = OpenPose(**narrow, vgg_with_bn=batch_norm)
    for name, contents in (("converted.ckpt", conversion.weights), ("published.ckpt", {
            f"network.{name}": array for name, array in conversion.weights.items()})):
        write_checkpoint(str(tmp_path / name), contents)
        load_backbone(network, str(tmp_path / name))
        values = {parameter.name: parameter.asnumpy() for parameter in network.get_parameters()}
        assert (values["backbone.layers.0.weight"] == arrays["features.0.weight"]).all()
        if batch_norm:
            assert (values["backbone.layers.31.moving_variance"] == arrays["features.31.running_var"]).all()
    with pytest.raises(UserError, match="--vgg_path"):
        load_backbone(OpenPose(**narrow, vgg_with_bn=not batch_norm), str(tmp_path / "converted.ckpt"))
