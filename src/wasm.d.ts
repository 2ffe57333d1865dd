/** In entries that inline a module, the bundler replaces this import by the bytes of the module. */
declare module "../build/*.wasm" {
  const bytes: Uint8Array<ArrayBuffer>;
  export default bytes;
}

/** The same for files one folder deeper. */
declare module "../../build/*.wasm" {
  const bytes: Uint8Array<ArrayBuffer>;
  export default bytes;
}

/** In the entry for Cloudflare Workers, the host replaces this import by the compiled module. */
declare module "./*.wasm" {
  const module: WebAssembly.Module;
  export default module;
}
