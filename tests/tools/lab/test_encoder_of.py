"""The encoder of HMR as a file that a training of CMR or Hand4Whole starts from."""
import numpy as np
import pytest

from common.backbones.resnet import ResNet
from common.engine.checkpoint import read_checkpoint, write_checkpoint
from common.errors import UserError
from tools.lab.encoder_of import main, slimmed


def test_its_arrays_get_the_names_of_a_resnet(tmp_path):
    source, target = str(tmp_path / "hmr.ckpt"), str(tmp_path / "encoder.ckpt")
    write_checkpoint(source, {"encoder.conv1.weight": np.float16([[0.5]]), "regressor.fc1.weight": np.float16([1.0])},
                     meta={"model": "hmr"})
    main(["--ckpt_file", source, "--output", target])
    encoder = read_checkpoint(target)
    assert list(encoder.weights) == ["conv1.weight"] and encoder.weights["conv1.weight"].dtype == np.float32
    assert encoder.weights["conv1.weight"] == 0.5 and encoder.meta["model"] == "cmr"
    for weights, model, said in (({"regressor.fc1.weight": np.float32([1.0])}, "hmr", "holds no encoder"),
                                 ({"encoder.conv1.weight": np.float32([1.0])}, "openpose", "one of openpose")):
        write_checkpoint(source, weights, meta={"model": model})
        with pytest.raises(UserError, match=said):
            main(["--ckpt_file", source, "--output", target])


def test_hand4whole_sees_colours_that_nobody_has_normalised(tmp_path):
    source, target = str(tmp_path / "hmr.ckpt"), str(tmp_path / "body.ckpt")
    write_checkpoint(source, {"encoder.conv1.weight": np.ones((2, 3, 1, 1), np.float32)},
                     meta={"model": "hmr", "config": {"std": [0.5, 0.25, 0.2]}})
    main(["--ckpt_file", source, "--output", target, "--for", "hand4whole"])
    body = read_checkpoint(target)
    assert body.meta["model"] == "hand4whole"
    np.testing.assert_allclose(body.weights["conv1.weight"][:, :, 0, 0], [[2, 4, 5], [2, 4, 5]])


def test_cmr_without_its_parameter_regressor(tmp_path):
    source, target = str(tmp_path / "cmr.ckpt"), str(tmp_path / "start.ckpt")
    weights = {f"{name}.weight": np.float32([1.0]) for name in ("graph_cnn.resnet.conv1", "smpl_param_regressor.head")}
    write_checkpoint(source, weights, {"optimizer": np.ones(1)}, {"model": "cmr", "config": {"hidden_size": 13}})
    main(["--ckpt_file", source, "--output", target])
    start = read_checkpoint(target)
    assert list(start.weights) == ["graph_cnn.resnet.conv1.weight"] and start.meta["model"] == "cmr"
    assert "config" not in start.meta and not start.optimizer


def test_the_encoder_takes_the_place_of_that_of_cmr(tmp_path):
    source, whole, target = (str(tmp_path / name) for name in ("hmr.ckpt", "cmr.ckpt", "start.ckpt"))
    write_checkpoint(source, {"encoder.conv1.weight": np.float16([2.0])}, meta={"model": "hmr"})
    weights = {"graph_cnn.resnet.conv1.weight": np.float32([1.0]), "graph_cnn.gc.weight": np.float32([3.0])}
    write_checkpoint(whole, weights, meta={"model": "cmr", "config": {"hidden_size": 13}})
    main(["--ckpt_file", source, "--output", target, "--into", whole])
    start = read_checkpoint(target)
    assert start.weights == {"graph_cnn.resnet.conv1.weight": 2.0, "graph_cnn.gc.weight": 3.0}
    assert start.meta["model"] == "cmr" and start.meta["config"] == {"hidden_size": 13}
    write_checkpoint(source, {"encoder.conv9.weight": np.float16([2.0])}, meta={"model": "hmr"})
    with pytest.raises(UserError, match="has no graph_cnn.resnet.conv9.weight"):
        main(["--ckpt_file", source, "--output", target, "--into", whole])
    with pytest.raises(UserError, match="leave out --for and --width"):
        main(["--ckpt_file", source, "--output", target, "--into", whole, "--width", "0.5"])


def arrays_of(network):
    return {parameter.name: parameter.asnumpy() for parameter in network.get_parameters()}


def test_a_narrower_encoder_computes_the_same_where_the_channels_that_go_say_nothing():
    rng = np.random.default_rng(0)
    narrow = ResNet(rng, 18, width=0.125)
    small = {name: rng.uniform(0.5, 1.5, array.shape).astype(np.float32) if name.endswith(("gamma", "variance"))
             else array for name, array in arrays_of(narrow).items()}
    # The same network in one of twice the channels, at random places; the other channels give nothing.
    wide, places = arrays_of(ResNet(rng, 18, width=0.25)), {}
    for name, array in wide.items():
        shape = small[name].shape
        rows = places.setdefault(len(array), np.sort(rng.choice(len(array), shape[0], False)))
        wide[name] = np.zeros_like(array)
        if array.ndim == 1:
            wide[name][rows] = small[name]
        else:
            columns = np.arange(3) if shape[1] == 3 else places[array.shape[1]]
            wide[name][np.ix_(rows, columns)] = small[name]
    found = slimmed(wide, 8)
    assert sorted(found) == sorted(small)
    for name, array in small.items():
        np.testing.assert_array_equal(found[name], array, err_msg=name)


def test_encoders_that_cannot_become_narrower():
    weights = arrays_of(ResNet(np.random.default_rng(0), 18, width=0.125))
    with pytest.raises(UserError, match="8 channels are asked for, the encoder has 8"):
        slimmed(weights, 8)
    with pytest.raises(UserError, match="depth 18"):
        slimmed(weights | {"layer1.0.conv3.weight": np.ones(1)}, 4)
