"""What the local engine can be told. Knows no environment and no torch; the application fills it in."""

import dataclasses
from pathlib import Path

from generators.diffusion import words
from generators.diffusion.extras import configured


@dataclasses.dataclass(frozen=True, kw_only=True)
class DiffusionSettings:
    """The engine's settings.

    Attributes:
        data_dir: where this server keeps what it makes; checkpoints it builds lie in `<data_dir>/checkpoints`.
        local_checkpoints: checkpoints of your own, each a folder in diffusers format or a hub id (`owner/name`,
            `owner/name@revision`), optionally with a key of its own: `key=folder`.
        local_extras: networks beside the checkpoints of a family, each
            `ip-adapter:<family>=<folder>`, `controlnet[-canny]:<family>=<folder>` or `preview:<family>=<folder>`; a
            hub id (`owner/name`) may stand for the folder.
        builtin_checkpoints: whether the tested entries of the catalog are offered beside them.
        starter_checkpoint: whether the built-in fallback is offered, which draws where nothing else can.
        starter_folder: a trained starter checkpoint; not set = the one shipped with the code, else noise.
        hub_cache: where downloads lie; not set = the cache that all Hugging Face tools on this machine share.
        hub_endpoint: another hub than huggingface.co.
        hub_token: for gated downloads; never logged.
        engine: "thread", or "process" for a process of its own that may crash without the server.
        device: "auto" (every GPU, an engine each; else the CPU), "cuda", "cuda:N", "mps" or "cpu"; several with
            commas between them make several engines.
        dtype: "auto", "float32", "bfloat16" or "float16".
        threads: CPU threads of one forward; 0 = all cores but one, which the event loop and the database keep.
        max_rows: most rows of one forward; 0 = 8 on a CPU, 32 elsewhere, and never more than are found to pay.
            A request with guidance is two rows.
        max_resident: checkpoints kept loaded at once; the least recently used one leaves.
        save_every_steps: a run's state is saved no more often than every so many steps; 0 = never.
        save_every_seconds: a run's state is saved no more often than every so many seconds.
        switch_interval: seconds after which Python lets another thread run, process-wide (0 = leave it);
            keeps the event loop's lateness below a millisecond while the engine thread computes.
        channels_last: memory layout of convolutions; not set = on CUDA only.
        attention: which kernels compute attention in a transformer: "auto" = torch's own choice, else a
            name that diffusers knows (`native`, `_native_cudnn`, `flash`, `sage`, ...); some need a package.
        compile_blocks: whether the repeating blocks of a network are compiled, with symbolic sizes.
            Costs up to a minute per checkpoint after its load; exact pictures and those with a LoRA or an
            IP-Adapter run uncompiled. Needs a C++ compiler on a CPU, Triton elsewhere.
        quantization: how the denoiser's weights are kept: "none", "fp8" (half of bfloat16, computed
            as before) or "int8" (needs `likeness[quantization]`).
        offload: what waits in main memory until it computes: "none", "encoders" (whole text encoders),
            "blocks" or "layers" (also the denoiser, piece by piece; slower, least memory), "auto" = "blocks" for a
            checkpoint larger than the whole device ("layers" for a UNet), else "none".
        step_cache: above 0, FAST runs of FLUX and Qwen-Image skip the blocks after the first while its
            output changes by less than this share (0.05 to 0.12 is usual), each in forwards of its own. 0 = off.
        previews: "linear", or "autoencoder" for sharper ones by the family's tiny autoencoder, where
            that is installed (LOCAL_EXTRAS `preview:<family>=<folder>`); watchers can ask for them themselves.
        warm_up_seconds: at most so long the loaded checkpoint is tried out with forwards of rising size, while
            nobody waits; not set = 30 on a GPU, 0 on a CPU, which learns from the pictures asked for.
        training_device: where adapters are trained; "auto" = where pictures are made, else "cpu" or
            "cuda:N".
        training_pauses_serving: whether a training waits for running pictures, unloads
            all checkpoints and lets new pictures wait until it is over. For one device with little memory.
        training_save_seconds: a training's state is saved that often, and at each of its checkpoints.
        training_threads: CPU threads of a trainer.
        vae_tiling: decode in tiles above this many pixels a side (0 = never); saves memory.
    """

    data_dir: Path
    local_checkpoints: tuple[str, ...] = ()
    local_extras: tuple[str, ...] = ()
    builtin_checkpoints: bool = True
    starter_checkpoint: bool = True
    starter_folder: Path | None = None
    hub_cache: Path | None = None
    hub_endpoint: str | None = None
    hub_token: str | None = dataclasses.field(default=None, repr=False)
    engine: str = "thread"
    device: str = "auto"
    dtype: str = "auto"
    threads: int = 0
    max_rows: int = 0
    max_resident: int = 2
    save_every_steps: int = 5
    save_every_seconds: float = 5.0
    switch_interval: float = 0.0005
    channels_last: bool | None = None
    attention: str = "auto"
    compile_blocks: bool = False
    quantization: str = "none"
    offload: str = "auto"
    step_cache: float = 0.0
    previews: str = "linear"
    warm_up_seconds: float | None = None
    vae_tiling: int = 1536
    training_device: str = "auto"
    training_pauses_serving: bool = False
    training_save_seconds: float = 30.0
    training_threads: int = 1

    def __post_init__(self) -> None:
        """Raise ValueError for the first word that is unknown, so that it stops the start and not the first picture."""
        for setting in words.WORDS.keys() - {"DEVICE"}:
            words.check(setting, getattr(self, setting.lower()))
        if not self.devices:
            raise ValueError(f"DEVICE names no device; use some of {', '.join(words.WORDS['DEVICE'])}.")
        for device in self.devices:
            words.check("DEVICE", device)
        for text in self.local_extras:
            configured(text)

    @property
    def devices(self) -> tuple[str, ...]:
        """One name for each engine; trainings use the first."""
        return tuple(name.strip() for name in self.device.split(",") if name.strip())

    @property
    def checkpoint_dir(self) -> Path:
        """Where checkpoints that this server builds lie."""
        return self.data_dir / "checkpoints"

    @property
    def training_dir(self) -> Path:
        """Where trainers work; emptied by their server."""
        return self.data_dir / "training"
