"""Everything that can be asked about posts."""

import strawberry

import resolvers.posts
import resolvers.stock
from schema.connections import connection
from schema.posts import Post
from schema.publish import related
from schema.stock import StockPhoto


@strawberry.type(description="Posts.")
class PostQueries:
    """One line a field; a part of `Query`."""

    posts = connection(
        resolvers.posts.posts, Post, "Your posts.", filter_by="Which of them.", order_by="In which order."
    )
    post = related(resolvers.posts.post, Post | None, "Your post of that slug.", slug="Its slug.")
    stock_photos = related(
        resolvers.stock.stock_photos,
        list[StockPhoto],
        "Photographs that can be taken for a post; the same search is remembered for a day.",
        query="What to look for, 1 to 100 characters.",
        first="How many, 1 to 80.",
        orientation="Of which shape; any when absent.",
    )
