/** Installs what peers need of the registry, 700 MB, into this folder. Peers that need nothing of it do without. */
import { execFileSync } from "node:child_process";
import { fileURLToPath } from "node:url";

export function install(): void {
  const folder = fileURLToPath(new URL(".", import.meta.url));
  const options = ["--ignore-scripts", "--no-audit", "--no-fund"];
  execFileSync("npm", ["--prefix", folder, "install", ...options], { stdio: "inherit" });
}
