/**
 * `npm run layout`: writes src/layout.ts, where the fields of the blocks lie that the kernels are given, from the classes in
 * assembly/ that declare them.
 */
import { writeFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import asc from "assemblyscript/asc";

type Program = Parameters<NonNullable<asc.Transform["afterInitialize"]>>[0];

const root = fileURLToPath(new URL("..", import.meta.url));

/** The classes, each with its file in assembly/ and the name that src/ knows it by. */
const BLOCKS = [
  { file: "call", name: "Call", known: "CALL", what: "A call of a norm" },
  { file: "transfer", name: "Transfer", known: "TRANSFER", what: "Rows to be copied or added" },
] as const;

const HEADER = `/**
 * The byte offsets of the fields in the blocks that kernels read. \`npm run layout\` writes this file from assembly/call.ts
 * and assembly/transfer.ts, which say what the fields mean. These are enums, because bundling leaves only their numbers.
 */
`;

/** The text of src/layout.ts. */
export async function makeLayout(): Promise<string> {
  let program: Program | undefined;
  let text = HEADER;
  // A transform is shown the program when its files are read, but the fields lie nowhere before it is compiled.
  const transform = {
    afterInitialize(read: Program) {
      program = read;
    },
    afterCompile() {
      for (const block of BLOCKS) text += `\n${enumOf(program as Program, block)}`;
    },
  };
  const files = BLOCKS.map(({ file }) => `assembly/${file}.ts`);
  const { error, stderr } = await asc.main([...files, "--baseDir", root, "--runtime", "stub", "--noEmit"], {
    transforms: [transform as unknown as asc.Transform],
  });
  if (error) throw new Error(`assembly/ does not compile: ${stderr}`, { cause: error });
  return text;
}

/** One class as an enum. */
function enumOf(program: Program, { file, name, known, what }: (typeof BLOCKS)[number]): string {
  const prototype = program.elementsByName.get(`assembly/${file}/${name}`) as unknown as Prototype;
  const [compiled] = [...prototype.instances.values()];
  if (!compiled) throw new Error(`assembly/${file}.ts: ${name} is not compiled`);
  const fields = [...compiled.members].filter(([, { isField }]) => isField);
  const lines = fields.map(([field, { instance }]) => `  ${field} = ${instance.memoryOffset}, // ${instance.type}`);
  const bytes = Math.ceil(compiled.nextMemoryOffset / 8) * 8;
  return [`/** ${what}. */`, `export enum ${known} {`, `  bytes = ${bytes},`, ...lines, "}", ""].join("\n");
}

/** What is read of the compiler's own classes. */
interface Prototype {
  instances: Map<string, Compiled>;
}

interface Compiled {
  nextMemoryOffset: number;
  members: Map<string, { isField?: boolean; instance: { memoryOffset: number; type: { toString(): string } } }>;
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  writeFileSync(new URL("../src/layout.ts", import.meta.url), await makeLayout());
}
