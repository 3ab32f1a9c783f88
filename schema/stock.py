"""Views of stock photographs."""

import resolvers.stock
from generators.hosted import pexels
from schema.publish import publishes, related, shown
from schema.scalars import BigInt


@publishes(resolvers.stock.Attribution)
class Attribution:
    """What must be shown beside a photograph; the provider's terms ask for it."""

    photographer: str = shown("Who took it.")
    photographer_url: str = shown("The photographer's page.")
    source_url: str = shown("The photograph's page.")
    licence: str = shown("The licence, an address.")
    text: str = shown("The credit line, to be shown with a link to `sourceUrl`.")


@publishes(pexels.StockPhoto)
class StockPhoto:
    """A photograph that can be taken for a post."""

    photo_id = related(resolvers.stock.photo_id, BigInt, "Its number, for `attachStockPhoto`.")
    thumbnail: str = shown("The address of a small version, at the provider.")
    width: int = shown("Pixels of the original.")
    height: int = shown("Pixels of the original.")
    alt: str = shown("What it shows; may be empty.")
    attribution = related(resolvers.stock.photo_attribution, Attribution, "Whom to name beside it.")
