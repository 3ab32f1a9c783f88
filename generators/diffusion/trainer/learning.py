"""The training loop: a LoRA on a denoiser's attention (Hu et al. 2021, arXiv 2106.09685), learned like DreamBooth.

Every draw of a step depends on (seed, step) alone, so a training that goes on from a saved state learns what an
unbroken one would have learned.
"""

import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import torch
from PIL import Image

from generators.diffusion import loading, room, starter
from generators.diffusion.catalog_entries import Checkpoint
from generators.diffusion.devices import Device, discover
from generators.diffusion.failures import BadAskError, TooLittleError
from generators.diffusion.pictures import png
from generators.diffusion.trainer.judging import Judge, held_out_loss
from generators.diffusion.trainer.keeping import Record, adapter, load_state, save_state
from generators.diffusion.trainer.lessons import Batch, Pupil, joined, school
from generators.diffusion.trainer.need import too_little
from generators.diffusion.trainer.orders import TEMPLATE, Order

NAME = "likeness"
UNETS = ("sd", "sdxl")
FLOWS = ("sd3", "flux", "flux2-klein", "qwen-image", "z-image")
SMALL_NETWORK = 100_000_000  # parameters; below it attention alone holds no identity, so more layers learn
BATCH = 4
SMALL_SIDE = 512  # above it a batch is learned row by row, for its memory
CHECKPOINTS = 4
LOOKS = 4  # pictures by which a checkpoint is judged; one alone differs from the next by as much as checkpoints do
DROPPED_CAPTIONS = 0.05
WARM_UP = 20
FALLING = 0.5
"""Over this share of the steps, the last ones, the rate falls to nothing: what is learned settles."""
LONGEST_GRADIENT = 1.0
REPORT_SECONDS = 0.1

Say = Callable[..., None]


def learn(order: Order, say: Say) -> None:
    """Train to the end, saying every step, sample and saved state.

    Raises:
        BadAskError: it cannot be trained like that; the words are for the owner.
        TooLittleError: the device has too little memory free, with numbers.
    """
    loading.quiet()
    device = _device(order)
    words = too_little(order, room.free(device))
    if words is not None:
        raise TooLittleError(words)
    if order.family not in (*UNETS, *FLOWS):
        able = ", ".join((*UNETS, *FLOWS))
        raise BadAskError(
            f"Adapters cannot be trained for {order.family} checkpoints, only for those of {able}."
        )
    say("phase", phase="LOADING_MODEL")
    pipeline = _pipeline(order, device)
    say("phase", phase="ENCODING")
    pupil = pupil_of(pipeline, order, autocast=device.dtype == "bfloat16")
    if device.kind != "cpu":
        pupil.network.enable_gradient_checkpointing()
    Training(order, pupil, say).run()


def pupil_of(pipeline: Any, order: Order, *, autocast: bool) -> Pupil:
    """What learns, by the checkpoint's family."""
    if order.family in UNETS:
        from generators.diffusion.trainer.unet_pupil import UNetPupil

        return UNetPupil(pipeline, order, autocast=autocast)
    from generators.diffusion.trainer.flow_pupil import FlowPupil

    return FlowPupil(pipeline, order, autocast=autocast)


class Training:
    """One training in its process."""

    def __init__(self, order: Order, pupil: Pupil, say: Say) -> None:
        self._order = order
        self._pupil = pupil
        self._say = say
        self._school = school(pupil, order)
        judge = Judge(order, self._school) if order.judge else None
        self._judge = judge if judge is not None and judge.able else None
        self._config = _dressed(pupil, order)
        self._weights = {
            name: value for name, value in pupil.network.named_parameters() if value.requires_grad
        }
        self._optimizer = torch.optim.AdamW(self._weights.values(), lr=order.learning_rate, weight_decay=1e-2)
        self._record = load_state(order, self._optimizer, self._weights) if order.resume else Record()
        self._saved = self._told = time.monotonic()

    def run(self) -> None:
        """From where it stands to the end."""
        order, record = self._order, self._record
        marks = {round(order.steps * part / CHECKPOINTS) for part in range(1, CHECKPOINTS + 1)} - {0}
        while record.step < order.steps:
            loss = self._step(record.step)
            record.step += 1
            record.losses = [*record.losses, loss][-20:]
            self._report(sum(record.losses) / len(record.losses))
            if record.step in marks:
                self._checkpoint()
            elif time.monotonic() - self._saved >= order.save_seconds:
                self._save()
        data = adapter(order, (self._pupil.name, self._config), record)
        order.path("adapter.safetensors").write_bytes(data)
        by = "likeness" if self._judge else "held-out loss"
        scores = [{"step": step, "score": round(score, 6)} for step, score in record.scores]
        self._say("done", file="adapter.safetensors", step=record.best_step, judged_by=by, scores=scores)

    def _step(self, number: int) -> float:
        order = self._order
        generator = torch.Generator("cpu").manual_seed((order.seed * 1_000_003 + number) % 2**63)
        batch = self._drawn(generator)
        noise = torch.randn(batch.latents.shape, generator=generator)
        share = (torch.arange(len(batch)) + torch.rand(len(batch), generator=generator)) / len(batch)
        share = share[torch.randperm(len(batch), generator=generator)]
        for group in self._optimizer.param_groups:
            group["lr"] = order.learning_rate * rate_share(number, order.steps)
        self._pupil.network.train()
        total = 0.0
        rows = len(batch) if order.side <= SMALL_SIDE else 1
        for first in range(0, len(batch), rows):
            at = list(range(first, min(len(batch), first + rows)))
            loss = self._pupil.losses(batch.rows(at), noise[at], share[at]).sum() / len(batch)
            torch.autograd.backward(loss)
            total += loss.item()
        torch.nn.utils.clip_grad_norm_(self._weights.values(), LONGEST_GRADIENT)
        self._optimizer.step()
        self._optimizer.zero_grad(set_to_none=True)
        if total != total or total == float("inf"):  # noqa: PLR0124 - the test for "not a number"
            raise BadAskError(
                f"The loss left the range of numbers at step {number + 1}: lower `learningRate`."
            )
        return total

    def _drawn(self, generator: torch.Generator) -> Batch:
        """Some of the pictures, now and then without their caption, and as many of the class."""
        taught = self._school.taught
        picks = torch.randperm(len(taught), generator=generator)[:BATCH].tolist()
        own = self._school.own.rows([taught[pick] for pick in picks])
        dropped = torch.rand(len(own), generator=generator) < DROPPED_CAPTIONS
        own = own.but(dropped.tolist(), self._school.nothing)
        if self._school.prior is None:
            return own
        others = torch.randint(len(self._school.prior), (len(own),), generator=generator).tolist()
        return joined([own, self._school.prior.rows(others)])

    def _report(self, loss: float) -> None:
        now = time.monotonic()
        if now - self._told >= REPORT_SECONDS or self._record.step in (1, self._order.steps):
            self._told = now
            self._say("step", step=self._record.step, steps=self._order.steps, loss=loss)

    def _checkpoint(self) -> None:
        """A sample, a score, the weights if they are the best so far, and a saved state."""
        self._pupil.network.eval()
        prompt = TEMPLATE.format(name=self._order.name)
        picture = self._pupil.picture(prompt, self._order.seed % 2**63)
        file = f"sample-{self._record.step}.webp"
        picture.save(self._order.path(file), format="WEBP", quality=90)
        if self._judge is not None:
            score = self._judge.likeness(self._looks(picture))
        else:
            score = -held_out_loss(self._pupil.losses, self._school, self._order.seed)
        self._record.scores.append((self._record.step, score))
        if self._record.best_step == self._record.step:
            from peft.utils import get_peft_model_state_dict

            found = get_peft_model_state_dict(self._pupil.network, adapter_name=NAME)
            self._record.best = {name: value.detach().cpu().clone() for name, value in found.items()}
        self._say("sample", file=file, step=self._record.step)
        if self._record.step < self._order.steps:
            self._save()

    def _looks(self, sample: Image.Image) -> Iterator[bytes]:
        """The sample and a few more of its kind."""
        yield png(sample)
        prompt = TEMPLATE.format(name=self._order.name)
        for look in range(1, LOOKS):
            yield png(self._pupil.picture(prompt, (self._order.seed + look) % 2**63))

    def _save(self) -> None:
        file = f"state-{self._record.step}.safetensors"
        save_state(self._order, file, self._optimizer, self._weights, self._record)
        self._saved = time.monotonic()
        self._say("saved", file=file, step=self._record.step)


def rate_share(step: int, steps: int) -> float:
    """Share of the full rate: linear warm-up, constant, then linear to nothing."""
    return min(1.0, (step + 1) / WARM_UP, (steps - step) / (FALLING * steps))


def _device(order: Order) -> Device:
    try:
        device = discover(device=order.device, dtype=order.dtype)
    except ValueError as error:
        raise BadAskError(f"There is no device to train on: {error} See TRAINING_DEVICE.") from error
    if device.kind == "cpu":
        torch.set_num_threads(order.threads)
    if device.dtype == "float16":  # gradients vanish in it
        device = discover(device=order.device, dtype="float32")
    return device


def _pipeline(order: Order, device: Device) -> Any:
    if order.starter:
        starter.build(Path(order.source))
    entry = Checkpoint(
        key=order.base_model,
        name=order.base_model,
        source=order.source,
        is_folder=not order.variant,
        family=order.family,
        variant=order.variant or None,
    )
    pipeline = loading.load(entry, Path(order.source), device).to(device.torch_name)
    pipeline.set_progress_bar_config(disable=True)
    return pipeline


def _dressed(pupil: Pupil, order: Order) -> dict[str, Any]:
    """Put a fresh adapter on the network, alpha equal to its rank; its configuration as the file tells it."""
    from peft import LoraConfig

    network = pupil.network
    small = sum(value.numel() for value in network.parameters()) < SMALL_NETWORK
    torch.manual_seed(order.seed % 2**63)
    wanted = [*pupil.targets, *(pupil.more_targets if small else ())]
    config = LoraConfig(
        r=order.rank,
        lora_alpha=order.rank,
        init_lora_weights="gaussian",
        target_modules=_there(network, wanted),
    )
    network.add_adapter(config, adapter_name=NAME)
    for value in network.parameters():
        if value.requires_grad:
            value.data = value.data.float()
    return {"r": order.rank, "lora_alpha": order.rank, "target_modules": sorted(config.target_modules)}


def _there(network: Any, wanted: list[str]) -> list[str]:
    """Those layers' names that this network has: architectures name theirs differently."""
    names = [f".{name}" for name, _ in network.named_modules()]
    return [one for one in wanted if any(name.endswith(f".{one}") for name in names)]
