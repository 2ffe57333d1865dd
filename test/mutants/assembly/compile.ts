/** AssemblyScript's compiler in this process, where the engine has compiled it after the first module. */
import { readFileSync } from "node:fs";
import { join } from "node:path";
import asc from "assemblyscript/asc";

/**
 * The portable module.
 *
 * @param changed the new text of files, by their paths from the root.
 * @returns its bytes, or undefined if it does not compile.
 */
export async function compile(root: string, changed: Record<string, string>): Promise<Uint8Array | undefined> {
  // Half of the compiler's time goes into a search for improvements until there are none.
  const settings = JSON.parse(textOf(join(root, "asconfig.json")) as string);
  Object.assign(settings.targets.release, { converge: false, optimizeLevel: 1, shrinkLevel: 0 });
  const texts = { ...changed, "asconfig.json": JSON.stringify(settings) };
  let bytes: Uint8Array | undefined;
  const { error } = await asc.main(["--target", "release", "--outFile", "adanorm.wasm"], {
    readFile: (name, base) => texts[name as keyof typeof texts] ?? textOf(join(base ?? root, name)),
    writeFile(name, contents) {
      if (name.endsWith(".wasm")) bytes = contents as Uint8Array;
    },
    listFiles: () => [],
    stdout: { write: () => {} },
    stderr: { write: () => {} },
  });
  return error ? undefined : bytes;
}

function textOf(file: string): string | null {
  try {
    return readFileSync(file, "utf8");
  } catch {
    return null;
  }
}
