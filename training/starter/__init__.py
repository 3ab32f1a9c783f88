"""The starter checkpoint: a small text-to-image model trained on pictures our own code draws."""
