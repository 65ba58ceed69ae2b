"""Published weights of OpenPose and of VGG-19 to those of `OpenPose`.

| file | names | normalisation |
|---|---|---|
| `body_pose_model.pth` (CMU's Caffe model) | `conv1_1.weight` ... `Mconv7_stage6_L2.bias` | cmu |
| tensorboy `pose_model.pth` | `model0.0.weight`, `model1_1.0.weight` ...: by position | `--variant rtpose`: cmu, `--variant vgg`: imagenet |
| checkpoints of the MindSpore 1.x implementation | `network.base.vgg_base.layers.0.weight`, `network.stage_1...` | port |
| torchvision `vgg19`, `vgg19_bn` | `features.0.weight` ...: backbone only | imagenet |
| MindSpore `vgg19-0-97_5004.ckpt` | `network.backbone.layers.0.weight` ...: backbone only | imagenet |
"""  # noqa: E501
import re

from mindspore import Tensor

from common.backbones.vgg import convolution_numbers
from common.convert.rules import COUNTER, Rule, convert, norm_rules
from common.engine.checkpoint import read_checkpoint
from common.engine.continuation import require_model
from common.errors import UserError
from openpose.src.network import FIRST_STAGE, LATER_STAGE, OpenPose

CAFFE_VGG = ("conv1_1", "conv1_2", "conv2_1", "conv2_2", "conv3_1", "conv3_2", "conv3_3", "conv3_4", "conv4_1",
             "conv4_2")
BRANCHES = {"1": "paf", "2": "heat"}  # numbers of the branches in all published names
VARIANTS = ("rtpose", "vgg")
OPTIMIZER = Rule(r"(moments?[12]?|accum|stat|vhat|vgradient)\..*|(beta[12]_power|learning_rate|global_step|"
                 r"current_iterator_step|last_overflow_iterator_step|loss_scale|scale_sense)", None,
                 why="state of the optimizer")
FURTHER = "not among the first ten convolutions"


def _caffe_rules():
    rules = [Rule(rf"(?:model\w*\.)?{name}\.(weight|bias)", rf"backbone.layers.{number}.\1")
             for name, number in zip(CAFFE_VGG, convolution_numbers())]
    rules.append(Rule(r"(?:model\w*\.)?conv4_([34])_CPM\.(weight|bias)", r"conv4_\1.\2"))
    return rules + _branch_rules(lambda stage, label, k: r"(?:model\w*\.)?" + (
        f"conv5_{k + 1}_CPM_L{label}" if stage == 1 else f"Mconv{k + 1}_stage{stage}_L{label}"))


def _sequential_rules():
    """Layers numbered within each part, ReLU and pooling included."""
    rules = [Rule(rf"model0\.{number}\.(weight|bias)", rf"backbone.layers.{number}.\1")
             for number in convolution_numbers()]
    rules += [Rule(rf"model0\.{number}\.(weight|bias)", rf"{name}.\1") for number, name in ((23, "conv4_3"),
                                                                                          (25, "conv4_4"))]
    return rules + _branch_rules(lambda stage, label, k: rf"model{stage}_{label}\.{2 * k}")


def _port_rules():
    rules = [OPTIMIZER, Rule(r"(?:network\.)?base\.vgg_base\.layers\.(\d+)\.(\w+)", r"backbone.layers.\1.\2"),
             Rule(r"(?:network\.)?base\.conv4_([34])_CPM\.(weight|bias)", r"conv4_\1.\2")]
    return rules + _branch_rules(lambda stage, label, k: rf"(?:network\.)?stage_{stage}\.conv{k + 1}"
                                                         f"{'_CPM' if stage == 1 else ''}_L{label}")


def _branch_rules(name):
    """Of the stages' convolutions; `name` makes a pattern of the number of the stage, the branch's label and k."""
    return [Rule(rf"{name(stage, label, k)}\.(weight|bias)", rf"stages.{stage - 1}.{branch}.convs.{k}.\1")
            for stage in range(1, 7) for label, branch in BRANCHES.items()
            for k in range(len(LATER_STAGE if stage > 1 else FIRST_STAGE) + 1)]


def _torchvision_rules(batch_norm):
    rules = []
    for number in convolution_numbers(batch_norm):
        rules.append(Rule(rf"features\.{number}\.(weight|bias)", rf"backbone.layers.{number}.\1"))
        if batch_norm:
            rules += norm_rules(rf"features\.{number + 1}", f"backbone.layers.{number + 1}")
    return [*rules, COUNTER, Rule(r"(features|classifier)\.\d+\.\w+", None, why=FURTHER)]


def _mindspore_vgg_rules(batch_norm):
    numbers = [number + shift for number in convolution_numbers(batch_norm) for shift in range(1 + batch_norm)]
    chosen = "|".join(map(str, numbers))
    return [OPTIMIZER, Rule(rf"(?:network\.)?backbone\.layers\.({chosen})\.(\w+)", r"backbone.layers.\1.\2"),
            Rule(r"(?:network\.)?(backbone\.layers\.\d+|head|classifier)\..*", None, why=FURTHER)]


def _family(arrays, variant, source):
    """Rules, normalisation, whether there is batch normalisation, and whether it is the backbone only."""
    def some(pattern):
        return any(re.fullmatch(pattern, name) for name in arrays)

    if some(r"(model\w*\.)?conv1_1\.weight"):
        return _caffe_rules(), "cmu", False, False
    if some(r"model0\.0\.weight"):
        if not variant:
            raise UserError(f"{source}: the names do not tell how these weights want their images; say --variant "
                            "rtpose (x / 256 - 0.5, blue first: weights that come from CMU's) or --variant vgg "
                            "(ImageNet mean and deviation: weights trained with that code)")
        return _sequential_rules(), "cmu" if variant == "rtpose" else "imagenet", False, False
    if some(r"(network\.)?base\.vgg_base\.layers\.0\.weight"):
        return _port_rules(), "port", some(r".*vgg_base.*moving_mean"), False
    if some(r"features\.0\.weight"):
        batch_norm = some(r"features\.\d+\.running_mean")
        return _torchvision_rules(batch_norm), "imagenet", batch_norm, True
    if some(r"(network\.)?backbone\.layers\.0\.weight"):
        batch_norm = some(r".*backbone.*moving_mean")
        return _mindspore_vgg_rules(batch_norm), "imagenet", batch_norm, True
    raise UserError(f"{source} has none of the known names (conv1_1.weight, model0.0.weight, "
                    "base.vgg_base.layers.0.weight, features.0.weight, backbone.layers.0.weight): these are no "
                    "weights of OpenPose or VGG-19")


def convert_weights(arrays, others, variant, source):
    """Published weights to the weights and settings of `OpenPose`.

    Args:
        arrays (dict): name -> array as published.
        others (dict): what else the file held; not used.
        variant (str): empty, or one of `VARIANTS` for names by position.
        source (str): file name for error texts.

    Returns:
        tuple: Conversion, dict of settings for the checkpoint's `config`, step. A backbone alone has the setting
        `backbone_only` and the parameters `backbone.*`.

    Raises:
        UserError: unknown variant, or names and shapes that do not all fit.
    """
    del others
    if variant and variant not in VARIANTS:
        raise UserError(f"--variant {variant}: choose one of {', '.join(VARIANTS)}, or leave it out")
    rules, normalisation, batch_norm, backbone_only = _family(arrays, variant, source)
    if variant and "model0.0.weight" not in arrays:
        raise UserError(f"--variant {variant}: {source} does not number its layers by position; leave it out")
    network = OpenPose(vgg_with_bn=batch_norm)
    wanted = {parameter.name: parameter.shape for parameter in network.get_parameters()
              if not backbone_only or parameter.name.startswith("backbone.")}
    conversion = convert(arrays, rules, wanted, source)
    settings = {"width": 1.0, "backbone_width": 0.0, "num_stages": len(network.stages), "vgg_with_bn": batch_norm,
                "stages_with_bn": False, "normalisation": normalisation}
    return conversion, settings | ({"backbone_only": True} if backbone_only else {}), 0


def load_backbone(network, path):
    """Put ImageNet weights into the backbone of a network.

    Args:
        network (OpenPose): of width 1.
        path (str): MindSpore checkpoint: `vgg19-0-97_5004.ckpt` as published, or one that tools/pth2ckpt.py made from
            torchvision's file, or a whole OpenPose.

    Raises:
        UserError: names that are no VGG-19's, or of a network with other batch normalisation or width.
    """
    arrays = require_model(read_checkpoint(path, "--vgg_path"), "openpose").weights
    rules = _mindspore_vgg_rules(any("moving_mean" in name for name in arrays))
    rules.append(Rule(r"(conv4_[34]|stages)\..*", None, why="not of the backbone"))
    parameters = {parameter.name: parameter for parameter in network.get_parameters()
                  if parameter.name.startswith("backbone.")}
    wanted = {name: parameter.shape for name, parameter in parameters.items()}
    conversion = convert(arrays, rules, wanted, f"--vgg_path {path}")
    for name, parameter in parameters.items():
        parameter.set_data(Tensor(conversion.weights[name]))
