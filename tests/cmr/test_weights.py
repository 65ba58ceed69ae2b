"""Published weights: every name accounted for, whichever maker; constants and the classifier of ImageNet stay out."""

import cmr_golden as golden
import numpy as np
import pytest

from cmr.src.weights import RESNET, convert_weights, load_resnet, read_trained
from common.engine.checkpoint import load_weights, write_checkpoint
from common.errors import UserError

PORT_NORM = {"weight": "gamma", "bias": "beta", "running_mean": "moving_mean", "running_var": "moving_variance"}


def port_state():
    """The stand-in weights under the names of the port, with what else its checkpoints hold."""
    state, out = golden.torch_state(), {}
    for name, value in state.items():
        parent, _, last = name.rpartition(".")
        if last == "num_batches_tracked" or ".resnet.fc." in name:
            continue
        if f"{parent}.running_mean" in state or "norm" in parent or parent.endswith(("shape.2", "camera_fc.0")):
            last = PORT_NORM[last]
        out[f"{parent}.{last}"] = value
    out.update({"smpl.v_template": np.zeros((4, 3)), "mesh.A0": np.zeros((4, 4)),
                "moment1.graph_cnn.gc.0.W": out["graph_cnn.gc.0.W"], "beta1_power": np.zeros(()),
                "global_step": np.zeros(1), "scale_sense": np.ones(())})
    return out


@pytest.fixture(scope="module")
def port():
    return port_state()


def test_every_published_name_is_accounted_for():
    conversion, settings = golden.converted()
    state = golden.torch_state()
    assert settings == {"num_layers": 5, "num_channels": 256, "crop_contrast_stretch": True}
    assert len(conversion.mapped) + len(conversion.dropped) == len(state)
    dropped = [name for name, _ in conversion.dropped]
    assert all(name.endswith("num_batches_tracked") or ".skip_conv." in name or ".resnet.fc." in name
               for name in dropped)
    assert sum(".skip_conv." in name for name in dropped) == 10 and sum(".fc." in name for name in dropped) == 2
    # Some of the names that change most, by value.
    for old, new in (("graph_cnn.shape.4.W", "graph_cnn.shape.3.weight"),
                     ("graph_cnn.camera_fc.0.weight", "graph_cnn.camera_norm.gamma"),
                     ("graph_cnn.gc.1.pre_norm.bias", "graph_cnn.gc.1.pre_norm.beta"),
                     ("smpl_param_regressor.layers.2.fc_block.4.running_var",
                      "smpl_param_regressor.blocks.1.second.norm.moving_variance")):
        assert (conversion.weights[new] == state[old]).all()


def test_a_checkpoint_of_the_port(tmp_path, port):
    path = str(tmp_path / "port.ckpt")
    write_checkpoint(path, {f"network.{name}": value for name, value in port.items()})
    checkpoint = read_trained(path)
    assert checkpoint.meta["config"] == {"num_layers": 5, "num_channels": 256, "crop_contrast_stretch": False}
    expected = golden.converted()[0].weights
    assert set(checkpoint.weights) == set(expected)
    assert all((checkpoint.weights[name] == value).all() for name, value in expected.items())
    own = str(tmp_path / "own.ckpt")
    write_checkpoint(own, checkpoint.weights, meta=checkpoint.meta)
    again = read_trained(own)
    assert again.meta["config"] == checkpoint.meta["config"]
    load_weights(golden.network(), again)


@pytest.mark.parametrize("change, text", [
    (lambda state: state.pop("graph_cnn.gc.0.W"), "no weights of GraphCMR"),
    (lambda state: state.pop("graph_cnn.gc.3.lin1.W"), "missing for graph_cnn.gc.3.lin1.weight"),
    (lambda state: state.update({"graph_cnn.more": np.zeros(2)}), "graph_cnn.more"),
    (lambda state: state.update({"graph_cnn.camera_fc.4.bias": np.zeros(4)}), "camera_fc.bias"),
])
def test_what_does_not_fit_is_named(change, text):
    state = golden.torch_state()
    change(state)
    with pytest.raises(UserError, match=text):
        convert_weights(state, {}, "", "model.pt")


def test_variants_are_refused():
    with pytest.raises(UserError, match="--variant spin"):
        convert_weights({}, {}, "spin", "model.pt")


def test_the_resnet_of_imagenet(tmp_path):
    prefix = "graph_cnn.resnet."
    state = {name.removeprefix(prefix): value for name, value in golden.torch_state().items()
             if name.startswith(prefix)}
    conversion, settings, _ = convert_weights(state, {}, "", "resnet50.pth")
    assert settings == {"depth": 50} and "conv1.weight" in conversion.weights
    path = str(tmp_path / "resnet50.ckpt")
    write_checkpoint(path, conversion.weights)
    network = golden.network()
    for parameter in network.graph_cnn.resnet.get_parameters():
        parameter.set_data(parameter * 0)
    load_resnet(network, path)
    for name, value in golden.converted()[0].weights.items():
        if name.startswith(RESNET):
            loaded = next(parameter for parameter in network.get_parameters() if parameter.name == name)
            assert (loaded.asnumpy() == value).all()
    write_checkpoint(path, {"conv1.weight": conversion.weights["conv1.weight"]})
    with pytest.raises(UserError, match="missing"):
        load_resnet(network, path)
