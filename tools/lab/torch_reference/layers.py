"""ResNet-50 and SMPL in plain PyTorch, for the networks that ours are compared with.

The module torch is handed in, so that nothing here needs it to be installed.
"""
import numpy as np

STAGES = ((64, 3, 1), (128, 4, 2), (256, 6, 2), (512, 3, 2))  # width, blocks, stride of ResNet-50


def build_resnet50(torch):
    """torchvision's ResNet-50 (V1) without its classifier: (B, 3, H, W) to (B, 2048)."""
    nn = torch.nn

    class Bottleneck(nn.Module):
        def __init__(self, in_channels, width, stride):
            super().__init__()
            self.conv1, self.bn1 = nn.Conv2d(in_channels, width, 1, bias=False), nn.BatchNorm2d(width)
            self.conv2 = nn.Conv2d(width, width, 3, stride, 1, bias=False)
            self.bn2 = nn.BatchNorm2d(width)
            self.conv3, self.bn3 = nn.Conv2d(width, 4 * width, 1, bias=False), nn.BatchNorm2d(4 * width)
            self.relu, self.downsample = nn.ReLU(inplace=True), None
            if in_channels != 4 * width:
                self.downsample = nn.Sequential(nn.Conv2d(in_channels, 4 * width, 1, stride, bias=False),
                                                nn.BatchNorm2d(4 * width))

        def forward(self, x):
            skip = x if self.downsample is None else self.downsample(x)
            x = self.relu(self.bn1(self.conv1(x)))
            x = self.relu(self.bn2(self.conv2(x)))
            return self.relu(self.bn3(self.conv3(x)) + skip)

    class ResNet50(nn.Module):
        def __init__(self):
            super().__init__()
            self.conv1, self.bn1 = nn.Conv2d(3, 64, 7, 2, 3, bias=False), nn.BatchNorm2d(64)
            self.relu, self.maxpool = nn.ReLU(inplace=True), nn.MaxPool2d(3, 2, 1)
            channels = 64
            for number, (width, blocks, stride) in enumerate(STAGES, 1):
                layers = []
                for block in range(blocks):
                    layers.append(Bottleneck(channels, width, 1 if block else stride))
                    channels = 4 * width
                setattr(self, f"layer{number}", nn.Sequential(*layers))

        def forward(self, x):
            x = self.maxpool(self.relu(self.bn1(self.conv1(x))))
            return self.layer4(self.layer3(self.layer2(self.layer1(x)))).mean((2, 3))

    return ResNet50()


def build_smpl(torch, model):
    """The SMPL body by its formula: rotations (B, 24, 3, 3) and shape (B, 10) to vertices (B, 6890, 3).

    Args:
        torch (module): PyTorch.
        model (BodyModel): kind "smpl".
    """
    class Smpl(torch.nn.Module):
        def __init__(self):
            super().__init__()
            self.parents = [int(parent) for parent in model.parents]
            arrays = {"template": model.v_template, "shapedirs": model.shape_directions(10),
                      "posedirs": model.posedirs.reshape(-1, model.posedirs.shape[-1]).T,
                      "regressor": model.J_regressor, "weights": model.weights}
            for name, array in arrays.items():
                tensor = torch.tensor(np.ascontiguousarray(array, np.float32))
                self.register_buffer(name, tensor, persistent=False)

        def forward(self, rotmat, betas):
            shaped = self.template + torch.einsum("bs,vcs->bvc", betas, self.shapedirs)
            joints = torch.einsum("jv,bvc->bjc", self.regressor, shaped)
            pose = (rotmat[:, 1:] - torch.eye(3, device=rotmat.device)).flatten(1)
            posed = shaped + (pose @ self.posedirs).view_as(shaped)
            rotations, places = [rotmat[:, 0]], [joints[:, 0]]
            for joint, parent in list(enumerate(self.parents))[1:]:
                offset = (joints[:, joint] - joints[:, parent])[..., None]
                places.append((rotations[parent] @ offset)[..., 0] + places[parent])
                rotations.append(rotations[parent] @ rotmat[:, joint])
            rotations, places = torch.stack(rotations, 1), torch.stack(places, 1)
            offsets = places - (rotations @ joints[..., None])[..., 0]
            blended = torch.einsum("vj,bjrc->bvrc", self.weights, torch.cat((rotations, offsets[..., None]), -1))
            return (blended[..., :3] @ posed[..., None])[..., 0] + blended[..., 3]

    return Smpl()


def axis_angle_to_matrix(torch, pose):
    """(..., 3) radians to (..., 3, 3), through a unit quaternion as in the published implementation of HMR."""
    angle = (pose + 1e-8).norm(dim=-1, keepdim=True)
    quaternion = torch.cat((torch.cos(0.5 * angle), torch.sin(0.5 * angle) * pose / angle), -1)
    w, x, y, z = (quaternion / quaternion.norm(dim=-1, keepdim=True)).unbind(-1)
    rows = (w * w + x * x - y * y - z * z, 2 * (x * y - w * z), 2 * (w * y + x * z),
            2 * (w * z + x * y), w * w - x * x + y * y - z * z, 2 * (y * z - w * x),
            2 * (x * z - w * y), 2 * (w * x + y * z), w * w - x * x - y * y + z * z)
    return torch.stack(rows, -1).view(*pose.shape[:-1], 3, 3)
