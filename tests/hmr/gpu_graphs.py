"""Graphs for the dry compile: inference in all three profiles and the adversarial training step."""
import importlib.util
from pathlib import Path

import numpy as np
from mindspore import Tensor, nn

_spec = importlib.util.spec_from_file_location("hmr_golden", Path(__file__).parent / "golden.py")
golden = importlib.util.module_from_spec(_spec)
_spec.loader.exec_module(golden)


def _generator(profile):
    from common.body_models.companions import MeanParams
    from hmr.src.network import build_hmr
    from hmr.src.profiles import PROFILES

    mean = MeanParams(pose=np.zeros(72), shape=np.zeros(10), cam=np.array([0.9, 0, 0]))
    return build_hmr(PROFILES[profile], golden.body_model(), mean, width=0.125, hidden_size=16)


def _image():
    return Tensor(np.zeros((2, 3, 64, 64), np.float32))


def pytorch_hmr():
    return _generator("pytorch_hmr").set_train(False), (_image(),)


def spin():
    return _generator("spin").set_train(False), (_image(),)


def tf():
    return _generator("tf").set_train(False), (_image(),)


def training():
    from common.engine.amp import build_scaler
    from hmr.src.discriminator import build_critic
    from hmr.src.loss import LossWeights
    from hmr.src.profiles import PROFILES
    from hmr.src.train_step import AdversarialLoss, AdversarialStep

    generator, critic = _generator("spin"), build_critic(PROFILES["spin"], 16)
    step = AdversarialStep(AdversarialLoss(generator, critic, LossWeights()),
                           nn.Adam(generator.trainable_params(), 1e-5), nn.Adam(critic.trainable_params(), 1e-4),
                           build_scaler("dynamic"), clip_norm=1.0)
    shapes = ((2, 19, 3), (2, 14, 3), (2, 85), (2,), (2,), (2, 3, 85))
    batch = [_image(), *[Tensor(np.zeros(shape, np.float32)) for shape in shapes],
             Tensor(np.ones((2, 6, 16), np.uint8))]
    return step, tuple(batch)
