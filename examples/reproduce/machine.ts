/** The machine and the versions that the figures were made with. */
import { readFileSync } from "node:fs";
import { availableParallelism, cpus } from "node:os";

export interface Machine {
  cpu: string;
  cores: number;
  node: string;
  tensorflow: string;
  adanorm: string;
  date: string;
}

/** From the package.json in the folder of a package: not every package exports it. */
function versionOf(name: string): string {
  return JSON.parse(readFileSync(new URL(`node_modules/${name}/package.json`, import.meta.url), "utf8")).version;
}

export function thisMachine(): Machine {
  return {
    cpu: cpus()[0]?.model.trim() ?? "unknown",
    cores: availableParallelism(),
    node: process.versions.node,
    tensorflow: versionOf("@tensorflow/tfjs-core"),
    adanorm: versionOf("adanorm"),
    date: new Date().toISOString().slice(0, 10),
  };
}
