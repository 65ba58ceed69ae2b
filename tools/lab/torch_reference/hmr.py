"""Generator, discriminator and their losses in PyTorch, under pytorch_HMR's names: what benchmarks compare with."""
from hmr.src.network import HALF_TURN, JOINTS
from tools.lab.torch_reference.layers import axis_angle_to_matrix, build_resnet50, build_smpl

ITERATIONS, HIDDEN, THETA = 3, 1024, 85
# kp2d, kp3d, shape, pose.
WEIGHTS = (60.0, 600.0, 300.0, 1200.0)


def build_generator(torch, model, mean):
    """The published generator at full size.

    Args:
        torch (module): PyTorch.
        model (BodyModel): SMPL with the 19 joints.
        mean (array): (85,), where the regressor starts.

    Returns:
        torch.nn.Module: image (B, 3, 224, 224) to theta (B, 85), vertices, joints2d, joints3d and rotmat as `BodyLayer`
        has them, and theta of all rounds (3, B, 85).
    """
    nn = torch.nn

    class Regressor(nn.Module):
        def __init__(self):
            super().__init__()
            self.register_buffer("mean_theta", torch.tensor(mean, dtype=torch.float32)[None])
            layers = {"regressor_fc_0": nn.Linear(2048 + THETA, HIDDEN), "regressor_relu_0": nn.ReLU(),
                      "regressor_drop_0": nn.Dropout(0.5), "regressor_fc_1": nn.Linear(HIDDEN, HIDDEN),
                      "regressor_relu_1": nn.ReLU(), "regressor_drop_1": nn.Dropout(0.5),
                      "regressor_fc_2": nn.Linear(HIDDEN, THETA)}
            self.fc_blocks = nn.Sequential()
            for name, layer in layers.items():
                self.fc_blocks.add_module(name, layer)

        def forward(self, features):
            theta, rounds = self.mean_theta[:1].expand(len(features), -1), []
            for _ in range(ITERATIONS):
                theta = theta + self.fc_blocks(torch.cat((features, theta), 1))
                rounds.append(theta)
            return torch.stack(rounds)

    class Generator(nn.Module):
        def __init__(self):
            super().__init__()
            self.encoder, self.regressor, self.smpl = build_resnet50(torch), Regressor(), build_smpl(torch, model)
            joints = model.extra("cocoplus_regressor", (len(JOINTS), len(model.v_template)))
            for name, array in (("joints", joints), ("half_turn", HALF_TURN)):
                self.register_buffer(name, torch.tensor(array, dtype=torch.float32), persistent=False)

        def forward(self, image):
            rounds = self.regressor(self.encoder(image))
            theta = rounds[-1]
            rotmat = axis_angle_to_matrix(torch, theta[:, 3:75].reshape(-1, 24, 3))
            turned = torch.cat((rotmat[:, :1] @ self.half_turn, rotmat[:, 1:]), 1)
            vertices = self.smpl(turned, theta[:, 75:])
            joints3d = torch.einsum("jv,bvc->bjc", self.joints, vertices)
            joints2d = theta[:, None, :1] * (joints3d[..., :2] + theta[:, None, 1:3])
            return theta, vertices, joints2d, joints3d, rotmat, rounds

    return Generator()


def build_discriminator(torch):
    """The published discriminator: theta (B, 85) to its 25 values."""
    nn = torch.nn

    class Discriminator(nn.Module):
        def __init__(self):
            super().__init__()
            # A 1 x 1 convolution over the joints is an affine layer on the last axis.
            self.joint = nn.Sequential(nn.Linear(9, 32), nn.Linear(32, 32))
            self.heads, self.head_bias = nn.Parameter(torch.randn(23, 32)), nn.Parameter(torch.zeros(23))
            self.pose = nn.Sequential(nn.Linear(23 * 32, HIDDEN), nn.ReLU(), nn.Linear(HIDDEN, HIDDEN), nn.ReLU(),
                                      nn.Linear(HIDDEN, 1))
            self.shape = nn.Sequential(nn.Linear(10, 5), nn.ReLU(), nn.Linear(5, 1))

        def forward(self, theta):
            rotmat = axis_angle_to_matrix(torch, theta[:, 6:75].reshape(-1, 23, 3))
            x = self.joint(rotmat.flatten(2))
            return torch.cat(((x * self.heads).sum(-1) + self.head_bias, self.pose(x.flatten(1)),
                              self.shape(theta[:, 75:])), 1)

    return Discriminator()


def generator_loss(torch, outputs, kp2d, kp3d, theta, has_kp3d, has_smpl):
    """The weighted terms without the discriminator's, as `GeneratorLoss` computes them; arguments as there."""
    pred_theta, _, joints2d, joints3d, rotmat, _ = outputs
    true_rotmat = axis_angle_to_matrix(torch, theta[:, 3:75].reshape(-1, 24, 3))
    centred, true = (joints - joints[:, 2:4].mean(1, True) for joints in (joints3d[:, :14], kp3d))
    weight = kp2d[..., 2:]
    terms = [((joints2d - kp2d[..., :2]).abs() * weight).sum() / (2 * weight.sum() + 1e-8)]
    for one, other, has in ((centred, true, has_kp3d), (pred_theta[:, 75:], theta[:, 75:], has_smpl),
                            (rotmat[:, 1:], true_rotmat[:, 1:], has_smpl)):
        squares = ((one - other) ** 2).flatten(1).mean(1)
        terms.append(0.5 * (squares * has).sum() / (has.sum() + 1e-8))
    return sum(factor * term for factor, term in zip(WEIGHTS, terms))


def training_step(torch, generator, discriminator, batch):
    """A call that makes one update of both sides and returns the generator's loss.

    Args:
        torch (module): PyTorch.
        generator, discriminator (torch.nn.Module): both sides.
        batch (list): image, kp2d, kp3d, theta, has_kp3d, has_smpl, real (B, n, 85) as arrays.
    """
    optimizers = [torch.optim.Adam(network.parameters(), rate, weight_decay=1e-4)
                  for network, rate in ((generator, 1e-5), (discriminator, 1e-4))]
    image, *labels, real = [torch.tensor(array) for array in batch]
    real = real.flatten(0, 1)

    def step():
        generator.train()
        outputs = generator(image)
        rounds = outputs[-1].flatten(0, 1)
        loss = generator_loss(torch, outputs, *labels) + ((discriminator(rounds) - 1) ** 2).sum(1).mean()
        fake_loss = (discriminator(rounds.detach()) ** 2).sum(1).mean()
        discriminator_loss = ((discriminator(real) - 1) ** 2).sum(1).mean() + fake_loss
        for part, optimizer in zip((loss, discriminator_loss), optimizers):
            optimizer.zero_grad()
            part.backward()
            optimizer.step()
        return loss.item()

    return step
