"""Everything that can be asked about posts."""

import strawberry

import resolvers.posts
from schema.connections import connection
from schema.posts import Post
from schema.publish import related


@strawberry.type(description="Posts.")
class PostQueries:
    """One line a field; a part of `Query`."""

    posts = connection(
        resolvers.posts.posts, Post, "Your posts.", filter_by="Which of them.", order_by="In which order."
    )
    post = related(resolvers.posts.post, Post | None, "Your post of that slug.", slug="Its slug.")
