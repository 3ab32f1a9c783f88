"""One file per model family: how its checkpoints encode, denoise, step and decode. Knows no queue and no thread."""
