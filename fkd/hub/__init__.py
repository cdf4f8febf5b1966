"""The Hugging Face Hub: checkpoints, claims, the Space, the data sets."""
