/** The module of the package, as a host that brings its own module gets it. */
export async function fetchModule(): Promise<Response> {
  const response = await fetch(PACKAGE.wasm);
  if (!response.ok) throw new Error(`${PACKAGE.wasm}: status ${response.status}`);
  return response;
}
