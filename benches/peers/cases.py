"""What is timed: each workload in each library, one class per kind of workload. Needs torch."""

from __future__ import annotations

import importlib.util
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import torch

from workloads import EVNN, GRU, LSTM, MATMUL, Workload

STEPS_PER_SAMPLE = 200
TOLERANCE = 1e-9


class EvnnCheckFailed(Exception):
    """The installed EvNN does not compute the EGRU's gradients."""


def evnn_installed() -> bool:
    """Whether EvNN can be imported."""
    return importlib.util.find_spec("evnn_pytorch") is not None


def backend(implementation: str, device: str) -> str:
    """The library and version behind an implementation, and how it multiplies where it may choose."""
    torch_version = f"torch {torch.__version__.split('+')[0]}"
    if device == "cuda":
        tf32 = torch.backends.cuda.matmul.allow_tf32 if implementation == MATMUL else torch.backends.cudnn.allow_tf32
        return f"{torch_version} on CUDA" + (", TF32" if tf32 else "")
    if implementation != EVNN:
        return torch_version
    import evnn_pytorch

    return f"evnn-pytorch {evnn_pytorch.__version__} (CPU surrogate repaired), {torch_version}"


def card(device: str) -> str | None:
    """The name of the card behind a device; None of the processor."""
    return torch.cuda.get_device_name() if device == "cuda" else None


def finish(device: str) -> None:
    """Waits until a device has done all that it was told to do."""
    if device == "cuda":
        torch.cuda.synchronize()


def inputs(workload: Workload, device: str, *shape: int) -> torch.Tensor:
    """N(0, 1) where the workload's input has a value, zero elsewhere."""
    x = torch.randn(shape)
    if workload.input_activity < 1:
        x *= torch.rand(shape) < workload.input_activity
    return x.to(device)


class Case:
    """One workload in one library."""

    repeats = 1
    """How many times a sample does the work: a sample's time is divided by it."""

    def leaves(self) -> list[torch.Tensor]:
        """The tensors that get gradients."""
        raise NotImplementedError

    def prepare(self, pass_: str) -> None:
        """Switches to a pass, before the clock starts."""

    def forward(self) -> Any:
        """Inference; what it returns is freed after the clock stops."""
        raise NotImplementedError

    def train(self) -> None:
        """Forward, and backward to the input and all parameters from a gradient of ones of the output."""
        raise NotImplementedError

    def clear(self) -> None:
        """Drops the gradients, so that each sample allocates and writes its own."""
        for leaf in self.leaves():
            leaf.grad = None


class SequenceCase(Case):
    """A recurrent layer over a whole sequence, from a zero state."""

    def __init__(self, implementation: str, workload: Workload, device: str) -> None:
        shape = workload.shape
        self.module = recurrent(implementation, shape["input"], shape["hidden"]).to(device)
        self.x = inputs(workload, device, shape["time"], shape["batch"], shape["input"]).requires_grad_()

    def leaves(self) -> list[torch.Tensor]:
        return [self.x, *self.module.parameters()]

    def prepare(self, pass_: str) -> None:
        self.module.train(pass_ == "train")

    def forward(self) -> Any:
        with torch.no_grad():
            return self.module(self.x)

    def train(self) -> None:
        y, _ = self.module(self.x)
        y.backward(torch.ones_like(y))


class StepCase(Case):
    """A recurrent layer one step at a time, carrying its state: inference on a stream."""

    repeats = STEPS_PER_SAMPLE

    def __init__(self, implementation: str, workload: Workload, device: str) -> None:
        shape = workload.shape
        self.module = recurrent(implementation, shape["input"], shape["hidden"]).to(device)
        self.stream = inputs(workload, device, STEPS_PER_SAMPLE, 1, shape["batch"], shape["input"]).unbind(0)
        self.state: Any = None

    def leaves(self) -> list[torch.Tensor]:
        return []

    def forward(self) -> None:
        with torch.no_grad(), without_onednn():
            for x in self.stream:
                _, self.state = self.module(x, self.state)


@contextmanager
def without_onednn() -> Iterator[None]:
    """Keeps torch off oneDNN. By default nn.LSTM goes there, which packs all the weights anew in each
    call: at one step a call that takes two to five times as long as torch's own loop."""
    enabled = torch.backends.mkldnn.enabled
    torch.backends.mkldnn.enabled = False
    try:
        yield
    finally:
        torch.backends.mkldnn.enabled = enabled


class LinearCase(Case):
    """The dense product of the read-out, without a bias."""

    def __init__(self, workload: Workload, device: str) -> None:
        shape = workload.shape
        self.x = inputs(workload, device, shape["rows"], shape["input"]).requires_grad_()
        self.weight = torch.empty(shape["input"], shape["output"], device=device)
        torch.nn.init.xavier_normal_(self.weight)
        self.weight.requires_grad_()

    def leaves(self) -> list[torch.Tensor]:
        return [self.x, self.weight]

    def forward(self) -> Any:
        with torch.no_grad():
            return torch.matmul(self.x, self.weight)

    def train(self) -> None:
        out = torch.matmul(self.x, self.weight)
        out.backward(torch.ones_like(out))


def recurrent(implementation: str, size: int, hidden: int) -> torch.nn.Module:
    """A layer of the library, time-first, with its own initialisation."""
    if implementation == GRU:
        return torch.nn.GRU(size, hidden)
    if implementation == LSTM:
        return torch.nn.LSTM(size, hidden)
    import evnn_pytorch

    return evnn_pytorch.EGRU(size, hidden)


def case(implementation: str, workload: Workload, device: str) -> Case:
    """The workload in that library, with inputs and weights drawn from a fixed seed."""
    torch.manual_seed(1)
    if implementation == MATMUL:
        return LinearCase(workload, device)
    if workload.name == "step":
        return StepCase(implementation, workload, device)
    return SequenceCase(implementation, workload, device)


def check_evnn() -> dict[str, Any]:
    """Compares EvNN's compiled operation with its own plain PyTorch form: output and every gradient,
    in float64, at a small odd size. The release's CPU surrogate has a defect, which this finds.

    Raises EvnnCheckFailed where they differ, since its times would then be of other work.
    """
    import evnn_pytorch

    torch.manual_seed(1)
    compiled = evnn_pytorch.EGRU(5, 11).double()
    plain = evnn_pytorch.EGRU(5, 11, use_custom_cuda=False).double()
    plain.load_state_dict(compiled.state_dict())
    x, cotangent = torch.randn(7, 3, 5, dtype=torch.double), torch.randn(7, 3, 11, dtype=torch.double)
    results = []
    for module in (compiled, plain):
        leaf = x.clone().requires_grad_()
        output, _ = module(leaf)
        output.backward(cotangent)
        gradients = {name: p.grad for name, p in module.named_parameters() if p.grad is not None}
        results.append({"output": output.detach(), "input": leaf.grad, **gradients})
    worst = max(
        ((results[0][name] - value).abs().max() / value.abs().max()).item() for name, value in results[1].items()
    )
    if not worst <= TOLERANCE:
        raise EvnnCheckFailed(
            f"EvNN's gradients differ from its plain form's by {worst:.1e} (relative): "
            "build it repaired with benches/peers/build_evnn.py"
        )
    return {
        "passed": True,
        "max_relative_difference": worst,
        "against": "EvNN's plain PyTorch form, float64, output and gradients at a small size",
    }
