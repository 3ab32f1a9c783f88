"""Names for people, and clients' names made harmless."""

from datetime import UTC, datetime, timedelta, timezone

import pytest

from store.files.names import base_image_name, display_name, variant_name

AT = datetime(2026, 11, 20, 4, 44, 5, tzinfo=UTC)


def test_base_image_names_tell_subject_origin_and_version() -> None:
    assert base_image_name("persona", "0199", "uploaded", 1, "png") == "persona_0199_uploaded_v1.png"
    assert base_image_name("persona", "0199", "local", 3, "png") == "persona_0199_local_v3.png"
    assert base_image_name("character", 7, "flux-1.1-pro", 12, "webp") == "character_7_flux-1.1-pro_v12.webp"


def test_variant_names_tell_model_time_job_and_number() -> None:
    assert variant_name("sdxl-base", AT, "0199ab", 2, "png") == "sdxl-base_20261120_044405_0199ab_var2.png"


def test_variant_time_is_utc_wherever_it_was_made() -> None:
    elsewhere = AT.astimezone(timezone(timedelta(hours=5, minutes=30)))

    assert variant_name("m", elsewhere, "j", 1, "png") == "m_20261120_044405_j_var1.png"


def test_time_without_a_zone_is_an_error() -> None:
    with pytest.raises(ValueError, match="without a zone"):
        variant_name("m", AT.replace(tzinfo=None), "j", 1, "png")


@pytest.mark.parametrize(
    ("key", "written"),
    [
        ("stabilityai/stable-diffusion-xl", "stabilityai-stable-diffusion-xl"),
        ("../../etc", "etc"),
        ("a b_c", "a-b-c"),
        ("модель", "model"),
        ("///", "unnamed"),
        ("x\0y", "x-y"),
    ],
)
def test_odd_model_keys_become_plain_words(key: str, written: str) -> None:
    assert variant_name(key, AT, "j", 1, "png") == f"{written}_20261120_044405_j_var1.png"


@pytest.mark.parametrize(
    ("sent", "shown"),
    [
        (None, "upload"),
        ("", "upload"),
        ("me.png", "me.png"),
        ("Грета ☃.jpeg", "Грета ☃.jpeg"),
        ("../../etc/passwd", "passwd"),
        ("C:\\Users\\me\\photo.jpg", "photo.jpg"),
        ("a\r\nSet-Cookie: x.png", "aSet-Cookie: x.png"),
        ("nul\0byte.png", "nulbyte.png"),
        ("gpj.\u202eexe.png", "gpj.exe.png"),
        ("zero\u200bwidth\ufeff.png", "zerowidth.png"),
        ("\ud800.png", "png"),
        ("  many \t  spaces  .png", "many spaces .png"),
        ("...", "upload"),
        ("e\u0301.png", "é.png"),
        ("x" * 300 + ".png", "x" * 196 + ".png"),
        ("x" * 300, "x" * 200),
        ("a." + "y" * 300, "a." + "y" * 198),
    ],
)
def test_client_file_name_is_shown_without_tricks(sent: str | None, shown: str) -> None:
    assert display_name(sent) == shown
