"""More words, taught after the pictures: people, what they do, and where they and things are found.

The tokenizer was built without them, so each is a few known pieces; the text encoder learns to read those.
Knows words only.
"""

from __future__ import annotations

from types import MappingProxyType
from typing import Final


def _listing(row: str) -> tuple[str, ...]:
    return tuple(row.split("|"))


PEOPLE: Final = _listing(
    "keeper|lighthouse keeper|principal|headmaster|headmistress|dean|inspector|constable|cop|cadet|commando|sniper"
    "|marksman|paratrooper|marine|lieutenant|corporal|private|medic|field medic|nurse practitioner|orderly|optician"
    "|orthodontist|radiologist|cardiologist|pediatrician|dermatologist|neurologist|oncologist|anesthetist|masseur"
    "|masseuse|yogi|nutritionist|dietitian|counselor|psychiatrist|social worker|nanny|babysitter|au pair|governess"
    "|kindergarten teacher|substitute teacher|math teacher|tutor|coder|tester|data scientist|web designer|architect"
    "|game designer|animator|cartoonist|illustrator|sketcher|calligrapher|printer|publisher|bookseller|bookkeeper"
    "|auditor|actuary|economist|broker|stockbroker|trader|tycoon|millionaire|billionaire|heiress|heir|landlord"
    "|landlady|tenant|squatter|receptionist|concierge|bellboy|porter|doorman|valet|chauffeur|cabbie|taxi driver"
    "|bus driver|train driver|engine driver|trucker|biker|motorcyclist|racer|racing driver|mechanic|machinist"
    "|technician|handyman|roofer|bricklayer|mason|stonemason|plasterer|glazier|locksmith|blacksmith|silversmith"
    "|watchmaker|clockmaker|toymaker|candlemaker|glassblower|woodcarver|woodcutter|logger|sawyer|forester"
    "|forest ranger|park ranger|gamekeeper|hunter|trapper|tracker|fur trader|falconer|horseman|horsewoman|jockey"
    "|stable boy|groomer|milkmaid|dairy farmer|goatherd|swineherd|harvester|reaper|sower|vintner|sommelier|bartender"
    "|barkeep|barmaid|tavern keeper|innkeeper|landlord|dishwasher|line cook|sous chef|confectioner|chocolatier"
    "|cheesemonger|greengrocer|milkman|ice cream seller|street vendor|peddler|hawker|huckster|auctioneer|pawnbroker"
    "|antiquarian|antique dealer|art dealer|appraiser|conservator|museum guard|security guard|night watchman|sentry"
    "|lookout|gatekeeper|jailer|warden|executioner|hangman|torturer|thug|crook|pickpocket|conman|con artist|swindler"
    "|hitman|mobster|mafia boss|kingpin|henchman|minion|stalker|hooligan|vandal|outcast|exile|refugee|castaway"
    "|survivor|orphan|widow|widower|bachelor|bachelorette|newlywed|spouse|in-law|mother-in-law|stepmother|stepfather"
    "|godfather|godmother|grandparent|great-grandmother|ancestor|descendant|sibling|brother-in-law|stepsister|teen"
    "|adolescent|preteen|tween|infant|newborn|youth|youngling|elder|senior citizen|pensioner|retiree|centenarian"
    "|millennial|hipster|hippie|punk|rocker|metalhead|goth|emo|raver|skinhead|cheerleader|quarterback|striker"
    "|midfielder|pitcher|batter|catcher|bowler|batsman|fencer|judoka|karateka|sumo wrestler|martial artist"
    "|kickboxer|bodybuilder|weightlifter|powerlifter|sprinter|marathon runner|hurdler|high jumper|pole vaulter"
    "|figure skater|speed skater|bobsledder|curler|rower|canoeist|kayaker|yachtsman|helmsman|boatswain|deckhand"
    "|first mate|skipper|sea captain|buccaneer|corsair|privateer|harpooner|whaler|oyster diver|pearl diver"
    "|scuba diver|snorkeler|wind surfer|kite surfer|beach guard|mountaineer|alpinist|sherpa|spelunker|caver"
    "|trekker|backpacker|globetrotter|vagabond|drifter|hobo|tramp|hitchhiker|passenger|commuter|pedestrian|jaywalker"
    "|stewardess|flight attendant|air hostess|navigator|aviator|aviatrix|test pilot|wingman|spaceman|spacewoman"
    "|space captain|space traveler|space pilot|time traveler|starship captain|stargazer|astrologer|rocket scientist"
    "|nuclear physicist|lab assistant|botanist|zoologist|entomologist|ornithologist|marine biologist|ecologist"
    "|environmentalist|meteorologist|weatherman|seismologist|volcanologist|paleontologist|anthropologist"
    "|sociologist|linguist|translator|interpreter|philologist|theologian|rabbi|imam|pastor|preacher|vicar|bishop"
    "|cardinal|pope|abbot|abbess|friar|deacon|missionary|evangelist|disciple|apostle|martyr|crusader|inquisitor"
    "|exorcist|cultist|acolyte|high priest|high priestess|priestess|vestal|sibyl|soothsayer|tarot reader|palm reader"
    "|medium|hypnotist|illusionist|stage magician|escape artist|ventriloquist|puppeteer|mime|pantomime|fire eater"
    "|sword swallower|tightrope walker|trapeze artist|ringmaster|lion tamer|animal trainer|dog walker|zookeeper"
    "|trumpeter|trombonist|saxophonist|flutist|clarinetist|oboist|cellist|harpist|bassist|organist|accordionist"
    "|bagpiper|fiddler|banjo player|busker|troubadour|minstrel|skald|crooner|soprano|tenor|alto|baritone|diva|prima donna"
    "|choir boy|opera singer|jazz singer|folk singer|rock singer|pop star|idol|superstar|starlet|movie star|film star"
    "|stuntman|stuntwoman|screenwriter|scriptwriter|playwright|dramatist|essayist|columnist|biographer|chronicler|scribe"
    "|copywriter|ghostwriter|proofreader|typist|stenographer|notary|solicitor|barrister|prosecutor|defendant|plaintiff"
    "|juror|witness|suspect|culprit|convict|inmate|parolee|whistleblower|informant|double agent|secret agent|spymaster"
    "|codebreaker|cryptographer|statesman|chancellor|prime minister|first lady|congressman|congresswoman|councilor"
    "|alderman|ombudsman|bureaucrat|official|envoy|consul|delegate|lobbyist|campaigner|suffragette|revolutionary"
    "|guerrilla|partisan|insurgent|dictator|tyrant|despot|usurper|regent|viceroy|sultan|shah|caliph|khan|tsar|tsarina"
    "|pharaoh|maharaja|rajah|kaiser|archduke|duchess|countess|baroness|marquis|viscount|earl|squire|page boy"
    "|lady-in-waiting|chambermaid|handmaid|cupbearer|court jester|court wizard|royal guard|palace guard|city guard"
    "|castle guard|man-at-arms|foot soldier|legionary|centurion|hoplite|spartan|berserker|shieldmaiden|valkyrie|amazon"
    "|ronin|shogun|geisha|sensei|kunoichi|archmage|battlemage|hedge wizard|sage|mage apprentice|spellweaver|illusionist"
    "|elementalist|geomancer|beastmaster|dragon rider|dragon slayer|dragonborn|tiefling|half-orc|kobold|imp|gremlin"
    "|sprite|pixie|dryad|faun|satyr|centaur|siren|banshee|ghoul|wraith|specter|ghost|phantom|lich|mummy|werewolf"
    "|lycanthrope|cyclops|giant|giantess|titan|golem|gargoyle|homunculus|changeling|leprechaun|brownie|gnome"
    "|troglodyte|caveman|cavewoman|neanderthal|mutant|clone|replicant|cyber warrior|rogue trader|scavenger|raider"
    "|wastelander|bounty killer|gunslinger|gunman|rifleman|musketeer|swashbuckler|highwayman|desperado|prospector"
    "|gold digger|pioneer|settler|homesteader|frontiersman|medicine man|medicine woman|village elder|wise woman"
    "|herbalist|apothecary|plague doctor|barber surgeon|bonesetter|gravedigger|undertaker|mortician|coroner"
    "|chimney sweep|lamplighter|town crier|ferryman|boatman|gondolier|rickshaw driver|camel driver|caravan leader"
    "|snake charmer|rug merchant|spice merchant|silk trader|nomad chief|desert nomad|bedouin|eskimo|reindeer herder"
    "|ice fisher|ski instructor|snow queen|ice princess|snow maiden|jack frost|elf princess|sea witch|moon goddess"
    "|sun god|goddess|god|deity|demigod|cupid|guardian angel|tooth fairy|fairy godmother|cinderella|snow white"
    "|rapunzel|robin hood|peter pan|dracula|frankenstein|cleopatra|caesar|napoleon|shakespeare|einstein|mona lisa"
    "|fashion model|supermodel|beauty queen|makeup artist|nail artist|tattoo artist|piercer|hair stylist|seamstress"
    "|dressmaker|milliner|hatter|knitter|quilter|crafter|maker|tinkerer|gamer girl|esports player|live streamer"
    "|content creator|brand ambassador|social media manager|marketing manager|product manager|project manager"
    "|office worker|call center agent|human resources manager|team lead|supervisor|foreman|chairman|chairwoman"
    "|board member|shareholder|treasurer|controller|cfo|cto|vice president|startup founder|business owner|shop owner"
    "|shop assistant|store clerk|sales clerk|salesperson|shopper|bargain hunter|homemaker|housewife|househusband"
    "|stay-at-home dad|soccer mom|working mom|single dad|new father|expectant mother|birthday girl|birthday boy"
    "|best man|maid of honor|flower girl|guest of honor|dinner guest|party girl|party animal|night owl|early bird"
    "|couch potato|daydreamer|dreamer|thinker|optimist|pessimist|loner|introvert|extrovert|rebel|troublemaker|prankster"
    "|joker|trickster|fool|genius|prodigy|mastermind|perfectionist|workaholic|enthusiast|hobbyist|amateur|beginner|rookie"
    "|newcomer|foreigner|expat|local|countryman|farmhand|farm girl|farm boy|country girl|city girl|village girl|schoolmaster"
    "|school teacher|school nurse|college student|exchange student|law student|medical student|art student|freshman"
    "|sophomore|alumnus|scholar|fellow|patient|invalid|amputee|donor|victim|hostage|captive|slave|serf|commoner|yeoman"
    "|crossing guard|traffic cop|meter maid|mail carrier|paperboy|newsboy|news reader|anchorwoman|anchorman|talk show host"
    "|game show host|quiz master|commentator|announcer|narrator|speaker|orator|motivational speaker|life coach|fitness coach"
    "|gym trainer|swim coach|football fan|sports fan|mascot|umpire|timekeeper|groundskeeper|caddie|bowman|crossbowman"
    "|gunner|cannoneer|sapper|engineer corps officer|bomb technician|detective inspector|crime boss|cat burglar|art thief"
    "|tomb raider|treasure seeker|gold miner|coal miner|oil worker|steelworker|factory worker|dock worker|longshoreman"
    "|warehouse worker|crane operator|construction worker|road worker|sanitation worker|garbage man|street sweeper"
    "|window cleaner|pool boy|gardener girl|landscaper|tree surgeon|flower seller|fruit seller|fish seller|baker girl"
    "|cookie baker|bread maker|pizza maker|sushi chef|grill master|food critic|food blogger|travel blogger|wine lover"
    "|tea lover|coffee lover|cat lady|dog owner|bird watcher|butterfly collector|stamp collector|chess player|poker player"
    "|card player|dart player|pool player|dungeon master|game master|cosplayer|larper|reenactor|knight errant|cave dweller"
    "|mountain guide|mountain man|hill giant|wood elf|forest witch|swamp witch|hedge witch|river spirit|tree spirit|fire spirit"
    "|storm giant|frost giant|sky pirate|air pirate|river pirate|space pirate|star captain|alien queen|robot girl|android girl"
)
EPITHETS: Final = _listing(
    "stern|strict|grim|jolly|merry|lively|bubbly|dreamy|sleepless|restless|exhausted|weary|jealous|envious|guilty|innocent"
    "|naive|bitter|heartbroken|lovesick|homesick|seasick|hungover|drunken|sober|barefoot|masked|hooded|cloaked|uniformed"
    "|armed|unarmed|winged|horned|one-eyed|toothless|freckled|tattooed|pierced|bearded|unshaven|clean-shaven|well-dressed"
    "|shabby|ragged|elegantly dressed|glamorous|dashing|rugged|burly|stocky|lanky|petite|plump|frail|fit|agile|nimble|swift"
    "|stubborn|ruthless|merciless|vengeful|reckless|fearful|timid|cowardly|daring|bold|valiant|gallant|chivalrous|devout|pious"
    "|wicked|sinister|shady|suspicious|sneaky|devious|mischievous|playful|witty|sarcastic|cynical|skeptical|stoic|serene"
    "|peaceful|thoughtful|pensive|absent-minded|forgetful|distracted|focused|hardworking|diligent|skilled|master|expert"
    "|novice|young|former|future|chief|head|senior|junior|deputy|assistant|part-time|freelance|unemployed|undercover|secret"
    "|imperial|ancient|immortal|undead|ghostly|spectral|demonic|angelic|divine|mythical|mechanical|cybernetic|alien|interstellar"
    "|canadian|mexican|brazilian|spanish|portuguese|french|dutch|belgian|swiss|austrian|polish|czech|hungarian|swedish"
    "|norwegian|danish|finnish|icelandic|scottish|irish|welsh|turkish|persian|arabian|arab|moroccan|nigerian|kenyan|ethiopian"
    "|korean|thai|vietnamese|indonesian|filipino|mongolian|tibetan|nepalese|australian|hawaiian|cuban|jamaican|argentinian"
    "|village|town|country|city|harbor|island|highland|lowland|forest|mountain|desert|polar|arctic|jungle|river|sea|school|college"
    "|hospital|airport|hotel|museum|circus|theater|opera|street|palace|royal court|temple|church"
)
DOING: Final = _listing(
    "guarding a bridge|guarding the door|guarding the treasure|crossing a river|crossing a bridge|rowing a boat|on a ship"
    "|on a boat|on a raft|on a horse|on a camel|on a train|on a plane|on the bus|in the rain|in the fog|in the storm|in the wind"
    "|in the shade|in the dark|under an umbrella|under arrest|by the river"
    "|by the lake|by the fire|by the fireplace|by the window|by the road|at the door|at the gate|at the station"
    "|at the airport|at the harbor|at the market|at the gym|at the hospital|at the barber|at the museum|at the zoo|at the theater"
    "|at the opera|at the fair|at the carnival|at a wedding|at a funeral|at a concert|at a festival|at school|at war|in court"
    "|in exile|in disguise|in despair|in mourning|in training|in retirement|in pajamas|in uniform|in high heels|in sandals"
    "|on stage|on the phone|on a bench|on a bicycle|on a motorcycle|on a break|on duty|on patrol|on strike|on the run|on a diet"
    "|on the way home|on her way to work|on his first day|backstage|after a long night shift|after the battle|after the storm"
    "|after a bad day|before the exam|before the battle|before the wedding|during the war|late at night|early in the morning"
    "|brewing a potion|brewing something|brewing tea|stirring a cauldron|stirring soup|baking bread|kneading dough|decorating a cake"
    "|cutting vegetables|washing dishes|setting the table|pouring wine|drinking wine|drinking beer|drinking milk|eating soup"
    "|eating ice cream|eating an apple|tasting wine|mending nets|mending shoes|sharpening an axe|forging a blade|hammering"
    "|carving wood|spinning wool|weaving baskets|milking cows|herding sheep|herding goats|feeding chickens|harvesting grapes"
    "|picking apples|watering plants|mowing the lawn|raking leaves|shoveling snow|building a snowman|making a campfire"
    "|pitching a tent|reading a map|reading the news|looking at the stars|looking for a job|looking for love|looking lost"
    "|looking back|looking up|gazing at the horizon|gazing into a crystal ball|counting coins|counting stars|polishing armor"
    "|playing the violin|playing the flute|playing the harp|playing drums|playing football|playing basketball|playing tennis"
    "|playing golf|playing poker|playing video games|lifting weights|stretching|juggling|doing magic tricks|telling fortunes"
    "|telling lies|giving orders|giving advice|giving directions|giving an interview|signing autographs|taking notes"
    "|taking pictures|taking a walk|taking a nap|taking a break|walking the dog|walking home|riding a dragon|riding a unicorn"
    "|taming a dragon|slaying a dragon|summoning a demon|healing the sick|curing the plague|blessing the crowd|begging for money"
    "|begging for mercy|asking for help|calling for help|waving|waving goodbye|saluting|bowing|kneeling|crying for help"
    "|lost in thought"
    "|caught in the rain|covered in mud|blessed by the gods|cursed by a witch|raised by wolves|born to be wild"
    "|ready for school|ready for work|ready to fight|ready to party|dressed for winter|dressed for a ball|with a pipe|with a cane"
    "|with a cigar|with a guitar|with a violin|with a camera|with a telescope|with a map|with a lantern|with a torch|with an axe"
    "|with a bow|with a spear|with a shield|with a hammer|with a broom|with a staff|with a wand|with a suitcase|with an umbrella"
    "|with a parrot|with a falcon|with an owl|with a horse|with a dog|with sunglasses on|with a broken arm|with wings|with horns"
    "|with a mask|with an eye patch|with a golden heart|with big dreams|with a secret|without a home|without fear|who lost everything"
    "|who lost his kingdom|who lost her way|who found gold|who just woke up|who just won the lottery|who forgot his keys"
    "|who talks to animals|who sells dreams|who can fly|who cannot sleep|who never smiles|who hates mondays|who rules the seas"
    "|who knows too much|that nobody knows|that everybody likes|from the village|from the city|from the mountains|from the desert"
    "|from the stars|from the future|from the past|from hell|from heaven|of the forest|of the sea|of the north|of the mountain"
    "|of the night|of the village|of the castle|of the realm|of the dark tower|of the lost city|of a starship|of a small town"
)
SCENES: Final = MappingProxyType(
    {
        "beach": _listing(
            "harbor|pier|dock|bay|lagoon|cove|waves|lighthouse|shoreline|coastline|sandbank|waterfront|reef|surf|atoll"
            "|desert island|lonely island|caribbean|hawaii|south seas"
        ),
        "forest": _listing(
            "grove|rainforest|trail|forest path|pines|oaks|birch trees|clearing|glade|thicket|wilderness|swamp|bamboo forest"
            "|redwoods|deep woods|timberland|undergrowth|autumn forest"
        ),
        "city": _listing(
            "alley|market square|town square|boulevard|avenue|metropolis|suburbs|crosswalk|bus stop|rush hour|high-rises"
            "|tower blocks|new york|london|tokyo|paris|manhattan|chicago|big city|main street|train station|apartment blocks"
        ),
        "mountains": _listing(
            "summit|ridge|volcano|mountain pass|highlands|mountaintop|himalayas|rocky mountains|andes|mount everest|crags|gorge"
            "|rocky peaks|alpine valley|foothills|mountain village"
        ),
        "sunset": _listing(
            "red sky|orange sky|glowing sky|nightfall|daybreak|sundown|last light|first light|evening glow|afterglow|morning glow"
            "|sun going down|sun sinking|sky on fire|evening light|dying day|end of the day"
        ),
        "night": _listing(
            "moonlit sky|crescent moon|dark sky|shooting star|constellations|milky way|dead of night|starlight|clear night|nighttime"
            "|moonrise|late night|moonlit hill|night of stars|witching hour"
        ),
        "library": _listing(
            "archive|reading room|stacks|rows of books|wall of books|bookcase|bookcases|book collection|university library|scriptorium"
            "|secondhand bookshop|shelves of novels|old bookshop|book stacks"
        ),
        "dungeon": _listing(
            "mine|tunnel|vault|jail|sewer|sewers|mineshaft|grotto|underground|cavern hall|torture chamber|burial chamber|stone corridor"
            "|labyrinth|prison cell|jail cell|goblin cave|dripping cave|bear cave|lair|dragon lair"
        ),
        "castle": _listing(
            "courtyard|battlements|citadel|stronghold|drawbridge|great hall|ramparts|royal court|banquet hall|knight's castle|fort"
            "|castle gate|castle tower|fairy tale castle|ruined castle|royal residence|chateau"
        ),
        "office": _listing(
            "cubicle|cubicles|headquarters|open plan office|home office|reception desk|corner office|meeting|office desk|law firm|bank"
            "|startup office|lecture hall|company|bureau|agency|newsroom|studio office|filing cabinets"
        ),
        "kitchen": _listing(
            "stove|oven|pantry|kitchen counter|kitchen table|diner kitchen|country kitchen|farmhouse kitchen|fridge|cupboards|sink"
            "|messy kitchen|tiny kitchen|grandma's kitchen|pots and pans|cake shop|confectionery"
        ),
        "garden": _listing(
            "orchard|vineyard|lawn|greenhouse|pasture|flower bed|flowerbeds|rose garden|botanical garden|hedges|picnic|city park"
            "|wildflowers|green meadow|grassland|prairie|clover field|front yard|village green|tulip field|sunflowers|blossoms"
        ),
        "desert": _listing(
            "oasis|outback|mesa|arizona|badlands|gobi|arid plain|dry land|pyramids|sand|sea of sand|scorching sand|barren land|cacti"
            "|death valley|dust bowl|salt flats|egypt|endless dunes"
        ),
        "snow": _listing(
            "glacier|tundra|arctic|north pole|south pole|antarctica|ski slope|frost|icy plain|snowdrift|snow field|frozen lake|siberia"
            "|alaska|lapland|winter wonderland|white winter|snow-covered trees|snowy village|ice cave|deep snow|first snow"
        ),
        "tavern": _listing(
            "saloon|brewery|alehouse|lodge|cottage|log cabin|beer hall|guesthouse|hostel|roadside inn|wooden hut|hut|bar counter"
            "|irish pub|wine cellar|taproom|barn|hunting lodge|chalet|bistro|diner|village inn|farmhouse"
        ),
        "space": _listing(
            "orbit|moon base|nebula|asteroid|asteroids|asteroid belt|mars|saturn|jupiter|solar system|space station|stars and planets"
            "|black hole|starship|rocket|comet|edge of the galaxy|lunar surface|zero gravity|far galaxy|interstellar void"
        ),
    }
)
OBJECTS: Final = MappingProxyType(
    {
        "muffins": _listing(
            "chocolate muffins|birthday cake|cup cakes|cookies|brownies|pie|tart|sweet pastry|chocolate cake|bun|buns|scones|doughnuts"
            "|treats|sweets|frosted cupcakes|wedding cake|banana bread|breakfast muffins"
        ),
        "sword": _listing(
            "katana|saber|sabre|rapier|broadsword|excalibur|claymore|scimitar|cutlass|greatsword|rusty sword|sharp blade|legendary sword"
            "|cursed blade|sword in a stone|knife|elven blade"
        ),
        "potion": _listing(
            "brew|tonic|antidote|love potion|mana potion|health potion|bubbling potion|glowing potion|alchemy bottle|glass bottle|philter"
            "|beaker|test tube|perfume bottle|liquid in a flask|bubbling flask|magic drink|bottle of poison"
        ),
        "apple": _listing(
            "green apple|golden apple|poisoned apple|shiny apple|crunchy apple|pear|peach|cherry|plum|half-eaten apple|apple with a leaf"
            "|healthy snack|orchard fruit|sweet red fruit"
        ),
        "coffee": _listing(
            "cappuccino|latte|mocha|teacup|cocoa|americano|macchiato|flat white|black coffee|morning coffee|steaming cup|steaming mug"
            "|takeaway coffee|coffee mug|green tea|herbal tea|earl grey|cup of cocoa|warm drink|brewed coffee|coffee to go"
        ),
        "book": _listing(
            "notebook|textbook|cookbook|dictionary|encyclopedia|manuscript|scroll|grimoire|bible|thriller|paperback|hardcover|comic"
            "|leather book|old leather book|journal|atlas|fairy tale book|book of spells|recipe book|photo album|storybook|ledger"
        ),
        "rose": _listing(
            "daisy|lily|orchid|poppy|peony|carnation|bouquet|wildflower|sunflower|blossom|bloom|pink rose|white rose|valentine rose"
            "|wilting rose|rose with thorns|long-stemmed rose|flower in a vase|rosebud|garden rose"
        ),
        "cat": _listing(
            "tomcat|kittens|persian cat|siamese cat|house cat|street cat|stray cat|black cat|sleepy cat|fluffy cat|purring cat|striped cat"
            "|fat cat|feline|maine coon|grumpy cat|ginger kitten|curious kitten|furry friend|alley cat|lazy cat|red tabby"
        ),
    }
)
NEAR: Final = _listing(
    "by|by|at|near|near|under|behind|beside|next to|in front of|close to|on|on|in|in|across|opposite|around|through|along|inside"
)
LANDMARKS: Final = _listing(
    "the bridge|the lake|the river|the house|the old well|the gate|the bench|the ruins|the road|the fountain|the statue|the window"
    "|the fire|the fireplace|the table|the door|the cart|the boat|the ship|the market stall|the fog|the rain|the storm|the wind"
    "|the mist|the shadows|the crowd|the sun|the stairs|the bell|the mirror|the curtain|the counter|the stage|the street lamp"
    "|the bus stop|the train|the car|the tent|the campfire|the rock|the waterfall|the pond|the swamp|the hill|the fence|the wall"
    "|the church|the temple|the school|the hospital|the station|the airport|the hotel|the shop|the market|the museum|the theater"
    "|the circus|the zoo|the stadium|the gym|the pool|the playground|the battlefield|the graveyard|the ship's wheel|the throne"
    "|the altar|the bed|the sofa|the couch|the bath|the kitchen door|the garden gate|the tower|the old tree|the oak|the roof"
    "|the village|the town|the port|the crossroads|a bridge|a lake|a river|a house|a well|a gate|a bench|a road|a fountain|a statue"
    "|a window|a fire|a table|a door|a boat|a ship|a tent|a rock|a waterfall|a pond|a fence|a wall|a church|a tree|a hill|a car|a train"
)
WHOSE: Final = _listing("a|a|a|a|the|the|the|my|my|our|your|his|her|their|this|that|one|some|||")
"""What stands before a person's noun."""
SITUATIONS: Final = MappingProxyType(
    {
        "beach": _listing(
            "stranded on an island|by the sea|at sea|by the water|by the ocean|on the shore|on a beach towel|near the waves"
            "|watching the waves|collecting shells|on the pier"
        ),
        "forest": _listing(
            "under the trees|under a tree|lost in the woods|among the trees|between the trees|deep in the forest"
            "|at the edge of the forest|hiding behind a tree|up in a tree|picking mushrooms"
        ),
        "city": _listing(
            "stuck in traffic|in front of skyscrapers|on the corner|downtown|uptown|on the way downtown|among the crowds"
            "|in front of tall buildings|at a crosswalk|on the sidewalk"
        ),
        "mountains": _listing(
            "on top of a mountain|on a mountain|high in the alps|climbing a peak|above the valley|in the valley"
            "|on the way to the summit|at the foot of the mountain"
        ),
        "sunset": _listing(
            "watching the sunset|watching the sun go down|in the last light|as the sun sets|at the end of the day|at sundown"
            "|at nightfall|before sunrise|in the evening light|under a red sky"
        ),
        "night": _listing(
            "under the stars|under the moon|by moonlight|in the moonlight|at midnight|late at night|counting the stars"
            "|looking at the moon|under a full moon|in the dead of night"
        ),
        "library": _listing(
            "among books|between shelves of books|behind a pile of books|surrounded by books|in front of a bookshelf"
            "|in the reading room|looking for a book in the library"
        ),
        "dungeon": _listing(
            "trapped in a cave|chained to a wall|locked in a cell|underground|deep underground|in the dark cave|behind bars"
            "|lost in the catacombs|in the tunnels|down in the mine"
        ),
        "castle": _listing(
            "locked in a tower|in front of a castle|at court|at the royal court|on the castle wall|on the battlements"
            "|at the castle gate|in the throne room|before the throne|in the great hall"
        ),
        "office": _listing(
            "in a meeting|at the desk|at his desk|at her desk|at a computer|in front of a laptop|working at the computer"
            "|at the office|behind a desk|working late at the office|in the boardroom"
        ),
        "kitchen": _listing(
            "at the stove|in front of the oven|washing dishes in the kitchen|cooking at home|at the kitchen table|by the oven"
            "|in the bakery kitchen|in the kitchen"
        ),
        "garden": _listing(
            "among the flowers|picking flowers in a meadow|in the park|on a park bench|in the grass|on the lawn"
            "|watering the garden|in the orchard|in the vineyard|in a field of flowers|having a picnic"
        ),
        "desert": _listing(
            "lost in the desert|crossing the desert|between the dunes|under the desert sun|at the oasis|near the pyramids"
            "|on a camel in the desert|dying of thirst in the desert"
        ),
        "snow": _listing(
            "covered in snow|shoveling snow|building a snowman|on the ski slope|on the ice|in the cold|freezing in the snow"
            "|in a blizzard|on a frozen lake|in winter"
        ),
        "tavern": _listing(
            "at the bar|behind the bar|at the inn|over a beer|drinking beer in the pub|in a dark corner of the tavern"
            "|at the counter of a bar|by the tavern fireplace|in a smoky pub"
        ),
        "space": _listing(
            "on a spaceship|aboard a starship|on the moon|on mars|among the stars|between the planets|in orbit"
            "|on a space station|far from earth|lost in space"
        ),
    }
)
OWNERS: Final = _listing(
    "my|our|your|his|her|their|somebody's|nobody's|my neighbour's|my grandmother's|my mother's|my sister's|my uncle's|the king's"
    "|the queen's|a wizard's|the witch's|an old sailor's|a hero's|a knight's|grandpa's|dad's|the baker's|the teacher's|the boss's"
    "|a princess's|a pirate's|the librarian's|an elf's|the last emperor's|santa's|the chef's|a poet's|the farmer's|a child's"
)
OF_WHOM: Final = _listing(
    "of a king|of the queen|of an old wizard|of a knight|of a hero|of my grandmother|of a dead pirate|of the dwarves|of the elves"
    "|of a warrior|of a princess|of my youth|of power|of truth|of wisdom|of life|of love|of destiny|of the gods|for my mother"
    "|for my girlfriend|for the teacher|for a wizard|for a king|from my neighbour|from my sister|from the baker|from grandma"
    "|from another age|with a story|with a name on it|that nobody wants|that everybody needs|nobody can lift|left behind by a traveler"
    "|on the kitchen table|on my desk|on the windowsill|on a stone|on an altar|on a red cushion|on the grass|by the fireplace"
    "|in the morning light|in a museum|in a shop window|at midnight|covered in dust|full of secrets|made of gold|made of glass"
    "|wrapped in paper|freshly baked|freshly picked|just opened|half empty|still hot|ready to serve|ready to drink"
)
PLACE_EXTRAS: Final = _listing(
    "in red and orange|in pink and gold|in blue and white|in green and gold|in all colors|in golden light|in the last light"
    "|at rush hour|at noon|at its best|at closing time|in autumn|in may|in december|on a sunday|on a summer day|on a rainy day"
    "|before the storm|after the storm|after closing time|with fir trees|with tall trees|with big windows|with wooden walls"
    "|with old furniture|with empty chairs|with candles|with flickering torches|with red rooftops|with neon lights|with fog"
    "|with waves|with footprints|with ruins|with a well|with a fountain|with snow on top|with no one in sight|with nobody there"
    "|where nobody lives|where the wizard lives|where dragons sleep|where i grew up|of my dreams|of my childhood|of the king"
    "|of an old university|of a witch|seen from a plane|seen from a ship|from a fairy tale|for a fantasy game|for my desktop"
    "|as far as the eye can see|far from home|high above the clouds|deep below the earth|nobody around|completely empty"
    "|all alone|waiting for guests|waiting for winter|still asleep|full of books|full of flowers|full of stars|full of shadows"
)
SCENE_SUBJECTS: Final = _listing(
    "a path|a road|a river|a lake|a bridge|a house|a ship|a sailing boat|a ruin|an old ruin|a well|a gate|a bench|the view|the edge"
    "|the silence|a storm|clouds|birds|the wind|shadows|footprints|a lonely tree|a campfire|a rock|an old wall|a train|a car"
)


def wider_words() -> set[str]:
    """Every phrase of this module."""
    rows = [PEOPLE, EPITHETS, DOING, NEAR, LANDMARKS, OWNERS, OF_WHOM, PLACE_EXTRAS, SCENE_SUBJECTS]
    return {
        text for row in [*rows, *SCENES.values(), *OBJECTS.values(), *SITUATIONS.values()] for text in row
    }
