"""One update of the weights as one compiled graph: forward, backward, reduction, clipping, optimizer."""
import mindspore as ms
from mindspore import Tensor, amp, nn, ops


class TrainStep(nn.Cell):
    """Gradients and update in one Cell, the fastest form that the framework has on every back end.

    Args:
        network (Cell): `network(*batch)` returns `(loss, terms)`: a scalar and a tuple of scalars, the loss terms in
            the order of `network.term_names`.
        optimizer (Optimizer): updates `optimizer.parameters`.
        scaler (LossScaler): None for none. With one, a step whose gradients are not finite changes nothing but the
            scale.
        clip_norm (float): bound of the global norm of the gradients, 0 for none.
        accumulate (int): number of equal parts that each batch is worked through in; their mean gradient is applied.
        rank_size (int): number of workers; their mean gradient and mean loss are taken.

    Inputs:
        - **batch** (Tensors) - all with the batch as first axis.

    Outputs:
        Tuple of Tensors: loss (), terms (K,), skipped () float32: 1 when the step was skipped, else 0.
    """

    def __init__(self, network: nn.Cell, optimizer: nn.Optimizer, scaler: amp.LossScaler | None = None,
                 clip_norm: float = 0.0, accumulate: int = 1, rank_size: int = 1):
        super().__init__(auto_prefix=False)
        self.network = network
        self.network.set_train(True)
        self.optimizer = optimizer
        self.scaler = scaler
        self.has_scaler = scaler is not None
        self.clip_norm = clip_norm
        self.accumulate = accumulate
        self.rank_size = rank_size
        self.gradient = ms.value_and_grad(self._scaled_loss, None, optimizer.parameters, has_aux=True)
        self.add = ops.MultitypeFuncGraph("add_gradients")
        self.add.register("Tensor", "Tensor")(_add)
        self.scale = ops.MultitypeFuncGraph("scale_gradients")
        self.scale.register("Number", "Tensor")(_scale)
        self.scale.register("Tensor", "Tensor")(_scale)
        self.squares = ops.MultitypeFuncGraph("sum_of_squares")
        self.squares.register("Tensor")(_sum_of_squares)
        self.map = ops.HyperMap()
        if rank_size > 1:
            self.reduce = nn.DistributedGradReducer(optimizer.parameters, mean=True, degree=rank_size)
            self.sum_ranks = ops.AllReduce()

    @property
    def term_names(self) -> tuple[str, ...]:
        """Names of the loss terms."""
        return tuple(self.network.term_names)

    def _scaled_loss(self, *batch: Tensor) -> tuple[Tensor, Tensor]:
        loss, terms = self.network(*batch)
        return self._scaled(loss), ops.stack((loss, *terms))

    def _scaled(self, loss: Tensor) -> Tensor:
        return self.scaler.scale(loss) if self.has_scaler else loss

    def _gradients(self, *batch: Tensor) -> tuple[Tensor, tuple[Tensor, ...]]:
        """Mean gradient and report over the parts of the batch."""
        if self.accumulate == 1:
            (_, report), gradients = self.gradient(*batch)
            return report, gradients
        size = batch[0].shape[0] // self.accumulate
        parts = [value[:size] for value in batch]
        (_, report), gradients = self.gradient(*parts)
        for part in range(1, self.accumulate):
            parts = [value[part * size:(part + 1) * size] for value in batch]
            (_, more), others = self.gradient(*parts)
            report = report + more
            gradients = self.map(self.add, gradients, others)
        return report / self.accumulate, self.map(ops.partial(self.scale, 1.0 / self.accumulate), gradients)

    def _clipped(self, gradients: tuple[Tensor, ...]) -> tuple[Tensor, ...]:
        """Gradients with a global norm of at most `clip_norm`, by torch.nn.utils.clip_grad_norm_'s formula."""
        if self.clip_norm <= 0:
            return gradients
        norm = ops.sqrt(ops.stack(self.map(self.squares, gradients)).sum())
        factor = ops.minimum(self.clip_norm / (norm + 1e-6), 1.0)
        return self.map(ops.partial(self.scale, factor), gradients)

    def construct(self, *batch: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        report, gradients = self._gradients(*batch)
        return self._finish(report, gradients)

    def _finish(self, report: Tensor, gradients: tuple[Tensor, ...]) -> tuple[Tensor, Tensor, Tensor]:
        """What follows the gradients: mean over workers, scale, update; the outputs of `construct`."""
        if self.rank_size > 1:
            gradients = self.reduce(gradients)
            report = self.sum_ranks(report) / self.rank_size
        skipped = ops.zeros((), ms.float32)
        if self.has_scaler:
            gradients = self.scaler.unscale(gradients)
            finite = amp.all_finite(gradients)
            if finite:
                report = ops.depend(report, self._update(gradients))
            report = ops.depend(report, self.scaler.adjust(finite))
            skipped = 1.0 - finite.astype(ms.float32)
        else:
            report = ops.depend(report, self._update(gradients))
        return report[0], report[1:], skipped

    def _update(self, gradients: tuple[Tensor, ...]) -> tuple[bool, ...]:
        """Clip the gradients and let the optimizer apply them."""
        return self.optimizer(self._clipped(gradients))


def _add(left: Tensor, right: Tensor) -> Tensor:
    return left + right


def _scale(factor: float | Tensor, gradient: Tensor) -> Tensor:
    return gradient * factor.astype(gradient.dtype) if isinstance(factor, ms.Tensor) else gradient * factor


def _sum_of_squares(gradient: Tensor) -> Tensor:
    """In two steps: a reduction of a matrix to a scalar runs on one thread on CPU and gathers rounding errors."""
    squares = ops.square(gradient.astype(ms.float32))
    return squares.sum(-1).sum() if squares.ndim > 1 else squares.sum()


class RepeatedStep(nn.Cell):
    """Several updates per launch, for back ends where the launch costs more than the update.

    Args:
        step (TrainStep): one update.
        repeats (int): updates per launch; the compile time grows with it.

    Inputs:
        - **batches** (Tensors) - (repeats, B, ...): what `repeats` calls of `step` would get, stacked.

    Outputs:
        Tuple of Tensors as of `step`, each with a leading axis of length `repeats`.
    """

    def __init__(self, step: TrainStep, repeats: int):
        super().__init__(auto_prefix=False)
        self.step = step
        self.repeats = repeats

    def construct(self, *batches: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        losses, terms, skipped = [], [], []
        for index in range(self.repeats):
            outputs = self.step(*[values[index] for values in batches])
            losses.append(outputs[0])
            terms.append(outputs[1])
            skipped.append(outputs[2])
        return ops.stack(losses), ops.stack(terms), ops.stack(skipped)
