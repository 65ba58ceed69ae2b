"""Published weights under all their names, and files that are something else."""

import hand4whole_network_cases as cases
import numpy as np
import pytest

from common.backbones.resnet import ResNet
from common.engine.checkpoint import read_checkpoint, write_checkpoint
from common.errors import UserError
from hand4whole.src.config import read_settings
from hand4whole.src.network import HandOnly, Sizes, settings_of
from hand4whole.src.weights import complete, convert_weights, hand_backbone, load_resnet, read_trained

SMALL = Sizes(hand=(32, 32), hand_maps=(4, 1, 1))


def zeros(name):
    """Published names with arrays that cost nothing."""
    return {key.removeprefix("module."): np.zeros(shape, np.float32) for key, shape in cases.keys(name).items()}


@pytest.fixture(scope="module")
def whole():
    return zeros("network")


@pytest.fixture(scope="module")
def hand():
    return zeros("hand_only")


def test_whole(whole):
    extra = {"smplx_layer.betas": np.zeros(10), "body_rotation_net.gender_out.0.weight": np.zeros((2, 2048))}
    conversion, settings, step = convert_weights({**whole, **extra}, {"epoch": 6}, "", "snapshot_6.pth.tar")
    counters = sum(name.endswith("num_batches_tracked") for name in whole)
    assert len(conversion.mapped) == 834 - counters and len(conversion.dropped) == counters + 2
    assert settings == {"parts": "whole", "width": 1.0, "resnet_type": 50, "hand_resnet_type": 50,
                        "face_resnet_type": 18} and step == 0


def test_merged_file_leaves_the_fresh_networks_out(whole):
    merged = {name: array for name, array in whole.items()
              if "hand_position_net" not in name and "hand_rotation_net" not in name}
    _, settings, _ = convert_weights(merged, {}, "", "snapshot_0.pth.tar")
    assert settings["merged"]
    del merged["hand_roi_net.backbone.conv1.weight"]
    with pytest.raises(UserError, match=r"missing for hand_roi_net\.backbone\.conv1\.weight"):
        convert_weights(merged, {}, "", "snapshot_0.pth.tar")


@pytest.mark.parametrize("prefix", ["", "hand_"])
def test_hand_only_under_both_prefixes(hand, prefix):
    arrays = {prefix + name: array for name, array in hand.items()}
    conversion, settings, _ = convert_weights(arrays, {}, "", "snapshot_12.pth.tar")
    assert settings["parts"] == "hand" and len(conversion.mapped) == 281


def test_values_land_in_their_places(hand):
    """Every array in the place of its published name: filled with its number."""
    names = [name for name in hand if not name.endswith("num_batches_tracked")]
    arrays = {**hand, **{name: np.full_like(hand[name], number) for number, name in enumerate(names)}}
    weights = convert_weights(arrays, {}, "", "case")[0].weights
    for published, own in (("position_net.conv.0.bias", "position_net.conv.bias"),
                           ("rotation_net.conv.1.running_var", "rotation_net.conv.1.moving_variance"),
                           ("rotation_net.conv.1.weight", "rotation_net.conv.1.gamma"),
                           ("backbone.layer4.2.conv3.weight", "backbone.layer4.2.conv3.weight"),
                           ("rotation_net.pose_out.0.weight", "rotation_net.pose_out.weight")):
        assert weights[own].flat[0] == names.index(published), own


@pytest.mark.parametrize("prefix", ["", "backbone.", "hand_backbone."])
def test_resnets_alone(hand, prefix):
    arrays = {prefix + name.removeprefix("backbone."): array for name, array in hand.items()
              if name.startswith("backbone.")}
    further = {} if prefix else {"fc.weight": np.zeros((9, 2048)), "final_layer.weight": np.zeros((17, 256, 1, 1))}
    conversion, settings, _ = convert_weights({**arrays, **further}, {}, "", "resnet50.pth")
    assert settings == {"resnet_only": True, "resnet_type": 50} and "layer4.2.bn3.gamma" in conversion.weights
    assert [name for name, _ in conversion.dropped if name in further] == list(further)


def test_other_files_are_refused(hand):
    with pytest.raises(UserError, match=r"unknown names: rotation_net\.extra.*335 of its 336 names are known"):
        convert_weights({**hand, "rotation_net.extra": np.zeros(2)}, {}, "", "case")
    with pytest.raises(UserError, match="holds no ResNet"):
        convert_weights({"encoder.weight": np.zeros(2)}, {}, "", "case")
    with pytest.raises(UserError, match="no variants"):
        convert_weights(hand, {}, "v2", "case")


def test_checkpoint_of_another_model(tmp_path):
    path = str(tmp_path / "hmr.ckpt")
    write_checkpoint(path, {"a": np.zeros(2, np.float32)}, meta={"model": "hmr"})
    with pytest.raises(UserError, match="one of hmr"):
        read_trained(path)


@pytest.mark.parametrize("key, value", [("focal", []), ("focal", [1]), ("input_body_shape", []),
                                        ("output_hand_hm_shape", []), ("input_face_shape", [191, 192])])
def test_sizes_in_a_checkpoint_are_checked_like_typed_ones(key, value, tmp_path):
    path = str(tmp_path / "a.ckpt")
    write_checkpoint(path, {"a": np.zeros(2, np.float32)}, meta={"model": "hand4whole", "config": {key: value}})
    with pytest.raises(UserError, match=f"^checkpoint .*a.ckpt: {key} "):
        settings_of(read_trained(path), read_settings([]))


def test_published_file_without_conversion(hand, tmp_path):
    path = str(tmp_path / "snapshot_12.npz")
    np.savez_compressed(path, **{f"module.{name}": array for name, array in hand.items()})
    checkpoint = read_trained(path)
    assert checkpoint.meta["config"]["parts"] == "hand" and len(checkpoint.weights) == 281
    assert set(hand_backbone(path)) == {name.removeprefix("backbone.") for name in checkpoint.weights
                                        if name.startswith("backbone.")}


def test_a_resnet_starts_from_a_file(tmp_path):
    network = HandOnly(SMALL, None, 18, 0.125)
    source = ResNet(np.random.default_rng(5), 18, False, 0.125)
    alone, inside = str(tmp_path / "resnet.ckpt"), str(tmp_path / "whole.ckpt")
    write_checkpoint(alone, source, meta={"model": "hand4whole", "config": {"resnet_only": True}})
    assert load_resnet(network, "backbone.", alone, "--resnet_path") == len(list(source.get_parameters()))
    assert np.array_equal(network.backbone.conv1.weight.asnumpy(), source.conv1.weight.asnumpy())
    weights = {f"hand_roi_net.backbone.{name}": array + 1 for name, array in read_checkpoint(alone).weights.items()}
    write_checkpoint(inside, weights, meta={"model": "hand4whole"})
    with pytest.raises(UserError, match="does not fit"):
        load_resnet(network, "backbone.", inside, "--resnet_path")


def test_completion_of_a_merged_checkpoint(tmp_path):
    class Network:
        @staticmethod
        def get_parameters():
            return list(HandOnly(SMALL, None, 18, 0.125).get_parameters())

    path = str(tmp_path / "merged.ckpt")
    write_checkpoint(path, {"a": np.zeros(2, np.float32)}, meta={"config": {"merged": True}})
    checkpoint = read_checkpoint(path)
    complete(checkpoint, Network)
    assert set(checkpoint.weights) == {"a"}  # the hand-only network has none of the fresh parts
