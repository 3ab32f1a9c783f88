"""What a text encoder cuts off. Knows tokenizers only."""

from typing import Any


def truncated(tokenizer: Any, prompt: str, limit: int | None = None, *, ends: bool = True) -> str:
    """The end of the prompt that does not fit into the encoder's tokens; "" when all of it does.

    `ends` = the tokenizer puts a token of its own at the end, which takes the last place.
    """
    limit = limit or int(tokenizer.model_max_length)
    tokens = tokenizer(prompt, truncation=False, verbose=False).input_ids
    if len(tokens) <= limit:
        return ""
    return str(tokenizer.decode(tokens[limit - 1 : -1] if ends else tokens[limit:])).strip()


def truncated_in_chat(tokenizer: Any, prompt: str, limit: int, **options: Any) -> str:
    """The same where the prompt stands inside a chat template: what comes before it takes tokens too."""
    mark = "\N{OBJECT REPLACEMENT CHARACTER}"
    chat = tokenizer.apply_chat_template(
        [{"role": "user", "content": mark}],
        tokenize=False,
        add_generation_prompt=True,
        **({"enable_thinking": True} | options),
    )
    before = len(tokenizer(str(chat).partition(mark)[0], verbose=False).input_ids)
    tokens = tokenizer(prompt, truncation=False, verbose=False).input_ids
    return str(tokenizer.decode(tokens[max(0, limit - before) :])).strip()
