"""Words for people that say nothing of how they look: professions, family, what they are doing.

A prompt that names one of them wants a person; everything about that person stays open.
"""

from __future__ import annotations

from typing import Final


def _listing(row: str) -> tuple[str, ...]:
    return tuple(row.split("|"))


PERSON_WORDS: Final = _listing(
    "influencer|model|adventurer|traveler|traveller|hero|artist|painter|singer|musician|dancer|writer"
    "|photographer|gardener|farmer|doctor|nurse|engineer|friend|neighbor|neighbour|blogger|villager"
    "|bard|actor|designer|citizen|merchant|explorer|hunter|sailor|teenager|worker|customer|host|coach"
    "|villain|champion|leader|companion|shopkeeper|hiker|skier|climber|swimmer|surfer|runner|cyclist"
    "|rider|driver|pilot|captain|fisherman|fisher|diver|lifeguard|tourist|guest|visitor|stranger"
    "|wanderer|pilgrim|beggar|trader|seller|vendor|salesman|saleswoman|cashier|clerk|secretary"
    "|assistant|intern|employee|colleague|director|producer|editor|reporter|author|novelist|storyteller"
    "|comedian|clown|juggler|acrobat|magistrate|judge|attorney|mayor|governor|senator|minister|diplomat"
    "|ambassador|officer|policeman|policewoman|firefighter|fireman|paramedic|surgeon|dentist|pharmacist"
    "|therapist|psychologist|veterinarian|vet|midwife|caretaker|janitor|cleaner|maid|servant"
    "|housekeeper|carpenter|builder|architect|electrician|welder|miner|tailor|weaver|potter|sculptor"
    "|jeweler|goldsmith|cobbler|shoemaker|butcher|fishmonger|grocer|florist|barber|hairdresser|stylist"
    "|beautician|trainer|instructor|tutor|lecturer|pupil|schoolgirl|schoolboy|graduate|apprentice"
    "|novice|master|expert|specialist|analyst|inventor|mathematician|physicist|chemist|biologist"
    "|astronomer|geologist|archaeologist|historian|philosopher|psychic|seer|oracle|fortune teller"
    "|alchemist|shaman|necromancer|summoner|conjurer|spellcaster|mystic|monster hunter|bounty hunter"
    "|archer|scout|spearman|mercenary|squire|general|colonel|sergeant|major|admiral|veteran|recruit"
    "|rebel|bandit|robber|burglar|smuggler|gambler|prisoner|guardian|protector|watchman|bodyguard"
    "|bouncer|bartender|innkeeper|brewer|winemaker|beekeeper|shepherd|rancher|peasant|noble|nobleman"
    "|noblewoman|lord|duke|count|baron|knightess|courtier|jester|herald|messenger|postman|mailman"
    "|courier|archivist|curator|collector|critic|fan|player|footballer|goalkeeper|boxer|wrestler"
    "|gymnast|skateboarder|snowboarder|golfer|referee|guitarist|pianist|violinist|drummer|composer"
    "|conductor|dj|vocalist|songwriter|rockstar|popstar|celebrity|star|vlogger|podcaster|youtuber"
    "|tiktoker|creator|founder|investor|freelancer|recruiter|marketer|realtor|guide|volunteer|activist"
    "|protester|voter|immigrant|nomad|saint|angel|superhero|superheroine|sidekick|protagonist|narrator"
    "|twin|cousin|nephew|niece|grandson|granddaughter|child|kid|toddler|baby|youngster|parent|roommate"
    "|classmate|teammate|partner|fiancee|boyfriend|girlfriend|bridesmaid|mentor|chief|chieftain|warlord"
    "|hobbit|halfling|gnome|human being|adult|mermaid|nymph|guy|dude|fellow|chap|lad|lass|folk|somebody"
    "|someone|anybody|person"
)

EPITHETS: Final = _listing(
    "brave|friendly|tired|lonely|busy|rich|poor|famous|mysterious|evil|good|kind|wise|clever|cunning|gentle"
    "|proud|nervous|confident|elegant|handsome|beautiful|pretty|cute|tall|strong|lazy|crazy|noble|royal|modern"
    "|medieval|futuristic|local|retired|professional|experienced|talented|ambitious|romantic|shy|cool|heroic"
    "|legendary|powerful|humble|holy|fallen|lost|drunk|sleepy|hungry|bored|curious|determined|careful|fearless"
    "|loyal|cruel|greedy|sweet|wild|lovely|stylish|fashionable|sporty|athletic|slim|muscular|big|little|small"
    "|tiny|huge|chubby|fat|thin|skinny|grizzled|weathered|scarred|sick|wounded|magical|cursed"
    "|enchanted|haunted|rebellious|polite|rude|honest|sly|quiet|loud|funny|silly|clumsy|dirty|clean|new|first"
    "|last|best|real|true|typical|ordinary|simple|strange|weird|charming|passionate|patient|creative|american"
    "|japanese|chinese|german|french|english|british|italian|russian|greek|egyptian|nordic|asian|western"
)

DOING: Final = _listing(
    "smoking a pipe|playing guitar|playing the piano|playing chess|playing cards|playing games|singing|singing a song"
    "|dancing|running|jogging|walking|waiting|waiting for the bus|thinking|dreaming|sleeping|resting|relaxing"
    "|praying|meditating|talking|talking on the phone|speaking|shouting|whispering|listening to music"
    "|writing|writing a letter|typing|drawing|painting|working|working late|building a house|repairing a car"
    "|fixing things|cleaning|shopping|cooking|cooking dinner|eating|eating lunch|having dinner|on a date"
    "|traveling|exploring|hiking|camping|climbing|swimming|surfing|fishing|skiing|skating|riding a horse"
    "|riding a bike|driving a car|training|exercising|doing yoga|practicing|teaching|giving a speech"
    "|giving a lecture|telling a story|telling jokes|selling fruit|selling vegetables|counting money"
    "|looking for treasure|searching for clues|solving a mystery|on an adventure|on a quest|on a mission"
    "|guarding the gate|protecting the village|hunting monsters|fighting a dragon|fighting|hiding|sneaking"
    "|watching|watching the sky|watching tv|looking out of the window|looking at you|staring|posing for a photo"
    "|taking a selfie|on vacation|on holiday|at work|at home|after work|after a long day|in love|in a hurry"
    "|in trouble|feeding the birds|knitting|sewing|gardening|picking flowers|planting trees|chopping wood"
    "|brewing beer|mixing drinks|serving guests|making dinner|making music|making friends|granting wishes"
    "|saving the world|ruling the land|planning an attack|leading an army|leading a team|in a meeting"
    "|celebrating|celebrating a birthday|at a party|at the window|at the door|floating|flying|sitting on a chair"
    "|sitting on a throne|standing tall|leaning on a wall|crossing the street|carrying a bag|with a backpack"
    "|with a scar|with freckles|with a scarf|with tattoos|with a necklace|with earrings|with makeup|who loves cats"
    "|who never sleeps|who has seen everything|who dreams of the sea|who works hard|who lives alone"
    "|and a dog|from far away|from the north|from another time|of the future|of the old days"
)
SCENE_EXTRAS: Final = _listing(
    "under a blue sky|after the rain|in the distance|seen from above|on a summer day|in autumn|in spring"
    "|on a windy day|far away|at noon|in the morning|in the afternoon|without people|with nobody around"
    "|in the fog|with clouds|with birds|reflected in the water|by a river|by a lake|with a path|with a road"
    "|with a bridge|full of color|full of light|with soft light|in bright colors|on a calm day|in summer"
    "|in the rain|with long shadows|seen from the window|from a distance|with a view|at rest|in silence"
)
OBJECT_EXTRAS: Final = _listing(
    "on a table|on a plate|close-up|still life|isolated|on a wooden table|on a shelf|on the floor|on a chair"
    "|on a counter|in a box|in a basket|in a glass|for breakfast|for dessert|for a hero|for sale|as a gift"
    "|from above|seen from the side|with a shadow|looking at me|lying there|waiting for me|ready to eat"
    "|icon|logo|sticker|for a game|in the sun|in soft light|in my hand"
)
