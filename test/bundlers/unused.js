/** An application that needs nothing of the package: what it imports is dropped, and so are its modules. */
// biome-ignore lint/correctness/noUnusedImports: that nobody uses it is the point
import { load } from "adanorm";
// What a compiler that keeps imports leaves of one that is of types alone.
import "adanorm";

console.log("without norms");
