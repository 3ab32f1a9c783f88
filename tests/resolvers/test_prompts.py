"""Composed prompts."""

from resolvers.prompts import BASE_IMAGE_STYLE, base_image_prompt
from store.database.tables import Persona


def test_description_goes_before_personality_and_style() -> None:
    persona = Persona(
        appearance="a baker", base_appearance_description="Red hair, green eyes!", personality=" calm "
    )
    assert base_image_prompt(persona, "Plain.") == "Red hair, green eyes! Personality: calm. Plain."


def test_appearance_stands_in_for_a_missing_description() -> None:
    persona = Persona(appearance="a baker", base_appearance_description=None, personality=" ")
    assert base_image_prompt(persona) == f"a baker. {BASE_IMAGE_STYLE}"
