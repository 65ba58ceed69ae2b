"""Names of torchvision's ResNets, which most published mesh networks carry inside, to those of `resnet.ResNet`."""
import re
from collections.abc import Container

from common.convert.rules import COUNTER, Rule, norm_rules


def resnet_rules(source: str = "", target: str = "", classifier: bool = False) -> list[Rule]:
    """Rules for the arrays of one ResNet of torchvision's V1 layout, of any depth.

    Args:
        source (str): prefix in the published file with its dot, e.g. "encoder."; plain text.
        target (str): prefix here with its dot.
        classifier (bool): the file may hold the classifier `fc`, which is dropped.
    """
    old = re.escape(source)
    rules = [COUNTER, Rule(rf"{old}conv1\.weight", f"{target}conv1.weight")]
    rules += norm_rules(rf"{old}bn1", f"{target}bn1")
    block, new = rf"{old}(layer[1-4]\.\d+)", rf"{target}\1"
    rules += [Rule(rf"{block}\.(conv[1-3])\.weight", rf"{new}.\2.weight"),
              Rule(rf"{block}\.downsample\.0\.weight", rf"{new}.downsample.0.weight")]
    rules += norm_rules(rf"{block}\.(bn[1-3])", rf"{new}.\2")
    rules += norm_rules(rf"{block}\.downsample\.1", rf"{new}.downsample.1")
    if classifier:
        rules.append(Rule(rf"{old}fc\.(weight|bias)", None, why="not used: the classifier of ImageNet"))
    return rules


def resnet_depth(arrays: Container[str], source: str = "") -> int | None:
    """18, 34 or 50 as the names tell, None when they are those of no ResNet.

    Args:
        arrays (dict): name -> array.
        source (str): prefix with its dot.
    """
    if f"{source}layer1.0.conv1.weight" not in arrays:
        return None
    if f"{source}layer1.0.conv3.weight" in arrays:
        return 50
    return 34 if f"{source}layer1.2.conv1.weight" in arrays else 18
