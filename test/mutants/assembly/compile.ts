/** AssemblyScript's compiler within this process, where it is warm from the second module on. */
import { readFileSync } from "node:fs";
import { join } from "node:path";
import asc from "assemblyscript/asc";

/**
 * The portable module.
 *
 * @param changed files whose text is another one, from the root.
 * @returns its bytes, or undefined where it does not compile.
 */
export async function compile(root: string, changed: Record<string, string>): Promise<Uint8Array | undefined> {
  // Half of the compiler's time goes into looking for improvements until there are none.
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
