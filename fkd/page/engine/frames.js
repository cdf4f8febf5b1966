// Matrices between photo and frame, as in fkd/photo/crop.py. A matrix is [a, b, c, d, e, f], the rows of a 2 x 3 one;
// a point is [x, y]. Pixel (i, j) is a square with its centre at (i, j).
import { FRAME } from "./constants.js";

const CENTRE = (FRAME - 1) / 2;

/** Whole numbers as Python rounds: halves to even ones. */
export function round(value) {
  const whole = Math.round(value);
  return Math.abs(value % 1) === 0.5 && whole % 2 ? whole - 1 : whole;
}

export const apply = ([a, b, c, d, e, f], [x, y]) => [a * x + b * y + c, d * x + e * y + f];

export const determinant = ([a, b, , d, e]) => a * e - b * d;

export function invert(matrix) {
  const [a, b, c, d, e, f] = matrix;
  const size = determinant(matrix);
  const [p, q, r, s] = [e / size, -b / size, -d / size, a / size];
  return [p, q, -p * c - q * f, r, s, -r * c - s * f];
}

/** Counter-clockwise on the screen, degrees: [a, b, d, e]. */
export function rotation(turn) {
  const [cos, sin] = [Math.cos((turn * Math.PI) / 180), Math.sin((turn * Math.PI) / 180)];
  return [cos, sin, -sin, cos];
}

/** Photo px -> frame px, for the square of a box's longer side, turned about its centre. */
export function frameMatrix([x0, y0, x1, y1], turn) {
  const scale = FRAME / Math.max(x1 - x0, y1 - y0);
  const [a, b, d, e] = rotation(turn).map((value) => scale * value);
  const [x, y] = [(x0 + x1) / 2, (y0 + y1) / 2];
  return [a, b, CENTRE - a * x - b * y, d, e, CENTRE - d * x - e * y];
}

const mean = (points) => [0, 1].map((axis) => points.reduce((sum, at) => sum + at[axis], 0) / points.length);

/** The similarity that takes points to reference by least squares in the frame (Umeyama 1991), never mirrored. */
export function alignMatrix(points, reference) {
  const [middle, target] = [mean(points), mean(reference)];
  let [real, imaginary, spread] = [0, 0, 0];
  points.forEach((at, index) => {
    const [x, y] = [at[0] - middle[0], at[1] - middle[1]];
    const [u, v] = [reference[index][0] - target[0], reference[index][1] - target[1]];
    real += x * u + y * v;
    imaginary += x * v - y * u;
    spread += x * x + y * y;
  });
  if (!(spread > 0) || !(real || imaginary)) throw new Error("a similarity needs two different points on both sides");
  const [a, b] = [real / spread, imaginary / spread];
  return [a, -b, target[0] - a * middle[0] + b * middle[1], b, a, target[1] - b * middle[0] - a * middle[1]];
}

/** The square [x0, y0, x1, y1], photo px, of the frame that a matrix (frame px -> photo px) shows. */
export function boxOf(back) {
  const [x, y] = apply(back, [CENTRE, CENTRE]);
  const half = (Math.sqrt(Math.abs(determinant(back))) * FRAME) / 2;
  return [x - half, y - half, x + half, y + half];
}
