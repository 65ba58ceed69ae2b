"""Learning rates, parameter groups and checkpoint names of the training."""

import pytest

from common.engine.checkpoint import Checkpoint
from common.engine.loop import Progress
from common.errors import UserError
from openpose.src.config import read_settings
from openpose.src.network import build_network, settings_of
from openpose.src.skeleton import COCO_18, describe_skeleton, parse_skeleton
from openpose.src.train_step import build_schedule, group_parameters


def test_three_groups_hold_every_parameter_once():
    config = read_settings(["--width", "0.0625", "--num_stages", "2"])
    network = build_network(config, COCO_18)
    backbone, behind, stages = group_parameters(config, network, Progress(1, 10))
    assert [rate["lr"].at(1999) for rate in (backbone, behind, stages)] == pytest.approx([0, 2.5e-5, 1e-4])
    assert [rate["lr"].at(2000) for rate in (backbone, behind, stages)] == pytest.approx([2.5e-5, 2.5e-5, 1e-4])
    assert stages["lr"].at(100000) == pytest.approx(1e-5)
    names = [parameter.name for group in (backbone, behind, stages) for parameter in group["params"]]
    assert sorted(names) == sorted(parameter.name for parameter in network.trainable_params())
    assert len(backbone["params"]) == 20 and len(behind["params"]) == 4
    together, = group_parameters(read_settings(["--group_params", "false"]), network, Progress(1, 10))
    assert len(together["params"]) == len(names)


def test_the_cosine_counts_epochs():
    config = read_settings(["--lr_type", "cosine", "--warmup_epoch", "2", "--lr", "3.0"])
    schedule = build_schedule(config, Progress(10, 50))
    assert schedule.at(100) == pytest.approx(3.0) and schedule.at(500) == pytest.approx(0.0, abs=1e-9)


OWN = {"category": "dog", "joints": ["nose", "left_ear", "right_ear", "middle"], "sigmas": {"nose": 0.03},
       "means": {"middle": ["left_ear", "right_ear"]}, "limbs": [["nose", "left_ear"], ["nose", "right_ear"],
                                                                             ["nose", "middle"]]}


def test_a_checkpoint_brings_its_skeleton_and_its_network(tmp_path):
    skeleton = parse_skeleton(OWN, "own")
    assert describe_skeleton(skeleton) == OWN and describe_skeleton(COCO_18) is None
    assert (skeleton.counted(2), COCO_18.counted(1)) == ("2 of the category dog", "1 person")
    meta = {"config": {"width": 0.25, "num_stages": 2, "normalisation": "cmu", "lr": 5.0,
                       "inference_img_size": 200}, "skeleton": OWN}
    checkpoint = Checkpoint("a.ckpt", {}, meta=meta)
    config, found = settings_of(checkpoint, read_settings([]))
    assert found == skeleton and (config.width, config.num_stages, config.normalisation) == (0.25, 2, "cmu")
    assert config.lr == 1e-4 and config.inference_img_size == 200
    assert settings_of(checkpoint, read_settings(["--inference_img_size", "64"]))[0].inference_img_size == 64
    network = build_network(config, found)
    assert network.stages[1].heat.convs[6].out_channels == 5 and network.stages[1].paf.convs[6].out_channels == 6
    (tmp_path / "other.yaml").write_text("joints: [a, b]\nlimbs: [[a, b]]\nflip_pairs: []\n")
    with pytest.raises(UserError, match="other.yaml is not the one of checkpoint a.ckpt"):
        settings_of(checkpoint, read_settings(["--skeleton", str(tmp_path / "other.yaml")]))


def test_a_foreign_checkpoint_says_nothing_and_the_settings_hold():
    config, skeleton = settings_of(Checkpoint("port.ckpt", {}), read_settings(["--width", "0.5"]))
    assert config.width == 0.5 and skeleton is COCO_18
