"""Batch norm worked into the layers before it, for inference: one pass over the activations less for each."""
from collections.abc import Mapping

import numpy as np
from mindspore import Parameter, Tensor, nn

NORMS = (nn.BatchNorm1d, nn.BatchNorm2d, nn.BatchNorm3d)
# Layer -> axis of its weight that counts output channels.
LAYERS = {nn.Conv2d: 0, nn.Dense: 0, nn.Conv2dTranspose: 1}


def fold_batch_norm(network: nn.Cell, source: nn.Cell | None = None) -> nn.Cell:
    """Turn a network into one for inference -> it: batch norm that follows a layer is worked into its weight and bias.

    Found are neighbours in a SequentialCell, and cells named as in torchvision: `conv1` with `bn1`, and so on. The
    network is changed in place: its batch norms vanish, layers get a bias, and it reads no checkpoint afterwards. Do
    it before the network first runs: a graph once compiled stays as it is.

    Args:
        network (Cell): with its weights loaded; or, with `source`, a network of the same settings, folded or not.
        source (Cell): network whose present weights are taken over, such as one in training; None for `network`'s own.
    """
    if source is not None:
        _copy_parameters(source, network)
    targets = dict(network.cells_and_names())
    for path, cell in list((source or network).cells_and_names()):
        children = cell.name_cells()
        for layer, norm in _pairs(cell, children):
            target = targets[path].name_cells()[layer]
            _fold(children[layer], children[norm], target)
            if isinstance(targets[path], nn.SequentialCell):
                targets[path][int(norm)] = nn.Identity()
            else:
                setattr(targets[path], norm, nn.Identity())
    return network.set_train(False)


def _pairs(cell: nn.Cell, children: Mapping[str, nn.Cell]) -> list[tuple[str, str]]:
    """Names of the layers of a cell and of the norms that follow them."""
    if isinstance(cell, nn.SequentialCell):
        names = list(children)
        candidates = list(zip(names[:-1], names[1:]))
    else:
        candidates = [(name, name.replace("conv", "bn")) for name in children if name.startswith("conv")]
    return [(layer, norm) for layer, norm in candidates if type(children[layer]) in LAYERS
            and isinstance(children.get(norm), NORMS) and not children[norm].use_batch_statistics]


def _fold(layer: nn.Cell, norm: nn.Cell, target: nn.Cell) -> None:
    """Weights of `layer` and `norm` (in float64) into `target`, which gets a bias if it has none."""
    axis, weight = LAYERS[type(layer)], layer.weight.asnumpy().astype(np.float64)
    factor = norm.gamma.asnumpy() / np.sqrt(norm.moving_variance.asnumpy().astype(np.float64) + norm.eps)
    bias = (layer.bias.asnumpy() if layer.has_bias else 0.0) - norm.moving_mean.asnumpy().astype(np.float64)
    shape = [1] * weight.ndim
    shape[axis] = -1
    target.weight.set_data(Tensor((weight * factor.reshape(shape)).astype(np.float32)))
    bias = Tensor((bias * factor + norm.beta.asnumpy()).astype(np.float32))
    if target.has_bias:
        target.bias.set_data(bias)
    else:
        target.has_bias = True
        target.bias = Parameter(bias, name=target.weight.name.removesuffix("weight") + "bias")


def _copy_parameters(source: nn.Cell, target: nn.Cell) -> None:
    """Values of the parameters that both have in one place (names may carry the prefix of a cell around them)."""
    given = dict(source.parameters_and_names())
    for place, parameter in target.parameters_and_names():
        if place in given:
            parameter.set_data(Tensor(given[place].asnumpy()))
