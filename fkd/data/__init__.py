"""The competition's files, as faces and keypoints."""
