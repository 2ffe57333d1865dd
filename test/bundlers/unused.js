/** An application that uses nothing of the package, so that its imports and the modules must be dropped. */
// biome-ignore lint/correctness/noUnusedImports: that nobody uses it is the point
import { load } from "adanorm";
// What a compiler that keeps imports makes of an import of types only.
import "adanorm";

console.log("without norms");
