"""Characters to start from: code, not rows. A template is copied when a character is made and forgotten after."""

import dataclasses


@dataclasses.dataclass(frozen=True, kw_only=True)
class CharacterTemplate:
    """One of them. Looks are concrete and of one person, so that prompts hold them well."""

    key: str
    name: str
    appearance: str
    art_style: str
    style_modifiers: tuple[str, ...]


TEMPLATES: dict[str, CharacterTemplate] = {
    template.key: template
    for template in (
        CharacterTemplate(
            key="elven-ranger",
            name="Elven ranger",
            appearance="a slender elf woman with long silver hair in a braid, pointed ears, green eyes, a hooded "
            "moss-green cloak and worn leather armour",
            art_style="digital fantasy painting",
            style_modifiers=("painterly brushwork", "dappled forest light", "muted greens and browns"),
        ),
        CharacterTemplate(
            key="dwarven-smith",
            name="Dwarven smith",
            appearance="a broad dwarf man with a copper-red beard in two braids, a bald head, soot on his cheeks, a "
            "thick leather apron and rolled-up sleeves",
            art_style="oil painting",
            style_modifiers=("warm forge light", "deep shadows", "visible canvas texture"),
        ),
        CharacterTemplate(
            key="human-paladin",
            name="Human paladin",
            appearance="a tall dark-skinned woman with close-cropped black hair, a scar over her left brow, polished "
            "plate armour and a white tabard with a golden sun",
            art_style="heroic fantasy illustration",
            style_modifiers=("crisp line work", "golden rim light", "clear sky colours"),
        ),
        CharacterTemplate(
            key="tiefling-warlock",
            name="Tiefling warlock",
            appearance="a lean tiefling man with crimson skin, swept-back black horns, amber eyes without pupils, a "
            "goatee and a high-collared violet coat",
            art_style="dark fantasy illustration",
            style_modifiers=("candle light", "violet smoke", "high contrast"),
        ),
        CharacterTemplate(
            key="halfling-rogue",
            name="Halfling rogue",
            appearance="a small freckled halfling woman with curly chestnut hair, a sly smile, a patched grey hood and "
            "a belt full of lock picks",
            art_style="ink and watercolour",
            style_modifiers=("loose ink lines", "soft washes of colour", "white paper background"),
        ),
        CharacterTemplate(
            key="cyberpunk-courier",
            name="Cyberpunk courier",
            appearance="a wiry young man with a shaved head, chrome implants along the jaw, glowing cyan eyes and a "
            "translucent yellow rain jacket",
            art_style="cyberpunk concept art",
            style_modifiers=("neon reflections", "wet streets", "teal and magenta light"),
        ),
        CharacterTemplate(
            key="starship-captain",
            name="Starship captain",
            appearance="a woman in her fifties with short grey hair, a calm face with fine wrinkles and a dark-blue "
            "uniform jacket with silver piping",
            art_style="retro science-fiction illustration",
            style_modifiers=("airbrushed shading", "film grain", "colours of the nineteen-seventies"),
        ),
        CharacterTemplate(
            key="occult-detective",
            name="Occult detective",
            appearance="a gaunt man in his forties with tired grey eyes, a three-day beard, a rumpled brown trench "
            "coat and a fedora",
            art_style="film noir comic",
            style_modifiers=(
                "heavy black inks",
                "hard venetian-blind shadows",
                "black and white with one red accent",
            ),
        ),
        CharacterTemplate(
            key="desert-nomad",
            name="Desert nomad",
            appearance="a sun-browned woman with dark eyes lined in kohl, an indigo head scarf, layered sand-coloured "
            "robes and a curved dagger at the belt",
            art_style="gouache illustration",
            style_modifiers=("flat shapes", "strong sunlight", "ochre and indigo"),
        ),
        CharacterTemplate(
            key="clockwork-golem",
            name="Clockwork golem",
            appearance="a tall humanoid golem of brass and dark oak with exposed gears in the chest, round glass eyes "
            "that glow amber and ivy growing over one shoulder",
            art_style="steampunk illustration",
            style_modifiers=("engraved detail", "sepia tones", "drifting steam"),
        ),
    )
}
"""By key, in the order they are shown."""
