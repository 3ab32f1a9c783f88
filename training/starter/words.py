"""Words for what a picture shows: for every value of every attribute, how people say it.

Knows English wording only; how phrases become a caption is the grammar's affair.
"""

from __future__ import annotations

from types import MappingProxyType
from typing import Final

from training.starter.people import DOING, EPITHETS, OBJECT_EXTRAS, PERSON_WORDS, SCENE_EXTRAS

__all__ = ["DOING", "EPITHETS", "OBJECT_EXTRAS", "PERSON_WORDS", "SCENE_EXTRAS"]

Words = MappingProxyType[str, tuple[str, ...]]


def listing(row: str) -> tuple[str, ...]:
    """Phrases written with bars between them."""
    return tuple(row.split("|"))


def _table(**rows: str) -> Words:
    return MappingProxyType({name: listing(row) for name, row in rows.items()})


COLOURS: Final = _table(
    red="red|red|crimson|scarlet",
    orange="orange",
    yellow="yellow|yellow|golden",
    green="green|green|emerald",
    blue="blue|blue|navy|azure",
    purple="purple|purple|violet",
    pink="pink|pink|rose-colored",
    white="white",
    black="black",
    grey="grey|gray|silver",
    brown="brown|brown|leather",
    teal="teal|turquoise",
)
HAIR: Final = _table(
    black="black|black|dark|raven|jet-black",
    brown="brown|brown|dark|dark brown|chestnut|brunette",
    blonde="blonde|blond|golden|fair",
    red="red|red|ginger|orange|auburn",
    grey="grey|gray|silver",
    white="white|white|snow-white|platinum",
    pink="pink|pink|bright pink|magenta",
    blue="blue|blue|bright blue|turquoise",
)
STYLE: Final = _table(
    short="short {} hair|short {} hair|{} short hair|a short {} haircut|cropped {} hair",
    bob="shoulder-length {} hair|{} shoulder-length hair|a {} bob|medium length {} hair|a {} bob cut",
    long="long {} hair|long {} hair|{} long hair|long flowing {} hair|long straight {} hair",
    curly="curly {} hair|{} curly hair|{} curls|a {} afro|wavy {} hair|big curly {} hair",
    bun="{} hair in a bun|a {} bun|{} bun hair|a {} hair bun|{} hair tied up in a bun",
    ponytail="a {} ponytail|{} hair in a ponytail|{} ponytail hair|{} hair tied back",
    bald="bald head|no hair|a bald head|a shaved head",
)
SKIN: Final = _table(
    light="fair skin|pale skin|light skin|white skin",
    tan="tan skin|olive skin|tanned skin|beige skin",
    brown="brown skin|brown skin|medium brown skin",
    dark="dark skin|dark skin|black skin|deep brown skin",
    green="green skin|green skin|bright green skin",
    blue="blue skin|blue skin|bright blue skin",
)
SKIN_ADJECTIVES: Final = _table(
    light="fair-skinned|pale|light-skinned|european",
    tan="tanned|olive-skinned|latin|hispanic",
    brown="brown-skinned|indian|brown",
    dark="dark-skinned|african|african american|black",
    green="green-skinned|green",
    blue="blue-skinned|blue",
)
EYES: Final = _table(
    brown="brown eyes|brown eyes|dark eyes|hazel eyes",
    green="green eyes|green eyes|emerald eyes",
    blue="blue eyes|blue eyes|bright blue eyes",
)
EXPRESSION: Final = _table(
    happy="a warm smile|a smile|a happy face|a big smile|a bright smile|a friendly smile|a grin"
    "|a cheerful expression|a happy expression",
    neutral="a neutral expression|a neutral face|a serious expression|a calm face|a straight face",
    sad="a sad face|a sad expression|a frown|a sad look|tears|a gloomy face",
    angry="an angry face|an angry expression|gritted teeth|a furious look|an angry look|a scowl",
    surprised="a surprised face|an open mouth|a shocked face|a surprised look"
    "|a surprised expression|a look of surprise",
)
EXPRESSION_ADJECTIVES: Final = _table(
    happy="smiling|happy|cheerful|laughing|grinning|joyful|delighted",
    neutral="serious|calm|neutral|stoic",
    sad="sad|unhappy|gloomy|upset|frowning|crying|melancholic|worried",
    angry="angry|furious|mad|grumpy|raging|fierce|annoyed",
    surprised="surprised|shocked|amazed|astonished|startled|scared|stunned",
)
OUTFIT: Final = _table(
    shirt="a {} shirt|a {} t-shirt|a {} sweater|a {} top|a {} tee|a simple {} shirt|a {} jumper",
    suit="a {} suit|a {} business suit|a {} suit and tie|a {} blazer|{} business attire"
    "|{} formal wear|a {} jacket and tie",
    hoodie="a {} hoodie|a {} hooded sweatshirt|a {} sweatshirt|a {} hoody",
    dress="a {} dress|a {} gown|a {} summer dress|an elegant {} dress",
    robe="a {} robe|{} robes|a {} cloak|a {} tunic|a long {} robe|a {} cape",
    armor="{} armor|{} armour|{} plate armor|a {} suit of armor|{} metal armor|heavy {} armor",
)
HAT: Final = _table(
    wizard="a wizard hat|a pointy hat|a witch hat|a pointed wizard hat|a purple wizard hat",
    crown="a crown|a golden crown|a gold crown|a royal crown|a tiara",
    cap="a cap|a red cap|a baseball cap|a red baseball cap",
    helmet="a helmet|a knight helmet|a steel helmet|a metal helmet",
    fedora="a fedora|a brown hat|a brown fedora|a detective hat|a cowboy hat|a hat",
    chef="a chef hat|a white chef hat|a cook's hat|a baker hat|a chef's hat",
)
PROP: Final = _table(
    fire="casting a fire spell|casting a spell|holding fire|casting a fireball|with a fireball"
    "|conjuring flames|using fire magic|casting fire magic|holding a flame|with magic fire"
    "|casting magic",
    sword="holding a sword|with a sword|wielding a sword|holding a blade|raising a sword"
    "|wielding a blade|armed with a sword|fighting with a sword|ready for battle",
    book="reading a book|holding a book|reading|with an open book|studying a book|reading a story"
    "|reading a spellbook|studying",
    cup="drinking coffee|holding a cup of coffee|with a cup of coffee|holding a mug|drinking tea"
    "|having a coffee|with a cup of tea|holding a cup",
    muffins="making delicious muffins|baking muffins|holding muffins|with a plate of muffins"
    "|making muffins|with muffins|baking cupcakes|serving muffins|baking|eating muffins"
    "|baking delicious cupcakes|with a tray of muffins",
)
BEARD: Final = _table(
    beard="a beard|a full beard|a bushy beard|a big beard|a long beard|a {} beard|a thick {} beard",
    moustache="a moustache|a mustache|a {} moustache|a {} mustache",
)
GLASSES: Final = ("glasses", "glasses", "round glasses", "black glasses", "eyeglasses", "spectacles")
EARS: Final = ("pointed ears", "pointy ears", "elf ears", "long pointed ears", "elven ears")
AGE: Final = _table(
    adult="young|adult|middle-aged|young adult",
    old="old|old|elderly|senior|aged|wrinkled|very old",
)
AGE_AFTER: Final = _table(
    adult="in {} early 30s|in {} 20s|in {} 30s|in {} late 20s|in {} 40s|25 years old|aged 30"
    "|in {} mid 20s|in {} thirties|in {} twenties",
    old="in {} 70s|in {} 80s|in {} late 60s|80 years old|in {} seventies|with wrinkles",
)
NOUNS: Final = _table(
    woman="woman|woman|woman|girl|lady|female|female character|female person",
    man="man|man|man|guy|boy|gentleman|male|male character|male person",
    any="person|person|human|character|someone|adult|figure|individual",
)
SCENE: Final = _table(
    beach="beach|beach|beach|seaside|sea|ocean|coast|seashore|shore|tropical beach|sandy beach"
    "|tropical island|palm trees|beaches|island",
    forest="forest|forest|forest|woods|jungle|trees|woodland|green forest|pine forest|forests"
    "|enchanted forest|dark forest|deep forest|tree|wood",
    city="city|city|city|street|town|skyline|downtown|skyscrapers|city street|buildings|cities"
    "|busy street|modern city|city skyline|streets|building|rooftop",
    mountains="mountains|mountains|mountain|hills|alps|mountain peaks|snowy mountains|peaks|valley"
    "|snowy mountain|hill|cliff|mountain landscape|mountain range",
    sunset="sunset|sunset|sunset|sunrise|dusk|dawn|golden hour|evening sun|setting sun|sunsets"
    "|evening|evening sky|twilight|rising sun",
    night="night|night|night sky|starry night|starry sky|moonlight|moon|midnight|full moon|stars"
    "|nights|moonlit night|star",
    library="library|library|library|bookstore|bookshelves|study|bookshop|old library|bookshelf"
    "|libraries|shelves of books",
    dungeon="dungeon|dungeon|dark dungeon|cave|cellar|crypt|prison|stone dungeon|underground tomb"
    "|catacombs|dungeons|dark cave|caves|cavern|stone wall|torches",
    castle="castle|castle|castle|fortress|palace|medieval castle|castles|royal palace|kingdom"
    "|castle walls|towers|tower|throne room",
    office="office|office|office|meeting room|workplace|desk|modern office|boardroom|workspace"
    "|offices|work desk|classroom|conference room|school",
    kitchen="kitchen|kitchen|kitchen|bakery|home kitchen|cozy kitchen|kitchens|restaurant kitchen",
    garden="garden|garden|park|meadow|flower garden|green field|flowers|flower field|gardens"
    "|backyard|sunny park|grass|field|spring meadow|farm|countryside",
    desert="desert|desert|desert|dunes|sand dunes|hot desert|sahara|deserts|cactus|canyon"
    "|wasteland|wild west",
    snow="snow|snow|winter|snowy forest|snowfall|winter landscape|snowy landscape|falling snow"
    "|ice|blizzard|cold winter|snowstorm|frozen land|christmas|winter forest",
    tavern="tavern|tavern|tavern|inn|pub|wooden cabin|bar|old tavern|wooden house|taverns|cabin"
    "|medieval tavern|cozy tavern|restaurant|cafe|coffee shop",
    space="space|space|outer space|galaxy|planets|deep space|cosmos|universe|planet|planets and stars"
    "|alien planet|spaceship|galaxies",
)
SCENE_PREPOSITIONS: Final = MappingProxyType(
    {
        "beach": ("at the", "on the", "on a", "by the"),
        "city": ("in the", "in a", "in front of the"),
        "mountains": ("in the", "in front of", "in front of the", "on the"),
        "sunset": ("at", "during", "in front of a", "in the", "at the"),
        "night": ("at", "in the", "during the", "under the"),
        "office": ("in the", "in an", "at the"),
        "snow": ("in the", "in", "in a"),
        "space": ("in", "in the", "floating in"),
    }
)
OBJECT: Final = _table(
    muffins="muffins|muffins|muffin|cupcakes|cupcake|blueberry muffins|a plate of muffins|pastries"
    "|three muffins|fresh muffins|cakes|cake|a tray of muffins|dessert|baked goods",
    sword="sword|sword|swords|blade|longsword|steel sword|weapon|dagger|knight's sword|magic sword"
    "|silver sword",
    potion="potion|potion|potions|magic potion|purple potion|bottle|flask|elixir|vial|bottle of potion"
    "|poison|healing potion",
    apple="apple|apple|red apple|apples|fruit|ripe apple|fresh apple|juicy apple",
    coffee="coffee|cup of coffee|coffee cup|mug|mug of coffee|hot coffee|tea|cup of tea|red mug|cup"
    "|hot chocolate|espresso|cup of hot coffee",
    book="book|book|open book|books|spellbook|old book|novel|magic book|tome|diary|story book",
    rose="rose|rose|red rose|roses|flower|single rose|red flower|blooming rose|tulip|flower stem",
    cat="cat|cat|cats|kitten|orange cat|kitty|ginger cat|pet cat|cute cat|tabby cat|pet|animal",
)
PRAISE: Final = listing(
    "beautiful|lovely|stunning|amazing|magical|epic|peaceful|colorful|pretty|wonderful|nice|quiet"
    "|majestic|gorgeous|breathtaking|simple|mysterious|ancient|delicious|fresh|shiny|cute|tasty|huge"
    "|small|big|little|cozy|famous|perfect"
)
FRAMES: Final = listing(
    "a portrait of|portrait of|a picture of|a cartoon of|an illustration of|a drawing of|a photo of"
    "|an image of|close-up of|a headshot of|an avatar of|profile picture of|a close-up portrait of"
    "|generate|draw|show me|i want|please draw|professional headshot of|character portrait of"
    "|painting of"
)
SCENE_FRAMES: Final = listing(
    "a view of|view of|landscape with|background of|scenery with|a scene with|wide shot of|an empty"
    "|a picture of|a landscape of|photo of|illustration of|a panorama of"
)
FILLERS: Final = listing(
    "digital art|highly detailed|4k|8k|cinematic lighting|masterpiece|flat cartoon|illustration"
    "|sharp focus|best quality|fantasy art|anime style|concept art|vector art|simple style|detailed"
    "|cartoon style|art|high quality|studio lighting|soft light|upper body|bust portrait|close up"
    "|looking at the camera|realistic|photorealistic|professional photography|dramatic lighting"
    "|friendly|ambitious|creative|confident|curious|brave|determined|energetic|funny|kind|wise"
    "|loves technology|passionate about life|standing|sitting|posing|walking|hand drawn"
    "|comic book style|role playing game|dungeons and dragons|social media post|instagram|avatar"
    "|profile picture|professional|natural light|warm colors|vivid colors|centered|looking ahead"
    "|cool|strong|smart"
)
NAMES: Final = listing(
    "kael|aria|luna|max|emma|liam|sofia|mia|leo|nora|elena|marcus|thorin|gandalf|merlin|lyra|zara"
    "|anna|maria|john|sarah|david|alex|sam|kim|chen|amir|fatima|olga|ivan|grok|elara|finn|ruby"
    "|rose marie|arthur|lily|oscar|clara|hugo"
)
