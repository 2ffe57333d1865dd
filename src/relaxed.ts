/**
 * The bytes of the relaxed build, in a bundle of its own. It is fetched only if it is asked for and the engine can run it.
 */
import bytes from "../build/adanorm.relaxed.wasm";

export default bytes;
