"""The catalog: names that users know, what can be used, and what is refused before any call."""

import datetime
import subprocess
import sys
from decimal import Decimal
from typing import Any

import pytest

from generators.catalog import Capability, Catalog, Provider
from generators.hosted.catalog import HostedCatalog, check
from generators.hosted.entry import ratio_of
from generators.hosted.settings import HostedSettings
from generators.spec import Conditioning, ConditioningKind, FileRef
from tests.peers.clock import VirtualTime
from tests.peers.runs import Bench, kinds, spec

TODAY = datetime.date(2026, 11, 20)
FILE = FileRef(sha256="0" * 64, size=1, media_type="image/png")


def _unavailable(catalog: HostedCatalog, key: str, day: datetime.date = TODAY) -> str | None:
    entry = catalog.get(key)
    assert entry is not None
    return catalog.unavailable(entry, day)


def _entry(key: Any, **settings: Any) -> Any:
    return HostedCatalog(HostedSettings(**settings)).get(key)


def test_every_key_is_used_once_and_every_successor_exists() -> None:
    rows = [entry.model for entry in HostedCatalog(HostedSettings())]
    catalog = Catalog(rows)
    assert len(catalog) == len(rows)
    for model in rows:
        successor = catalog.get(model.successor) if model.successor else None
        assert (model.retired_on is None) == (model.successor is None)
        assert successor is None or successor.retired_on is None


@pytest.mark.parametrize(
    "key",
    ["recraft-v3", "recraft-v4", "ideogram-v2", "ideogram-v3", "flux-1.1-pro", "flux-schnell", "flux-kontext-pro",
     "flux-2-pro", "seedream-4.5", "sdxl", "gemini-nano-banana-2.1", "gemini-3-pro-image", "gpt-image-2.6-flare",
     "gpt-image-2.5-sunburst", "pexels", "sd-3.5-large", "leonardo-phoenix-1.0", "gpt-6-luna"],
)  # fmt: skip
def test_known_name_is_usable_with_its_key(key: Any) -> None:
    catalog = HostedCatalog(
        HostedSettings(
            openai_api_key="k",
            replicate_api_token="k",
            recraft_api_token="k",
            gemini_api_key="k",
            pexels_api_key="k",
        )
    )
    assert _unavailable(catalog, key) is None


@pytest.mark.parametrize(
    ("key", "sentence"),
    [("dall-e-3", "DALL-E 3 was retired on 2026-05-12; use gpt-image-2.5-sunburst."),
     ("dall-e-2", "DALL-E 2 was retired on 2026-05-12; use gpt-image-2.5-sunburst."),
     ("gpt-image-1", "GPT Image 1 was retired on 2026-10-23; use gpt-image-2.5-sunburst."),
     ("imagen-3", "Imagen 3 was retired on 2026-08-17; use gemini-nano-banana-2.1."),
     ("imagen-4", "Imagen 4 was retired on 2026-08-17; use gemini-nano-banana-2.1.")],
)  # fmt: skip
def test_retired_name_is_refused_naming_its_successor(key: Any, sentence: Any) -> None:
    catalog = HostedCatalog(HostedSettings(openai_api_key="k", gemini_api_key="k"))
    assert _unavailable(catalog, key) == sentence


def test_model_with_a_date_to_come_is_used_until_that_day() -> None:
    catalog = HostedCatalog(HostedSettings(openai_api_key="k"))
    assert _unavailable(catalog, "gpt-image-1.5", datetime.date(2026, 11, 30)) is None
    sentence = _unavailable(catalog, "gpt-image-1.5", datetime.date(2026, 12, 1))
    assert sentence == "GPT Image 1.5 was retired on 2026-12-01; use gpt-image-2.5-sunburst."


@pytest.mark.parametrize(
    ("key", "variable"),
    [("gpt-image-2.6-flare", "OPENAI_API_KEY"), ("flux-1.1-pro", "REPLICATE_API_TOKEN"),
     ("recraft-v4", "RECRAFT_API_TOKEN"), ("gemini-nano-banana", "GEMINI_API_KEY"), ("pexels", "PEXELS_API_KEY")],
)  # fmt: skip
def test_missing_key_is_named_by_its_variable(key: Any, variable: Any) -> None:
    catalog = HostedCatalog(HostedSettings())
    sentence = _unavailable(catalog, key)
    assert sentence == f"{key} is not available. Check {variable} configuration"


def test_recraft_goes_through_replicate_where_only_that_token_is_set() -> None:
    assert _entry("recraft-v3").provider is Provider.RECRAFT
    assert _entry("recraft-v3", replicate_api_token="r").provider is Provider.REPLICATE
    assert _entry("recraft-v3", replicate_api_token="r", recraft_api_token="x").provider is Provider.RECRAFT


def test_style_of_recraft_goes_through_replicate_where_that_knows_it() -> None:
    named = _entry("recraft-v3:realistic_image", replicate_api_token="r")
    assert (named.provider, named.inputs.fixed["style"]) == (Provider.REPLICATE, "realistic_image")
    assert _entry("recraft-v3:0b6f1c4e-6c2d-4f0a-9a53-3f1f6c0f7a11", replicate_api_token="r") is None


def test_operators_own_models_and_trained_versions_are_rows_too() -> None:
    entry = _entry("me/lora:abc", replicate_models=("me/lora:abc",))
    assert (entry.wire, entry.provider) == ("me/lora:abc", Provider.REPLICATE)
    named = _entry("replicate:me/lora:abc")
    assert (named.wire, named.model.key) == ("me/lora:abc", "replicate:me/lora:abc")
    assert _entry("nothing") is None


def test_text_model_is_openais_unless_an_endpoint_is_named() -> None:
    assert HostedCatalog(HostedSettings()).text_key() is None
    assert HostedCatalog(HostedSettings(openai_api_key="k")).text_key() == "gpt-6-luna"
    other = HostedCatalog(HostedSettings(text_base_url="http://127.0.0.1:1/v1", text_model="llama4"))
    assert other.text_key() == "llama4"
    assert _unavailable(other, "llama4") is None


GPT, FLUX, SCHNELL, V3 = "gpt-image-2.6-flare", "flux-2-pro", "flux-schnell", "recraft-v3"
REFUSED = [
    (GPT, {"width": 1000}, "multiples of 16"),
    (GPT, {"width": 3840, "height": 1024}, "at most 3:1"),
    (GPT, {"width": 3840, "height": 3840}, "8294400 pixels"),
    (GPT, {"quality": "ultra"}, "low, medium, high, xhigh, max"),
    (GPT, {"negative_prompt": "text"}, "no negative prompt"),
    (GPT, {"guidance": 5.0}, "no guidance"),
    (GPT, {"prompt": "x" * 32_001}, "at most 32000 characters; this one has 32001"),
    ("gpt-image-1.5", {"width": 1536, "height": 1536}, "1024x1024, 1536x1024, 1024x1536"),
    (FLUX, {"width": 2056}, "multiples of 16"),
    (FLUX, {"quality": "high"}, "knows no qualities"),
    (SCHNELL, {"width": 1000, "height": 300}, "1:1, 16:9"),
    (
        SCHNELL,
        {"conditioning": (Conditioning(kind=ConditioningKind.INIT_IMAGE, file=FILE),)},
        "from text alone",
    ),
    (FLUX, {"conditioning": (Conditioning(kind=ConditioningKind.CONTROLNET, file=FILE),)}, "no ControlNet"),
    (FLUX, {"conditioning": (Conditioning(kind=ConditioningKind.LORA, file=FILE),)}, "no LoRA of its own"),
    (FLUX, {"mask": FILE}, "takes no mask; GPT Image does"),
    (GPT, {"mask": FILE}, "needs a picture to paint in with a mask"),
    (V3, {"prompt": "x" * 1001}, "at most 1000 characters"),
    (V3, {"width": 1216, "height": 896}, "1820x1024"),
    ("gpt-6-luna", {}, "makes no pictures; it can do TEXT, VISION"),
    ("flux-dev-lora", {}, "makes no pictures; it can do TRAINING"),
    ("gemini-3.1-flash-lite-image", {"width": 2048, "height": 2048}, "at most 1048576 pixels"),
]


@pytest.mark.parametrize("case", REFUSED, ids=lambda case: f"{case[0]}-{case[2][:12]}")
def test_what_a_model_cannot_do_is_refused_naming_what_it_can(case: Any) -> None:
    key, changes, words = case
    refusal = check(spec(key, **changes), _entry(key))
    assert refusal is not None
    assert refusal.startswith(f"{key} ")
    assert words in refusal


def test_what_it_can_do_is_not_refused() -> None:
    init = (Conditioning(kind=ConditioningKind.INIT_IMAGE, file=FILE),)
    masked = spec(GPT, width=2048, height=1152, quality="max", mask=FILE, conditioning=init)
    assert check(masked, _entry(GPT)) is None
    assert check(spec("sdxl", negative_prompt="x", guidance=7.0, steps=30), _entry("sdxl")) is None
    many = tuple(Conditioning(kind=ConditioningKind.IP_ADAPTER, file=FILE) for _ in range(40))
    assert check(spec(GPT, conditioning=many), _entry(GPT)) is None


@pytest.mark.asyncio
@pytest.mark.parametrize("case", REFUSED[:6], ids=lambda case: case[2][:12])
async def test_refused_request_makes_no_call(time: VirtualTime, case: Any) -> None:
    key, changes, words = case
    bench = Bench(time, openai_api_key="k", openai_base_url="http://127.0.0.1:9/v1")
    events = await bench.run(spec(key, **changes))
    assert kinds(events) == ["Failed"]
    assert words in events[0].words


def test_estimate_grows_with_quality_area_and_references(time: VirtualTime) -> None:
    bench = Bench(time)
    assert bench.generator.estimate(spec(GPT)) == Decimal("0.128")
    assert bench.generator.estimate(spec(GPT, quality="low")) == Decimal("0.012")
    assert bench.generator.estimate(spec(GPT, quality="low", width=2048, height=2048)) == Decimal("0.048")
    held = (Conditioning(kind=ConditioningKind.REFERENCE_IMAGE, file=FILE),)
    assert bench.generator.estimate(spec(GPT, quality="low", conditioning=held)) == Decimal("0.022")
    assert bench.generator.estimate(spec("ideogram-v3", quality="turbo")) == Decimal("0.03")
    assert bench.generator.estimate(spec("nothing")) == 0


def test_ratio_is_the_closest_within_three_percent() -> None:
    ratios = ("1:1", "16:9", "3:2")
    assert ratio_of(1344, 768, ratios) == "16:9"
    assert ratio_of(1000, 1000, ratios) == "1:1"
    assert ratio_of(1000, 300, ratios) is None


def test_capabilities_say_who_takes_references() -> None:
    takers = {
        entry.model.key
        for entry in HostedCatalog(HostedSettings())
        if Capability.REFERENCE_IMAGES in entry.model.capabilities
    }
    assert {"gpt-image-2", "flux-2-pro", "seedream-4.5", "gemini-3-pro-image"} <= takers
    assert not {"flux-schnell", "recraft-v4", "sdxl"} & takers


def test_clients_are_imported_on_first_use_only() -> None:
    code = """
import pkgutil, sys
import generators.hosted
for module in pkgutil.iter_modules(generators.hosted.__path__):
    __import__(f"generators.hosted.{module.name}")
from generators.hosted.generator import HostedGenerator
from generators.hosted.settings import HostedSettings
HostedGenerator(HostedSettings(openai_api_key="k", replicate_api_token="k"), None).models()
heavy = {"openai", "replicate", "google.genai", "cloudinary", "obstore", "httpx", "torch", "PIL"} & set(sys.modules)
assert not heavy, heavy
"""
    subprocess.run([sys.executable, "-W", "error", "-c", code], check=True, timeout=60)
