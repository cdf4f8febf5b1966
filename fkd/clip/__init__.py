"""Clips: reading, tracking, smoothing, exports, frames to label, and adapting a detector to an actor."""
