"""generators.diffusion.judging, with a tiny CLIP of random weights."""

import io
from pathlib import Path
from typing import Any

import pytest
from PIL import Image, ImageFilter

from generators.diffusion.judging import ClipJudge, JudgeSettings, sharpness
from generators.diffusion.starter import clip_tokenizer
from generators.judge import Verdict

pytestmark = pytest.mark.asyncio


def encoded(image: Image.Image) -> bytes:
    out = io.BytesIO()
    image.save(out, "PNG")
    return out.getvalue()


def noise(side: int = 64) -> Image.Image:
    return Image.effect_noise((side, side), 90).convert("RGB")


def tiny_clip(folder: Path) -> Path:
    """A CLIP that can be loaded and knows nothing."""
    from transformers import CLIPConfig, CLIPImageProcessor, CLIPModel, CLIPProcessor

    tokenizer = clip_tokenizer(("one", "person", "photo"))
    text: dict[str, Any] = {
        "vocab_size": len(tokenizer),
        "hidden_size": 32,
        "intermediate_size": 37,
        "num_hidden_layers": 1,
        "num_attention_heads": 2,
        "bos_token_id": tokenizer.bos_token_id,
        "eos_token_id": tokenizer.eos_token_id,
        "pad_token_id": tokenizer.pad_token_id,
    }
    vision = {
        "hidden_size": 32,
        "intermediate_size": 37,
        "num_hidden_layers": 1,
        "num_attention_heads": 2,
        "image_size": 32,
        "patch_size": 8,
    }
    CLIPModel(CLIPConfig(text_config=text, vision_config=vision, projection_dim=16)).save_pretrained(folder)
    size = {"height": 32, "width": 32}
    pictures = CLIPImageProcessor(size={"shortest_edge": 32}, crop_size=size)
    CLIPProcessor(image_processor=pictures, tokenizer=tokenizer).save_pretrained(folder)
    return folder


async def test_verdict_is_measured_by_the_model_of_the_folder(tmp_path: Path) -> None:
    judge = ClipJudge(JudgeSettings(quality_model=str(tiny_clip(tmp_path))))
    picture = encoded(noise())
    first = await judge.judge(picture, "one person")
    assert first is not None
    assert 0 < first.one_subject < 1
    assert 0.9 < first.sharpness < 1
    assert await judge.judge(picture, "one person") == first
    other = await judge.judge(picture, "a lighthouse")
    assert other is not None
    assert other.agreement != first.agreement
    assert other.one_subject == pytest.approx(first.one_subject)
    await judge.close()


async def test_without_a_model_nothing_is_measured() -> None:
    judge = ClipJudge(JudgeSettings())
    assert await judge.judge(encoded(noise()), "x") is None


async def test_folder_without_a_model_measures_nothing_and_is_tried_once(tmp_path: Path) -> None:
    judge = ClipJudge(JudgeSettings(quality_model=str(tmp_path)))
    assert await judge.judge(encoded(noise()), "x") is None
    tiny_clip(tmp_path)
    assert await judge.judge(encoded(noise()), "x") is None


async def test_sharpness_falls_with_blur() -> None:
    sharp = noise(128)
    values = [sharpness(sharp.filter(ImageFilter.GaussianBlur(radius))) for radius in (0, 1, 4)]
    assert values == sorted(values, reverse=True)
    assert values[0] > 0.9
    assert sharpness(Image.new("RGB", (64, 64), "red")) == 0.0
    assert sharpness(Image.new("RGB", (2, 2))) == 0.0


@pytest.mark.parametrize(
    ("parts", "of_subject", "quality"),
    [
        ((1.0, 1.0, 0.0), False, 1.0),
        ((0.25, 1.0, 0.0), False, 0.5),
        ((1.0, 1.0, 0.0), True, 0.0),
        ((2.0, 1.0, 0.125), True, 0.5),
        ((-1.0, 1.0, 1.0), False, 0.0),
    ],
)
async def test_quality_is_the_geometric_mean_of_what_counts(
    parts: Any, of_subject: bool, quality: float
) -> None:
    agreement, sharp, one = parts
    verdict = Verdict(agreement=agreement, sharpness=sharp, one_subject=one)
    assert verdict.quality(of_subject=of_subject) == pytest.approx(quality)
