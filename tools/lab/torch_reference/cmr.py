"""Network and loss in plain PyTorch, as GraphCMR arranges and names them: what benchmarks compare with."""
from tools.lab.torch_reference.layers import axis_angle_to_matrix, build_resnet50, build_smpl

HIDDEN, NUM_ROTATIONS = 1024, 24 * 9


def build_reference(torch, body):
    """The published network at full size.

    Args:
        torch (module): PyTorch.
        body (Body): body model and mesh.

    Returns:
        torch.nn.Module: image (B, 3, 224, 224) to the outputs of `CMR`.
    """
    nn = torch.nn
    mesh = body.mesh

    def sparse(matrix):
        matrix = matrix.tocoo()
        return torch.sparse_coo_tensor(torch.tensor([matrix.row.tolist(), matrix.col.tolist()]),
                                       torch.tensor(matrix.data, dtype=torch.float32), matrix.shape,
                                       check_invariants=True).coalesce()

    def spread(matrix, x):
        """Product with each of (B, V, C), in one multiplication."""
        out = torch.sparse.mm(matrix, x.transpose(0, 1).reshape(x.shape[1], -1))
        return out.view(-1, x.shape[0], x.shape[2]).transpose(0, 1)

    class GraphLinear(nn.Module):
        def __init__(self, in_channels, out_channels):
            super().__init__()
            self.W = nn.Parameter(torch.randn(out_channels, in_channels) / in_channels ** 0.5)
            self.b = nn.Parameter(torch.zeros(out_channels))

        def forward(self, x):
            return self.W @ x + self.b[:, None]

    class GraphConvolution(nn.Module):
        def __init__(self, channels):
            super().__init__()
            self.weight = nn.Parameter(torch.randn(channels, channels) / channels ** 0.5)
            self.bias = nn.Parameter(torch.zeros(channels))

        def forward(self, x, adjacency):
            return spread(adjacency, x.transpose(1, 2) @ self.weight).transpose(1, 2) + self.bias[:, None]

    class GraphResBlock(nn.Module):
        def __init__(self, in_channels, out_channels):
            super().__init__()
            half = out_channels // 2
            self.lin1, self.conv = GraphLinear(in_channels, half), GraphConvolution(half)
            self.lin2 = GraphLinear(half, out_channels)
            self.skip_conv = GraphLinear(in_channels, out_channels) if in_channels != out_channels else nn.Identity()
            self.pre_norm = nn.GroupNorm(in_channels // 8, in_channels)
            self.norm1, self.norm2 = nn.GroupNorm(half // 8, half), nn.GroupNorm(half // 8, half)

        def forward(self, x, adjacency):
            y = self.lin1(torch.relu(self.pre_norm(x)))
            y = self.conv(torch.relu(self.norm1(y)), adjacency)
            return self.skip_conv(x) + self.lin2(torch.relu(self.norm2(y)))

    class GraphCNN(nn.Module):
        def __init__(self):
            super().__init__()
            self.register_buffer("adjacency", sparse(mesh.adjacency), persistent=False)
            template = torch.tensor(mesh.template.T, dtype=torch.float32)
            self.register_buffer("template", template, persistent=False)
            self.resnet = build_resnet50(torch)
            self.gc = nn.ModuleList([GraphLinear(3 + 2048, 512), GraphResBlock(512, 256)]
                                    + [GraphResBlock(256, 256) for _ in range(5)])
            self.shape = nn.ModuleList([GraphResBlock(256, 64), GraphResBlock(64, 32), nn.GroupNorm(4, 32), nn.ReLU(),
                                        GraphLinear(32, 3)])
            self.camera_fc = nn.Sequential(nn.GroupNorm(32, 256), nn.ReLU(), GraphLinear(256, 1), nn.ReLU(),
                                           nn.Linear(template.shape[1], 3))

        def forward(self, image):
            feature = self.resnet(image)[..., None].expand(-1, -1, self.template.shape[1])
            x = torch.cat((self.template.expand(len(image), -1, -1), feature), 1)
            x = self.gc[0](x)
            for block in self.gc[1:]:
                x = block(x, self.adjacency)
            y = self.shape[1](self.shape[0](x, self.adjacency), self.adjacency)
            return self.shape[4](torch.relu(self.shape[2](y))).transpose(1, 2), self.camera_fc(x)[:, 0]

    class Layers(nn.Module):
        """Affine layers with batch norm and ReLU; several of them around a skip connection."""

        def __init__(self, in_channels, count):
            super().__init__()
            layers = []
            for number in range(count):
                layers += [nn.Linear(in_channels if number == 0 else HIDDEN, HIDDEN), nn.BatchNorm1d(HIDDEN), nn.ReLU()]
            self.fc_block, self.skip = nn.Sequential(*(layers if count == 1 else layers[:-1])), count > 1

        def forward(self, x):
            return torch.relu(x + self.fc_block(x)) if self.skip else self.fc_block(x)

    class ParamRegressor(nn.Module):
        def __init__(self):
            super().__init__()
            self.layers = nn.Sequential(Layers(6 * len(mesh.template), 1), Layers(HIDDEN, 2), Layers(HIDDEN, 2),
                                        nn.Linear(HIDDEN, NUM_ROTATIONS + 10))

        def forward(self, x):
            x = self.layers(x.flatten(1))
            u, _, vt = torch.linalg.svd(x[:, :NUM_ROTATIONS].reshape(-1, 3, 3))
            rotation = u @ vt
            return (rotation * torch.linalg.det(rotation)[:, None, None]).view(-1, 24, 3, 3), x[:, NUM_ROTATIONS:]

    class Cmr(nn.Module):
        def __init__(self):
            super().__init__()
            self.graph_cnn, self.smpl_param_regressor = GraphCNN(), ParamRegressor()
            self.smpl = build_smpl(torch, body.model)
            self.register_buffer("upsample", sparse(mesh.upsample), persistent=False)

        def forward(self, image):
            below, camera = self.graph_cnn(image)
            template = self.graph_cnn.template.T.expand(len(image), -1, -1)
            rotmat, betas = self.smpl_param_regressor(torch.cat((below.detach(), template), -1))
            return spread(self.upsample, below), camera, self.smpl(rotmat, betas), rotmat, betas

    return Cmr()


def build_loss(torch, body, smpl):
    """The loss of a batch whose people have all labels, as `CMRLoss` computes it.

    Args:
        torch (module): PyTorch.
        body (Body): for its regressor.
        smpl (torch.nn.Module): the body model.

    Returns:
        function: outputs, j2d (B, 24, 3), j3d (B, 24, 4), pose (B, 72), betas (B, 10) -> loss ().
    """
    regressor = torch.tensor(body.regressor, dtype=torch.float32)

    def joint_losses(vertices, camera, j2d, j3d):
        joints = torch.einsum("jv,bvc->bjc", regressor, vertices)
        projected = camera[:, None, :1] * (joints[..., :2] + camera[:, None, 1:])
        centred, true = joints - joints[:, 2:4].mean(1, True), j3d[..., :3] - j3d[:, 2:4, :3].mean(1, True)
        return ((j2d[..., 2:] * (projected - j2d[..., :2]) ** 2).mean()
                + (j3d[..., 3:] * (centred - true) ** 2).mean())

    def loss(outputs, j2d, j3d, pose, betas):
        vertices, camera, smpl_vertices, rotmat, pred_betas = outputs
        true_rotmat = axis_angle_to_matrix(torch, pose.view(-1, 24, 3))
        with torch.no_grad():
            truth = smpl(true_rotmat, betas)
        return ((vertices - truth).abs().mean() + (smpl_vertices - truth).abs().mean()
                + joint_losses(vertices, camera, j2d, j3d) + joint_losses(smpl_vertices, camera.detach(), j2d, j3d)
                + ((rotmat - true_rotmat) ** 2).mean() + 0.1 * ((pred_betas - betas) ** 2).mean())

    return loss
