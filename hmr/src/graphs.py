"""The graphs of this model at a small size, for the audit of operators: each function returns a Cell and its inputs."""
import numpy as np
from mindspore import Tensor, nn

from common.body_models.companions import load_mean_params
from common.body_models.files import load_body_model
from common.engine.amp import apply_amp, build_scaler
from hmr.src.discriminator import build_critic
from hmr.src.loss import LossWeights
from hmr.src.network import build_hmr
from hmr.src.profiles import PROFILES
from hmr.src.train_step import AdversarialLoss, AdversarialStep

GRAPHS = ("training", "mixed_precision_training", "pytorch_hmr", "spin", "tf")
SHAPES = ((2, 19, 3), (2, 14, 3), (2, 85), (2,), (2,), (2, 3, 85))  # joints, fits, their flags and real poses


def _generator(profile):
    return build_hmr(PROFILES[profile], load_body_model("smpl"), load_mean_params(), width=0.125, hidden_size=16)


def _image():
    return Tensor(np.zeros((2, 3, 64, 64), np.float32))


def _step(level, loss_scale):
    generator, critic = _generator("spin"), build_critic(PROFILES["spin"], 16)
    generator.encoder = apply_amp(generator.encoder, level)
    step = AdversarialStep(AdversarialLoss(generator, critic, LossWeights()),
                           nn.Adam(generator.trainable_params(), 1e-5), nn.Adam(critic.trainable_params(), 1e-4),
                           build_scaler(loss_scale), clip_norm=1.0)
    batch = [_image(), *[Tensor(np.zeros(shape, np.float32)) for shape in SHAPES],
             Tensor(np.ones((2, 6, 16), np.uint8))]
    return step, tuple(batch)


def training():
    """Both updates of the adversarial step."""
    return _step("O0", "none")


def mixed_precision_training():
    """The encoder in half precision, with dynamic loss scale."""
    return _step("O2", "dynamic")


def pytorch_hmr():
    """Inference with the conventions of the PyTorch port."""
    return _generator("pytorch_hmr").set_train(False), (_image(),)


def spin():
    """Inference with SPIN's."""
    return _generator("spin").set_train(False), (_image(),)


def tf():
    """Inference with those of the original."""
    return _generator("tf").set_train(False), (_image(),)
