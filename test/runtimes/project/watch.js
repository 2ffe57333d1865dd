/** Notes every call that makes WebAssembly from something else than a module. */
const { Module } = WebAssembly;

/** The names of the functions called so. */
export const attempts = [];

for (const name of ["Module", "compile", "compileStreaming", "instantiate", "instantiateStreaming"]) {
  if (!WebAssembly[name]) continue;
  const note = (source) => {
    if (!(source instanceof Module)) attempts.push(name);
  };
  // Proxies, for which instanceof stays as it is.
  WebAssembly[name] = new Proxy(WebAssembly[name], {
    apply(target, self, args) {
      note(args[0]);
      return Reflect.apply(target, self, args);
    },
    construct(target, args) {
      note(args[0]);
      return Reflect.construct(target, args);
    },
  });
}
