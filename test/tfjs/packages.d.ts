/** Packages that only the project has in which the tests run: as much of them as is used. */
declare module "@tensorflow/tfjs-backend-cpu";

declare module "@tensorflow/tfjs-backend-wasm" {
  export function setWasmPaths(folder: string): void;
}
