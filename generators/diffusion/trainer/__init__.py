"""The process that trains a LoRA: started by `training.py`, one for each training, dead when its server is.

`orders` is plain and imported by both sides; everything else imports torch and runs in the child alone.
"""
