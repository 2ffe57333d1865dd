/** In the entries that inline a module, the bundler makes it its bytes. */
declare module "../build/*.wasm" {
  const bytes: Uint8Array<ArrayBuffer>;
  export default bytes;
}

/** The same, seen from a folder further down. */
declare module "../../build/*.wasm" {
  const bytes: Uint8Array<ArrayBuffer>;
  export default bytes;
}

/** In the entry for Cloudflare Workers it is left to the host, which gives it compiled. */
declare module "./*.wasm" {
  const module: WebAssembly.Module;
  export default module;
}
