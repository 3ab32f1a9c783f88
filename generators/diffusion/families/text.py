"""What a text encoder cuts off. Knows tokenizers only."""

from typing import Any


def truncated(tokenizer: Any, prompt: str, limit: int | None = None) -> str:
    """The end of the prompt that does not fit into the encoder's tokens; "" when all of it does."""
    limit = limit or int(tokenizer.model_max_length)
    tokens = tokenizer(prompt, truncation=False, verbose=False).input_ids
    if len(tokens) <= limit:
        return ""
    return str(tokenizer.decode(tokens[limit - 1 : -1])).strip()
