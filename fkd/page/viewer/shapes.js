// One shape per model, in pixels of the screen, for the colour-blind: outlines, so that the photo stays visible.
export const SHAPES = [
  "M-5 0a5 5 0 1 0 10 0a5 5 0 1 0-10 0z",
  "M-4.6-4.6h9.2v9.2h-9.2z",
  "M0-6.2L6 4H-6z",
  "M0-6.6L6.6 0 0 6.6-6.6 0z",
];
export const CROSS = "M-5 0H5M0-5V5";
