/** The bytes of the relaxed build for shared memory, in a bundle of its own. */
import bytes from "../build/adanorm.shared.relaxed.wasm";

export default bytes;
