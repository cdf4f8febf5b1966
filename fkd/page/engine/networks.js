// ONNX networks by onnxruntime-web, on one thread: more would need headers that static hosts do not send.
import * as ort from "./ort.mjs";
import { FRAME } from "./constants.js";

/** Hands over the WebAssembly, before the first network is opened. */
export function startRuntime(wasm) {
  Object.assign(ort.env.wasm, { numThreads: 1, wasmBinary: wasm });
  ort.env.logLevel = "error";
}

/** An async function of (values, dimensions) -> the network's outputs by name, {dims, data} each. */
export async function openNetwork(file) {
  const session = await ort.InferenceSession.create(file, { executionProviders: ["wasm"] });
  ort.env.wasm.wasmBinary = undefined; // it is compiled
  const [input] = session.inputNames;
  return async (values, dimensions) => {
    const tensor = new ort.Tensor("float32", values, dimensions);
    const outputs = await session.run({ [input]: tensor });
    const read = ([name, output]) => [name, { dims: output.dims, data: output.data }];
    const answer = Object.fromEntries(Object.entries(outputs).map(read));
    [tensor, ...Object.values(outputs)].forEach((each) => each.dispose());
    return answer;
  };
}

/** YuNet, for finder.js. */
export const finderOf = (network) => (pixels, height, width) => network(pixels, [1, 1, height, width]);

/** A detector, for answer.js: the pixels of frames, Uint8Array -> outputs by name, Float32Array. */
export const detectorOf = (network) => async (frames) => {
  const values = Float32Array.from(frames, (value) => value / 255);
  const outputs = await network(values, [frames.length / FRAME ** 2, 1, FRAME, FRAME]);
  return Object.fromEntries(Object.entries(outputs).map(([name, { data }]) => [name, data]));
};
