"""Photos: reading, faces, keypoints, drawings, files of points."""
