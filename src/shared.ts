/** The bytes of the build for shared memory, in a bundle of its own. It is fetched only if threads are asked for. */
import bytes from "../build/adanorm.shared.wasm";

export default bytes;
