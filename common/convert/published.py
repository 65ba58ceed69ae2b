"""Published weights and data files: where they are, what they weigh, under which licence, for what.

One table for `tools/get_weights.py` and for the names that `--ckpt_file` takes. Sizes and digests stand here where a
public source states them. Any address may be gone one day: a file can also be given by hand (`get_weights.py --file`).
"""
from dataclasses import dataclass

SPIN_SITE = "http://visiondata.cis.upenn.edu/spin"
EFT_ZOO = "https://dl.fbaipublicfiles.com/eft/eft_model_zoo"
TORCHVISION = "https://download.pytorch.org/models"
MINDSPORE_ZOO = "https://download.mindspore.cn"

CMU = "CMU OpenPose: academic and non-commercial use only"
SMPL = "SMPL body model licence: non-commercial, for people who agreed to it (smpl.is.tue.mpg.de)"
SPIN = "BSD-3-Clause code; the body it predicts falls under SMPL's licence"
NON_COMMERCIAL = "CC-BY-NC 4.0"
IMAGENET = "BSD-3-Clause code; trained on ImageNet"
HAND4WHOLE = "MIT code; the body it predicts falls under SMPL-X's licence"


@dataclass(frozen=True)
class Published:
    """One file of somebody else.

    Args:
        model (str): folder of the model that uses it.
        name (str): what `get_weights.py` and `--ckpt_file` call it.
        file (str): its name as published.
        about (str): what it is good for.
        licence (str): as its publisher states it; a user has to accept it.
        url (str): address; empty for files of Google Drive and for those that are not fetched.
        mirrors (tuple): further addresses of the same file.
        drive (str): id on Google Drive.
        size (int): bytes, 0 where no source states it.
        sha256 (str): digest, or its beginning where only that is published.
        flag (str): the setting that takes it.
        convert (bool): weights of another framework that become a checkpoint; otherwise the file is kept as it is.
        variant (str): of `tools/pth2ckpt.py`.
        member (str): the file of this name is taken out of an archive (tar).
        by_hand (str): why this file cannot be fetched, and what to do instead.
    """

    model: str
    name: str
    file: str
    about: str
    licence: str
    url: str = ""
    mirrors: tuple[str, ...] = ()
    drive: str = ""
    size: int = 0
    sha256: str = ""
    flag: str = "ckpt_file"
    convert: bool = True
    variant: str = ""
    member: str = ""
    by_hand: str = ""

    @property
    def result(self) -> str:
        """Name of the file that a user has in the end."""
        original = self.member or self.file
        return f"{self.model}-{self.name}" + (".ckpt" if self.convert else "." + original.split(".", 1)[1])

    @property
    def checkpoint(self) -> bool:
        """Whether `--ckpt_file` takes it."""
        return self.flag == "ckpt_file"


def _eft(name: str, file: str, about: str) -> Published:
    return Published("hmr", name, file, about, NON_COMMERCIAL, f"{EFT_ZOO}/{file}")


PUBLISHED = (
    Published("openpose", "cmu", "body_pose_model.pth", "CMU's COCO body model, 18 keypoints: people in any photo", CMU,
              "https://huggingface.co/lllyasviel/Annotators/resolve/982e7edaec38759d914a963c48c4726685de7d96/"
              "body_pose_model.pth",
              ("https://hf-mirror.com/lllyasviel/Annotators/resolve/982e7edaec38759d914a963c48c4726685de7d96/"
               "body_pose_model.pth",),
              size=209267595, sha256="25a948c16078b0f08e236bda51a385d855ef4c153598947c28c0d47ed94bb746"),
    Published("openpose", "tensorboy", "pose_model.pth", "trained again in PyTorch; AP 0.598 on its split", CMU,
              "https://www.dropbox.com/s/ae071mfm2qoyc8v/pose_model.pth?dl=1", variant="rtpose"),
    Published("openpose", "vgg19", "vgg19-dcbb9e9d.pth", "VGG-19 of ImageNet: the backbone that training starts from",
              IMAGENET, f"{TORCHVISION}/vgg19-dcbb9e9d.pth", sha256="dcbb9e9d", flag="vgg_path"),
    Published("openpose", "vgg19-mindspore", "vgg19-0-97_5004.ckpt", "the same, trained with MindSpore", "Apache-2.0",
              f"{MINDSPORE_ZOO}/model_zoo/converted_pretrained/vgg/vgg19-0-97_5004.ckpt", flag="vgg_path",
              convert=False),
    Published("hmr", "spin", "model_checkpoint.pt", "SPIN (ICCV 2019): body from a photo", SPIN,
              f"{SPIN_SITE}/model_checkpoint.pt"),
    _eft("eft", "cocoall_h36m_mpiinf_posetrack_lsptrain_ochuman.pt", "SPIN's network on EFT's fits: the strong model"),
    _eft("eft-h36m", "cocoall_h36m_mpiinf.pt", "the same on fewer data sets"),
    _eft("eft-coco", "coco-all.pt", "the same on COCO alone"),
    Published("hmr", "frankmocap", "2020_05_31-00_50_43-best-51.749683916568756.pt", "the body module of FrankMocap",
              NON_COMMERCIAL, "https://dl.fbaipublicfiles.com/eft/2020_05_31-00_50_43-best-51.749683916568756.pt"),
    Published("hmr", "tf", "models.tar.gz", "HMR as published (CVPR 2018), TensorFlow", "MIT code; SMPL's for the body",
              by_hand="get models.tar.gz (about 385 MB) from people.eecs.berkeley.edu/~kanazawa/cachedir/hmr/, write "
                      "its variables to an npz with TensorFlow (three lines at the top of hmr/src/weights.py), give "
                      "that npz with --file"),
    Published("hmr", "mean-params", "smpl_mean_params.npz", "mean pose and shape, where the regressor starts", SPIN,
              f"{SPIN_SITE}/data.tar.gz", flag="smpl_mean_params_path", convert=False, member="smpl_mean_params.npz"),
    Published("hmr", "resnet50", "resnet50-19c8e357.pth", "ResNet-50 of ImageNet: the encoder training starts from",
              IMAGENET, f"{TORCHVISION}/resnet50-19c8e357.pth", sha256="19c8e357", flag="encoder_path",
              variant="imagenet"),
    Published("cmr", "graphcmr", "models.tar", "GraphCMR (CVPR 2019), trained on Human3.6M, UP-3D and 2D sets",
              "BSD-3-Clause code; SMPL's for the body", "https://cs.utexas.edu/~pavlakos/cmr/data/models.tar",
              member="model_checkpoint_h36m_up3d_extra2d.pt"),
    Published("cmr", "graphcmr-up3d", "models.tar", "the same, trained on Human3.6M and UP-3D",
              "BSD-3-Clause code; SMPL's for the body", "https://cs.utexas.edu/~pavlakos/cmr/data/models.tar",
              member="model_checkpoint_h36m_up3d.pt"),
    Published("cmr", "smpl", "basicModel_neutral_lbs_10_207_0_v1.0.0.pkl", "neutral SMPL body of Unite the People",
              SMPL,
              "https://github.com/classner/up/raw/master/models/3D/basicModel_neutral_lbs_10_207_0_v1.0.0.pkl",
              flag="smpl_path", convert=False),
    Published("cmr", "resnet50", "resnet50-19c8e357.pth", "ResNet-50 of ImageNet: the encoder training starts from",
              IMAGENET, f"{TORCHVISION}/resnet50-19c8e357.pth", sha256="19c8e357", flag="pretrained_resnet_50"),
    Published("hand4whole", "snapshot6", "snapshot_6.pth.tar", "whole body, trained on H36M, MPII and COCO", HAND4WHOLE,
              drive="1r0LfI_ATI8NmhOj4y8eqLlEDdNQj5SCV"),
    Published("hand4whole", "agora", "snapshot_agora.pth.tar", "the same, fine-tuned on AGORA", HAND4WHOLE,
              drive="10IEblHAeNRXQ0WFXMCRwlVShoEoWcvIl"),
    Published("hand4whole", "hand", "snapshot_12.pth.tar", "hand-only Pose2Pose: stage 2 of the training", HAND4WHOLE,
              drive="15wYR8psO2U3ZhFYQEH1-DWc81XkWvK2Y"),
    Published("hand4whole", "resnet50-2d", "resnet50_2d_pose.pth.tar", "ResNet-50 of 2D poses: training starts from it",
              "MIT code", drive="1E_gEoY7pS5BTNcpxeM1IftkkboPKebs-", flag="resnet_path"),
    Published("pose_baseline", "weigq", "gt_ckpt_best.pth.tar", "lifter for ground-truth 2D: 43.5 mm on H36M", "MIT",
              drive="1NUY8oZoLKY9DP63Jg_ZE96_DEJKiVvRp"),
    Published("pose_baseline", "tf", "4874200", "the authors' lifter, TensorFlow, 200 epochs", "MIT",
              by_hand="its old link on Google Drive (id 0BxWzojlLp259MF9qSFpiVjl0cU0) is commented out at its source; "
                      "write the variables to an npz with TensorFlow (pose_baseline/README.md), give it with --file"),
)

# What nobody may pass on: name of the setting -> file, page where a user registers.
REGISTERED = {
    "smpl_path": ("SMPL_NEUTRAL.pkl", "https://smpl.is.tue.mpg.de"),
    "smplx_path": ("SMPLX_NEUTRAL.npz", "https://smpl-x.is.tue.mpg.de"),
    "mano_left_path, mano_right_path": ("MANO_LEFT.pkl, MANO_RIGHT.pkl", "https://mano.is.tue.mpg.de"),
}


def find_published(model: str, name: str) -> Published | None:
    """The entry of a model's weights, or None."""
    return next((entry for entry in PUBLISHED if (entry.model, entry.name) == (model, name)), None)
