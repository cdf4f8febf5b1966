"""Train, compare, publish and rank facial keypoint detectors."""

__version__ = "0.1.0"
