"""The ways to hold a likeness that the likeness bench compares, each as pictures of ten scenes."""

import json
import tempfile
import time
from pathlib import Path

import torch
from diffusers import StableDiffusionPipeline
from PIL import Image
from safetensors.torch import load

from bench.likeness_cast import LESSONS, Character
from generators.diffusion.trainer.learning import learn
from generators.diffusion.trainer.orders import Lesson, Order
from training.starter.captions import caption
from training.starter.characters import IDENTITY
from training.starter.classifier import Reader, read
from training.starter.evaluation import tensor_of
from training.starter.looks import VALUES
from training.starter.reference import USUAL_WEIGHT
from training.starter.runs import draws

STEPS, GUIDANCE, BATCH = 15, 3.0, 5
CANDIDATES = 4
TRIGGER = "zwx"
WAYS = ("nothing", "description", "seed", "reference", "lora", "both")
Pictures = list[Image.Image]


class Studio:
    """A checkpoint with its own IP-Adapter, and the classifier that looks at what it draws."""

    def __init__(self, checkpoint: Path, reader: Reader) -> None:
        self.checkpoint = checkpoint
        self._reader = reader
        self._pipeline = StableDiffusionPipeline.from_pretrained(checkpoint, dtype=torch.float32)
        self._pipeline.set_progress_bar_config(disable=True)
        self._pipeline.load_ip_adapter(
            checkpoint, subfolder="ip_adapter", weight_name="ip-adapter.safetensors"
        )

    def readings(self, pictures: Pictures) -> list[dict[str, int]]:
        """What the classifier sees in each picture."""
        found = read(self._reader, tensor_of(pictures))
        return [{name: int(found[name][index]) for name in VALUES} for index in range(len(pictures))]

    def draw(self, prompts: list[str], seeds: list[int], reference: Image.Image | None = None) -> Pictures:
        """Pictures for prompts, each from a seed of its own."""
        self._pipeline.set_ip_adapter_scale(0.0 if reference is None else USUAL_WEIGHT)
        made: Pictures = []
        for start in range(0, len(prompts), BATCH):
            part = prompts[start : start + BATCH]
            generators = [torch.Generator().manual_seed(seed) for seed in seeds[start : start + BATCH]]
            made += self._pipeline(
                part,
                num_inference_steps=STEPS,
                guidance_scale=GUIDANCE,
                generator=generators,
                ip_adapter_image_embeds=[self._embeds(reference, len(part))],
            ).images
        return made

    def _embeds(self, reference: Image.Image | None, count: int) -> torch.Tensor:
        """Embeds of a reference for the unconditional and the conditional rows, (2 * count, 1, numbers)."""
        shown = reference or Image.new("RGB", (128, 128))
        seen, blind = self._pipeline.encode_image(shown, self._pipeline.device, count)
        return torch.cat([blind[:, None], seen[:, None]])

    def approve(self, character: Character) -> None:
        """Choose the candidate that shows most of the description, as a person would."""
        wanted = {name: VALUES[name].index(getattr(character.look, name)) for name in IDENTITY}
        seeds = list(range(CANDIDATES))
        pictures = self.draw([character.description] * CANDIDATES, seeds)
        scores = [sum(row[name] == wanted[name] for name in IDENTITY) for row in self.readings(pictures)]
        character.seed = max(seeds, key=lambda seed: (scores[seed], -seed))
        character.base = pictures[character.seed]
        character.found = self.readings([character.base])[0]

    def lessons(self, character: Character) -> Pictures:
        """A handful of the checkpoint's own pictures, held by words and reference, the best of a few each."""
        rng, _ = draws(61, character.number)
        unsaid = frozenset({"wall"})
        prompts = [caption(look, rng, everything=True, unsaid=unsaid) for look in character.lessons]
        rounds = [
            self.draw(prompts, [100 * turn + n for n in range(LESSONS)], character.base)
            for turn in range(1, CANDIDATES + 1)
        ]
        alike = [
            [sum(row[name] == character.found[name] for name in IDENTITY) for row in self.readings(pictures)]
            for pictures in rounds
        ]
        scores = list(zip(*alike, strict=True))
        return [rounds[scores[n].index(max(scores[n]))][n] for n in range(LESSONS)]

    def there_and_back(self, pictures: Pictures) -> Pictures:
        """Pictures after the autoencoder: as well as this checkpoint could draw them."""
        vae = self._pipeline.vae
        with torch.no_grad():
            made = vae.decoder(vae.encoder(tensor_of(pictures)))
        return list(self._pipeline.image_processor.postprocess(made.clamp(-1, 1)))

    def wear(self, adapter: bytes) -> None:
        """Put a LoRA on."""
        header = json.loads(adapter[8 : 8 + int.from_bytes(adapter[:8], "little")])["__metadata__"]
        metadata = json.loads(header["lora_adapter_metadata"])
        self._pipeline.unet.load_lora_adapter(
            load(adapter), prefix="unet", adapter_name="held", metadata=metadata
        )

    def take_off(self) -> None:
        """Take the LoRA off again."""
        self._pipeline.unet.unload_lora()


def taught(studio: Studio, character: Character, steps: int) -> tuple[bytes, float]:
    """The LoRA that the product's own trainer makes of the character's pictures, and the CPU seconds it took."""
    kind = character.look.gender
    name = f"{TRIGGER} {kind}"
    with tempfile.TemporaryDirectory() as folder:
        lessons = []
        pairs = [(character.base, ""), *zip(studio.lessons(character), character.lesson_prompts, strict=True)]
        for number, (picture, prompt) in enumerate(pairs):
            assert picture is not None
            picture.save(Path(folder) / f"{number}.png")
            lessons.append(Lesson(file=f"{number}.png", caption=f"{name}, {prompt}".strip(", ")))
        order = Order(
            folder=folder,
            lock="",
            source=str(studio.checkpoint),
            family="sd",
            device="cpu",
            lessons=tuple(lessons),
            trigger=TRIGGER,
            class_prompt=kind,
            base_model="starter",
            side=128,
            rank=8,
            steps=steps,
            learning_rate=4e-3,
            seed=character.number,
            sample_steps=STEPS,
            guidance=GUIDANCE,
            judge=str(studio.checkpoint / "ip_adapter" / "image_encoder"),
        )
        begun = time.process_time()
        learn(order, lambda *_args, **_facts: None)
        return order.path("adapter.safetensors").read_bytes(), time.process_time() - begun


def pictures_of(studio: Studio, character: Character, way: str) -> Pictures:
    """The ten scenes, held in one way; for "lora" and "both" the LoRA is already on."""
    count = len(character.prompts)
    prompts = character.prompts
    if way == "description":
        prompts = [f"{character.description}, {prompt}" for prompt in prompts]
    if way in {"lora", "both"}:
        prompts = [f"{TRIGGER} {character.look.gender}, {prompt}" for prompt in prompts]
    seeds = [character.seed] * count if way == "seed" else [1_000 + index for index in range(count)]
    return studio.draw(prompts, seeds, character.base if way in {"reference", "both"} else None)
