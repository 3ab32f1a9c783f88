"""Requests in mixed company without threads: the engine's own admission and forwards, one tick at a time."""

import io
from pathlib import Path
from typing import Any

from PIL import Image

from generators.diffusion.asks import Ask
from generators.diffusion.checkpoints import Shelf
from generators.diffusion.lanes import wait
from generators.diffusion.runs import Run
from generators.diffusion.work import Work
from tests.generators.diffusion import tiny


class Company:
    """A loop that tests drive by hand."""

    def __init__(self, folder: Path, *sources: Path, **more: Any) -> None:
        chosen = tiny.settings(folder, *sources, **more)
        self.work = Work(chosen, Shelf(chosen))
        self.runs: list[Run] = []
        self._count = 0

    def join(self, request: Ask, live: Any = None) -> Run:
        """Admit a request."""
        self._count += 1
        run = Run(
            ask=request,
            live=live or tiny.Watcher(),
            post=lambda _: None,
            number=self._count,
            alone=request.exact,
        )
        self.work.admit(run)
        self.runs.append(run)
        return run

    def tick(self) -> None:
        """One step for everybody who is not done: a forward per share, the exact ones in forwards of their own."""
        groups: dict[Any, list[Run]] = {}
        for run in self.runs:
            if run.state is not None and not run.state.done:
                groups.setdefault(run.number if run.alone else run.state.share, []).append(run)
        for group in groups.values():
            failed = self.work.forward(group)
            assert failed == {}, list(failed.values())
            wait(group[0].mark)  # who looks at the latents is in another lane

    def finish(self) -> None:
        """Tick until everybody is done."""
        while any(run.state is not None and not run.state.done for run in self.runs):
            self.tick()

    def join_all(self, *asks: Ask) -> list[Run]:
        """All join at once and run to the end."""
        runs = [self.join(request) for request in asks]
        self.finish()
        return runs

    def staggered(self, *asks: Ask) -> list[Run]:
        """One joins before each tick; all run to the end."""
        runs = []
        for request in asks:
            runs.append(self.join(request))
            self.tick()
        self.finish()
        return runs


def stock(pipeline: Any, request: Ask, output: str = "latent") -> Any:
    """The same request through the stock pipeline: latents, or a picture with output="pil"."""
    import diffusers
    import torch

    pipeline.to(tiny.DEVICE)
    if request.scheduler is not None:
        kind = getattr(diffusers, request.scheduler)
        pipeline = type(pipeline)(
            **{**pipeline.components, "scheduler": kind.from_config(pipeline.scheduler.config)}
        )
        pipeline.set_progress_bar_config(disable=True)
    options: dict[str, Any] = {
        "prompt": request.prompt,
        "negative_prompt": request.negative_prompt,
        "num_inference_steps": request.steps,
        "guidance_scale": request.guidance,
        "generator": torch.Generator("cpu").manual_seed(request.seed),
        "output_type": output,
    }
    if request.init_image is not None:
        does = "Img2Img" if request.mask is None else "Inpaint"
        kind = getattr(diffusers, type(pipeline).__name__.replace("Pipeline", f"{does}Pipeline"))
        pipeline = kind(**pipeline.components)
        pipeline.set_progress_bar_config(disable=True)
        picture = Image.open(io.BytesIO(request.init_image)).resize((request.width, request.height))
        if request.mask is not None:
            options |= {"width": request.width, "height": request.height}
            options["mask_image"] = Image.open(io.BytesIO(request.mask))
        return pipeline(image=picture, strength=request.strength, **options).images[0]
    return pipeline(width=request.width, height=request.height, **options).images[0]


def distance(run: Run, expected: Any) -> float:
    """Worst difference of the latents, relative to the largest expected one."""
    assert run.state is not None
    expected = expected.to(run.state.latents.device)
    worst = (run.state.latents[0] - expected).abs().max() / expected.abs().max()
    return float(worst)


def box_mask(side: int = tiny.SIDE) -> bytes:
    """A mask as PNG bytes: white in its middle."""
    whole, file = Image.new("L", (side, side), 0), io.BytesIO()
    whole.paste(255, (side // 8, side // 4, side * 5 // 8, side * 3 // 4))
    whole.save(file, format="PNG")
    return file.getvalue()


def gradient(side: int = tiny.SIDE) -> bytes:
    """A picture as PNG bytes: a colour gradient."""
    picture = Image.merge(
        "RGB", [Image.linear_gradient("L").resize((side, side)).rotate(90 * turn) for turn in range(3)]
    )
    file = io.BytesIO()
    picture.save(file, format="PNG")
    return file.getvalue()
