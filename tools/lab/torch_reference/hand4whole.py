"""The whole network and its losses in plain PyTorch, under the published names: what benchmarks compare with.

Crops are the exact ones of `boxes`, as two matrix products, because torchvision is not needed elsewhere.
"""
from types import SimpleNamespace

import numpy as np

from common.body_models.landmarks import vertex_joint_ids
from tools.lab.torch_reference.layers import axis_angle_to_matrix, build_resnet50, build_smpl

DEPTH, MAPS, HAND_MAPS = 8, (8, 6), (8, 8)
FARTHEST = 5000.0 * 2.5 / np.sqrt(256 * 192)
# SMPL-X's skeleton: root, 21 of the body, jaw, two eyes, 15 of each hand.
NUM_BODY, NUM_FINGERS = 21, 15


def features_of(resnet, images):
    """(B, 3, H, W) to (B, C, H / 32, W / 32)."""
    x = resnet.maxpool(resnet.relu(resnet.bn1(resnet.conv1(images))))
    return resnet.layer4(resnet.layer3(resnet.layer2(resnet.layer1(x))))


def build_resnet18(torch):
    """torchvision's ResNet-18 without its classifier, for `features_of`."""
    nn = torch.nn

    class BasicBlock(nn.Module):
        def __init__(self, in_channels, channels, stride):
            super().__init__()
            self.conv1, self.bn1 = nn.Conv2d(in_channels, channels, 3, stride, 1, bias=False), nn.BatchNorm2d(channels)
            self.conv2, self.bn2 = nn.Conv2d(channels, channels, 3, 1, 1, bias=False), nn.BatchNorm2d(channels)
            self.relu, self.downsample = nn.ReLU(inplace=True), None
            if stride == 2:
                self.downsample = nn.Sequential(nn.Conv2d(in_channels, channels, 1, 2, bias=False),
                                                nn.BatchNorm2d(channels))

        def forward(self, x):
            skip = x if self.downsample is None else self.downsample(x)
            return self.relu(self.bn2(self.conv2(self.relu(self.bn1(self.conv1(x))))) + skip)

    class ResNet18(nn.Module):
        def __init__(self):
            super().__init__()
            self.conv1, self.bn1 = nn.Conv2d(3, 64, 7, 2, 3, bias=False), nn.BatchNorm2d(64)
            self.relu, self.maxpool = nn.ReLU(inplace=True), nn.MaxPool2d(3, 2, 1)
            self.layer1 = nn.Sequential(BasicBlock(64, 64, 1), BasicBlock(64, 64, 1))
            for number, channels in ((2, 128), (3, 256), (4, 512)):
                blocks = BasicBlock(channels // 2, channels, 2), BasicBlock(channels, channels, 1)
                setattr(self, f"layer{number}", nn.Sequential(*blocks))

    return ResNet18()


def _expected(torch, maps, shape):
    """Heat maps (B, J, ...) to probabilities of all cells and expected x, y(, z)."""
    maps = torch.softmax(maps.flatten(2), 2).reshape(*maps.shape[:2], *shape)
    places = []
    for axis in range(len(shape) - 1, -1, -1):
        others = [number + 2 for number in range(len(shape)) if number != axis]
        places.append((maps.sum(others) * torch.arange(shape[axis])).sum(2))
    return maps, torch.stack(places, 2)


def _sampled(torch, features, places):
    """Features (B, C, H, W) at places (B, J, 2 or more), (B, J, C)."""
    height, width = features.shape[2:]
    grid = torch.stack((places[..., 0] / (width - 1), places[..., 1] / (height - 1)), 2) * 2 - 1
    found = torch.nn.functional.grid_sample(features, grid[:, :, None], align_corners=True)
    return found[..., 0].transpose(1, 2)


def _at_joints(torch, convolution, features, places):
    return torch.cat((_sampled(torch, convolution(features), places), places), 2).flatten(1)


def _crop(torch, images, boxes, side):
    """Square crops (B, 3, side, side) of boxes (B, 4)."""
    def weights(low, high, length):
        cell = (high - low).clamp(min=1.0) / side
        count = cell.ceil().clamp(max=4.0)
        total = 0.0
        for number in range(4):
            place = low + cell * (torch.arange(side) + (number + 0.5) / count)
            share = (count > number) * (place >= -1) * (place <= length) / count
            near = (1 - (place.clamp(0, length - 1)[..., None] - torch.arange(length)).abs()).clamp(min=0)
            total = total + share[..., None] * near
        return total

    height, width = images.shape[2:]
    along_x, along_y = weights(boxes[:, :1], boxes[:, 2:3], width), weights(boxes[:, 1:2], boxes[:, 3:], height)
    return along_y[:, None] @ (images @ along_x.transpose(1, 2)[:, None])


def _matrices(torch, rot6d):
    """(B, 6 R) to (B, R, 3, 3)."""
    first, second = rot6d.view(len(rot6d), -1, 3, 2).unbind(-1)
    normalize = torch.nn.functional.normalize
    x_axis = normalize(first, dim=-1)
    y_axis = normalize(second - (x_axis * second).sum(-1, keepdim=True) * x_axis, dim=-1)
    return torch.stack((x_axis, y_axis, torch.linalg.cross(x_axis, y_axis)), -1)


def _axis_angles(torch, rotmat):
    """(B, R, 3, 3) to (B, R, 3) radians; of little use within a thousandth of half a turn."""
    x, y, z = (rotmat[..., row, column] - rotmat[..., column, row] for row, column in ((2, 1), (0, 2), (1, 0)))
    axis = torch.stack((x, y, z), -1)
    sine = 0.5 * axis.norm(dim=-1, keepdim=True)
    cosine = 0.5 * (rotmat.diagonal(dim1=-2, dim2=-1).sum(-1, keepdim=True) - 1)
    return 0.5 * axis / (sine + 1e-8) * torch.atan2(sine, cosine)


def build_whole(torch, model):
    """The published network at full size.

    Args:
        torch (module): PyTorch.
        model (BodyModel): kind "smplx".

    Returns:
        torch.nn.Module: images (B, 3, 512, 384) to rotation matrices of the 53 supervised joints (B, 53, 3, 3), shape
        and expression (B, 10), translation (B, 3), vertices with it (B, 10475, 3), positions in the heat maps
        (B, 65, 3), centres and sizes of the boxes (B, 3, 2).
    """
    nn = torch.nn

    def part(**layers):
        return nn.ModuleDict(layers)

    def convolution(*sizes):
        return nn.Sequential(nn.Conv2d(*sizes, 1))

    def block(*sizes):
        return nn.Sequential(nn.Conv2d(*sizes, 1), nn.BatchNorm2d(sizes[1]), nn.ReLU())

    def linear(*sizes):
        return nn.Sequential(nn.Linear(*sizes))

    class Whole(nn.Module):
        def __init__(self):
            super().__init__()
            self.backbone = build_resnet50(torch)
            self.hand_roi_net, self.face_roi_net = part(backbone=build_resnet50(torch)), part(
                backbone=build_resnet18(torch))
            self.body_position_net, self.hand_position_net = (part(conv=convolution(2048, count * DEPTH))
                                                              for count in (25, 20))
            size = 33 * 515
            self.body_rotation_net = part(
                body_conv=block(2048, 512), lhand_conv=block(2048, 512), rhand_conv=block(2048, 512),
                root_pose_out=linear(size, 6), body_pose_out=linear(size, 6 * NUM_BODY), shape_out=linear(2048, 10),
                cam_out=linear(2048, 3))
            self.hand_rotation_net = part(hand_conv=block(2048, 512), hand_pose_out=linear(20 * 515, 6 * NUM_FINGERS))
            deconv = []
            for channels in (2048 + 25 * DEPTH, 256, 256):
                deconv += [nn.ConvTranspose2d(channels, 256, 4, 2, 1, bias=False), nn.BatchNorm2d(256), nn.ReLU()]
            sizes = {f"{name}_size": nn.Sequential(nn.Linear(256, 256), nn.ReLU(), nn.Linear(256, 2))
                     for name in ("lhand", "rhand", "face")}
            self.box_net = part(deconv=nn.Sequential(*deconv), bbox_center=convolution(256, 3), **sizes)
            self.face_regressor = part(expr_out=linear(512, 10), jaw_pose_out=linear(512, 6))
            directions = np.concatenate([model.shape_directions(10), model.expression_directions(10)], -1)
            self.smplx = build_smpl(torch, SimpleNamespace(
                parents=model.parents, v_template=model.v_template, posedirs=model.posedirs, weights=model.weights,
                J_regressor=model.J_regressor, shape_directions=lambda _: directions))
            for side in "lr":
                mean = model.extra(f"hands_mean{side}", (45,)).reshape(15, 3)
                self.register_buffer(f"mean_{side}", torch.tensor(mean, dtype=torch.float32), persistent=False)

        def boxes(self, features, probabilities):
            net = self.box_net
            features = net["deconv"](torch.cat((features, probabilities.flatten(1, 2)), 1))
            _, center = _expected(torch, net["bbox_center"](features), (64, 48))
            sampled = _sampled(torch, features, center.detach())
            sizes = [net[f"{name}_size"](sampled[:, number]) for number, name in enumerate(("lhand", "rhand", "face"))]
            center, size = center / 8, torch.stack(sizes, 1)
            half = size.amax(2, keepdim=True) * torch.tensor([[2.0], [2.0], [1.5]]) * 32
            # Cells are 32 px of the body's image, 64 of the whole one.
            return center, size, torch.cat((64 * center - half, 64 * center + half), 2).detach()

        def hands(self, images, boxes):
            left = _crop(torch, images, boxes[:, 0], 256).flip(3)
            features = features_of(self.hand_roi_net["backbone"],
                                   torch.cat((left, _crop(torch, images, boxes[:, 1], 256))))
            maps = self.hand_position_net["conv"](features).view(len(features), 20, DEPTH, *HAND_MAPS)
            places = _expected(torch, maps, (DEPTH, *HAND_MAPS))[1]
            net = self.hand_rotation_net
            fingers = net["hand_pose_out"](_at_joints(torch, net["hand_conv"], features, places.detach()))
            left, right = places.chunk(2)
            left = torch.cat((HAND_MAPS[1] - 1 - left[..., :1], left[..., 1:]), 2)
            lfeatures, rfeatures = features.chunk(2)
            return left, right, lfeatures.flip(3), rfeatures, _matrices(torch, fingers).chunk(2)

        def forward(self, images):
            features = features_of(self.backbone, images[:, :, ::2, ::2])
            maps = self.body_position_net["conv"](features).view(len(images), 25, DEPTH, *MAPS)
            probabilities, places = _expected(torch, maps, (DEPTH, *MAPS))
            center, size, boxes = self.boxes(features, probabilities.detach())
            left, right, lfeatures, rfeatures, (lhand, rhand) = self.hands(images, boxes)
            net, mean = self.body_rotation_net, features.mean((2, 3))
            at_joints = torch.cat((
                _at_joints(torch, net["body_conv"], features, places.detach()),
                _at_joints(torch, net["lhand_conv"], lfeatures, left[:, 4::4].detach()),
                _at_joints(torch, net["rhand_conv"], rfeatures, right[:, 4::4].detach())), 1)
            root, body = (_matrices(torch, net[f"{name}_pose_out"](at_joints)) for name in ("root", "body"))
            shape, cam = net["shape_out"](mean), net["cam_out"](mean)
            face = features_of(self.face_roi_net["backbone"], _crop(torch, images, boxes[:, 2], 192)).mean((2, 3))
            expr = self.face_regressor["expr_out"](face)
            jaw = _matrices(torch, self.face_regressor["jaw_pose_out"](face))
            mirror = torch.tensor([1.0, -1.0, -1.0])
            lhand = lhand * mirror[:, None] * mirror
            still = torch.eye(3).expand(len(images), 2, 3, 3)
            curled = [axis_angle_to_matrix(torch, _axis_angles(torch, hand) + mean)
                      for hand, mean in ((lhand, self.mean_l), (rhand, self.mean_r))]
            rotmat = torch.cat((root, body, jaw, still, *curled), 1)
            cam_trans = torch.cat((cam[:, :2], FARTHEST * torch.sigmoid(cam[:, 2:])), 1)
            vertices = self.smplx(rotmat, torch.cat((shape, expr), 1)) + cam_trans[:, None]
            return (torch.cat((root, body, lhand, rhand, jaw), 1), shape, expr, cam_trans, vertices,
                    torch.cat((places, left, right), 1), center, size)

    return Whole()


def training_step(torch, network, batch):
    """A call that makes one update and returns the loss.

    The published losses, with joints taken from vertices and without moving targets into the hands' boxes: of the work,
    networks and mesh are all but everything.

    Args:
        torch (module): PyTorch.
        network (torch.nn.Module): of `build_whole`.
        batch (list): the columns of `targets.COLUMNS` as arrays.
    """
    optimizer = torch.optim.Adam(network.parameters(), 1e-4)
    tensors = [torch.tensor(array) for array in batch]
    images, joint_img, _, joint_cam, _, pose, shape, expr, *rest = tensors
    centers, sizes = torch.stack(rest[:6:2], 1), torch.stack(rest[1:6:2], 1)
    rotmat = axis_angle_to_matrix(torch, pose.view(len(pose), -1, 3))
    ids = torch.tensor(np.resize(vertex_joint_ids("smplx"), 137).astype(np.int64))

    def step():
        network.train()
        found_rotmat, found_shape, found_expr, _, vertices, places, center, size = network(images)
        joints = vertices[:, ids]
        pairs = ((found_rotmat, rotmat), (found_shape, shape), (found_expr, expr), (joints - joints[:, :1], joint_cam),
                 (places, joint_img[:, :65]), (center, centers), (size, sizes))
        loss = sum((one - other).abs().mean() for one, other in pairs)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        return loss.item()

    return step
